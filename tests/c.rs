//! The engine in other people's programs: what `export` writes is compiled by their compilers, with their flags and as
//! they would, and gives the PC's traces on emulated cores; no memory error; no panic to link.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use host::library::{CORES, Core, Features, object, undefined};
use host::toolchain::workspace;
use telltale::{Answer, Memory, OwnedClassifier, Prediction, Word};
use tests::{assert_lines, fail, folder, nasty_texts, succeed, text, train};

/// Warnings are errors.
const STRICT: &str = "-Wall -Wextra -Wpedantic -Werror -Os -ffunction-sections -fdata-sections";

fn sources() -> PathBuf {
    workspace().expect("sources").join("tests/c")
}

/// The core of that name.
fn core(name: &str) -> Core {
    *CORES.iter().find(|core| core.name == name).expect("known")
}

/// Runs a program, which must succeed.
fn run(command: &mut Command) -> Output {
    let output =
        command.output().unwrap_or_else(|error| panic!("{command:?}: {error}: tests/run.sh installs it"));
    let [out, err] =
        [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    assert!(output.status.success(), "{command:?}: {}\n{out}\n{err}", output.status);
    output
}

/// A model with everything: n-grams of words and characters, early exit.
fn rich() -> &'static Path {
    static MODEL: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let make = || {
        let folder = folder();
        let [raw, model] = ["raw.bin", "model.bin"].map(|name| folder.path().join(name));
        train(&raw, &["--cell", "gru", "--embed", "12", "--hidden", "20"]);
        succeed(&["early-exit", "--model", text(&raw), "--agreement", "0.8", "--export", text(&model)], b"");
        (folder, model)
    };
    &MODEL.get_or_init(make).1
}

/// What `export` makes of the rich model, for any model and the cores that run it here.
fn exported() -> &'static Path {
    static FOLDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let make = || {
        let folder = folder();
        let out = folder.path().join("c");
        let mut arguments =
            vec!["export", "--as", "c", "--any-model", "--model", text(rich()), "--out", text(&out)];
        for core in ["cortex-m0plus", "cortex-m3", "cortex-m4", "cortex-m33", "rv32imac", "rv32imc"] {
            arguments.extend(["--core", core]);
        }
        succeed(&arguments, b"");
        (folder, out)
    };
    &FOLDER.get_or_init(make).1
}

/// What `export` makes of a GRU with nothing beside it, for its features and all cores.
fn small() -> &'static Path {
    static FOLDER: OnceLock<(tempfile::TempDir, PathBuf)> = OnceLock::new();
    let make = || {
        let folder = folder();
        let out = folder.path().join("small");
        let model = workspace().expect("sources").join("tests/integrator/sentiment.bin");
        succeed(&["export", "--as", "c", "--model", text(&model), "--out", text(&out)], b"");
        (folder, out)
    };
    &FOLDER.get_or_init(make).1
}

/// The texts of the traces, in C: one array, and where each starts.
fn texts_in_c(texts: &[&[u8]]) -> String {
    let mut source = format!("#define TEXTS {}u\nstatic const unsigned long starts[] = {{0", texts.len());
    let mut end = 0;
    for text in texts {
        end += text.len();
        let _ = write!(source, ", {end}");
    }
    source += "};\nstatic const unsigned char texts[] = {";
    for byte in texts.concat() {
        let _ = write!(source, "{byte},");
    }
    source + "0};\n"
}

/// The lines that trace.c prints, by the engine on the PC.
fn expected(model: &'static [u8], texts: &[&[u8]]) -> Vec<u8> {
    struct Reader {
        name: char,
        classifier: OwnedClassifier<Memory<16384>>,
        words: u32,
    }
    fn say(out: &mut Vec<u8>, name: char, labels: &[String], words: &mut u32, word: &Word, said: Prediction) {
        out.extend(format!("{name} {words} ").bytes());
        out.extend(word.as_bytes());
        let (label, known) = (&labels[said.class.index()], u8::from(said.known));
        let (probability, decided) = (said.probability.ten_thousandths(), u8::from(!said.read));
        let trace = said.trace.expect("traced");
        out.extend(format!(" {} {label} {probability} {known}{decided} {trace:016x}\n", said.id).bytes());
        *words += 1;
    }
    let mut readers = ['F', 'B'].map(|name| {
        let mut classifier = OwnedClassifier::new(model, Memory::new()).expect("sound");
        classifier.set_tracing(true);
        Reader { name, classifier, words: 0 }
    });
    let labels: Vec<String> = readers[0].classifier.model().labels().map(str::to_owned).collect();
    let mut out = Vec::new();
    for number in 0..texts.len() {
        let mut rest = [texts[number], texts[texts.len() - 1 - number]];
        while rest.iter().any(|rest| !rest.is_empty()) {
            for (reader, (rest, most)) in readers.iter_mut().zip(rest.iter_mut().zip([7, 3])) {
                let (chunk, behind) = rest.split_at(rest.len().min(most));
                *rest = behind;
                let Reader { name, classifier, words } = reader;
                classifier.feed(chunk, |word, said| say(&mut out, *name, &labels, words, word, said));
            }
        }
        for Reader { name, classifier, words } in &mut readers {
            let Answer { label, probability, words: count, unknown, .. } =
                classifier.finish_with(|word, said| say(&mut out, *name, &labels, words, word, said));
            out.extend(
                format!("{name} = {label} {} {count} {unknown}\n", probability.ten_thousandths()).bytes(),
            );
            *words = 0;
        }
    }
    out
}

/// A model's file for as long as the program runs.
fn leaked(path: &Path) -> &'static [u8] {
    let bytes = host::aligned::AlignedBytes::read(path).expect("readable");
    Box::leak(Box::new(bytes))
}

/// Writes nasty texts as a header into a folder; what the rich model says of them.
fn nasty_texts_in(folder: &Path) -> Vec<u8> {
    let input = nasty_texts();
    let texts: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    std::fs::write(folder.join("texts.h"), texts_in_c(&texts)).expect("written");
    expected(leaked(rich()), &texts)
}

/// An emulated machine, and how a program is compiled for it.
struct Machine {
    name: &'static str,
    core: &'static str,
    /// The flags that whoever has this machine would use.
    flags: &'static str,
    /// Where flash and RAM start, and the bytes of RAM.
    memory: [u32; 3],
}

const MACHINES: [Machine; 5] = [
    Machine {
        name: "microbit",
        core: "cortex-m0plus",
        flags: "-mcpu=cortex-m0 -mthumb",
        memory: [0, 0x2000_0000, 16 << 10],
    },
    Machine {
        name: "mps2-an386",
        core: "cortex-m4",
        flags: "-mcpu=cortex-m4 -mthumb -mfloat-abi=soft",
        memory: [0, 0x2000_0000, 64 << 10],
    },
    Machine {
        name: "mps2-an386",
        core: "cortex-m4",
        flags: "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16",
        memory: [0, 0x2000_0000, 64 << 10],
    },
    Machine {
        name: "mps2-an385",
        core: "cortex-m3",
        flags: "-mcpu=cortex-m3 -mthumb",
        memory: [0, 0x2000_0000, 64 << 10],
    },
    Machine {
        name: "mps2-an505",
        core: "cortex-m33",
        flags: "-mcpu=cortex-m33 -mthumb -mfloat-abi=soft",
        memory: [0x1000_0000, 0x3800_0000, 64 << 10],
    },
];

/// A linker script for a machine.
fn script(machine: &Machine) -> String {
    let [flash, ram, bytes] = machine.memory;
    format!(
        "MEMORY {{ FLASH (rx) : ORIGIN = {flash:#x}, LENGTH = 256K\n RAM (rwx) : ORIGIN = {ram:#x}, LENGTH = {bytes} }}\n\
         SECTIONS {{\n\
         .text : {{ KEEP(*(.vectors)) *(.text .text.* .rodata .rodata.*) }} > FLASH\n\
         .exidx : {{ *(.ARM.exidx* .gnu.linkonce.armexidx.*) }} > FLASH\n\
         data_load = LOADADDR(.data);\n\
         .data : ALIGN(8) {{ data_start = .; *(.data .data.*) . = ALIGN(4); data_end = .; }} > RAM AT > FLASH\n\
         .bss (NOLOAD) : ALIGN(8) {{ bss_start = .; *(.bss .bss.* COMMON) . = ALIGN(8); bss_end = .; end = .; }} > RAM\n\
         }}\n\
         stack_top = {ram:#x} + {bytes};\n"
    )
}

/// Compiles sources for a Cortex-M with what `export` wrote; `objects` are linked.
fn compile_arm(machine: &Machine, export: &Path, sources_c: &[&Path], objects: &[&Path], to: &Path) {
    let script_file = to.with_extension("ld");
    std::fs::write(&script_file, script(machine)).expect("written");
    let mut gcc = Command::new("arm-none-eabi-gcc");
    gcc.args(machine.flags.split(' ')).args(STRICT.split(' ')).arg("-std=c99");
    gcc.args([
        "--specs=nano.specs",
        "--specs=rdimon.specs",
        "-nostartfiles",
        "-Wl,--gc-sections,--no-warn-rwx-segments",
    ]);
    gcc.arg("-I").arg(export.join("include")).arg("-I").arg(to.parent().expect("a folder"));
    gcc.arg(sources().join("startup.c")).args(sources_c).args(objects);
    run(gcc.arg("-T").arg(&script_file).arg("-o").arg(to));
}

/// The library's object in an exported folder.
fn library(export: &Path, core: &str) -> PathBuf {
    export.join("lib").join(core).join("telltale.o")
}

fn qemu_arm(machine: &str, program: &Path) -> Command {
    let mut qemu = Command::new("qemu-system-arm");
    qemu.args(["-machine", machine, "-display", "none", "-monitor", "none", "-serial", "null"]);
    qemu.args(["-semihosting-config", "enable=on,target=native", "-kernel"]).arg(program);
    qemu
}

fn emulate_arm(machine: &str, program: &Path) -> Output {
    run(&mut qemu_arm(machine, program))
}

#[test]
fn traces_on_emulated_arm_cores_are_those_of_the_pc() {
    let place = folder();
    let expected = nasty_texts_in(place.path());
    assert!(expected.iter().filter(|&&byte| byte == b'\n').count() > 1000);
    for (number, machine) in MACHINES.iter().enumerate() {
        let program = place.path().join(format!("trace{number}"));
        let (own, model) = (sources().join("trace.c"), exported().join("src/model.c"));
        compile_arm(machine, exported(), &[&own, &model], &[&library(exported(), machine.core)], &program);
        assert_lines(&emulate_arm(machine.name, &program).stdout, &expected, machine.flags);
    }
}

#[test]
fn traces_on_emulated_riscv_cores_are_those_of_the_pc() {
    let place = folder();
    let expected = nasty_texts_in(place.path());
    for (name, has_atomics) in [("rv32imac", true), ("rv32imc", false)] {
        let program = place.path().join(name);
        let mut gcc = Command::new("riscv64-unknown-elf-gcc");
        gcc.args(core(name).gcc.split(' ')).args(STRICT.split(' ')).arg("-std=c99");
        gcc.args(["--specs=picolibc.specs", "--crt0=semihost", "--oslib=semihost", "-Wl,--gc-sections"]);
        for (symbol, value) in [
            ("flash", "0x80000000"),
            ("flash_size", "0x400000"),
            ("ram", "0x80400000"),
            ("ram_size", "0x200000"),
        ] {
            gcc.arg(format!("-Wl,--defsym=__{symbol}={value}"));
        }
        gcc.arg("-I").arg(exported().join("include")).arg("-I").arg(place.path());
        gcc.arg(sources().join("trace.c")).arg(exported().join("src/model.c")).arg(library(exported(), name));
        run(gcc.arg("-o").arg(&program));
        let mut qemu = Command::new("qemu-system-riscv32");
        qemu.args(["-machine", "virt", "-cpu", &format!("rv32,a={has_atomics},f=false,d=false")]);
        qemu.args(["-bios", "none", "-display", "none", "-monitor", "none", "-serial", "null"]);
        qemu.args(["-chardev", "stdio,id=console", "-semihosting-config"]);
        qemu.arg("enable=on,target=native,chardev=console").arg("-kernel");
        let output = run(qemu.arg(&program));
        assert_lines(&output.stdout, &expected, name);
    }
}

/// Compiles a program for this PC against the shared library.
fn compile_pc(compiler: &str, flags: &str, export: &Path, sources_c: &[&Path], to: &Path) {
    let library = export.join(format!("lib/{}-{}", std::env::consts::OS, std::env::consts::ARCH));
    let mut cc = Command::new(compiler);
    cc.args(STRICT.split(' ')).args(flags.split(' ')).arg("-I").arg(export.join("include"));
    cc.arg("-I")
        .arg(to.parent().expect("a folder"))
        .args(sources_c)
        .arg("-L")
        .arg(&library)
        .arg("-ltelltale");
    run(cc.arg(format!("-Wl,-rpath,{}", library.display())).arg("-o").arg(to));
}

#[test]
fn on_the_pc_no_checker_finds_a_memory_error() {
    let place = folder();
    let expected = nasty_texts_in(place.path());
    let [trace, refuse] = ["trace.c", "refuse.c"].map(|name| sources().join(name));
    let model = exported().join("src/model.c");
    let at = |name: &str| place.path().join(name);
    let address = "-g -std=c11 -fsanitize=address,undefined -fno-sanitize-recover=all";
    compile_pc("gcc", address, exported(), &[&trace, &model], &at("trace"));
    assert_lines(&run(&mut Command::new(at("trace"))).stdout, &expected, "AddressSanitizer");
    compile_pc("gcc", address, exported(), &[&refuse, &model], &at("refuse"));
    run(&mut Command::new(at("refuse")));
    compile_pc("gcc", "-g -std=c11", exported(), &[&trace, &model], &at("plain-trace"));
    compile_pc("gcc", "-g -std=c11", exported(), &[&refuse, &model], &at("plain-refuse"));
    for program in ["plain-trace", "plain-refuse"] {
        let mut valgrind = Command::new("valgrind");
        valgrind.args(["--quiet", "--error-exitcode=9", "--leak-check=full"]);
        let output = run(valgrind.arg(at(program)));
        if program == "plain-trace" {
            assert_lines(&output.stdout, &expected, "valgrind");
        }
    }
}

#[test]
fn objects_need_nothing_and_tie_a_program_to_no_float_abi() {
    for core in &CORES {
        let file = library(small(), core.name);
        let names = undefined(&std::fs::read(&file).expect("there")).expect("an object");
        let nm = run(Command::new("nm").arg("-u").arg(&file)).stdout;
        assert_eq!(String::from_utf8_lossy(&nm).lines().count(), names.len(), "{}", core.name);
        let strange = |name: &&String| {
            !(name.starts_with("__aeabi_")
                || ["memcpy", "memset", "memmove", "memcmp", "__clzsi2"].contains(&&***name))
        };
        assert_eq!(names.iter().filter(strange).count(), 0, "{}: {names:?}", core.name);
        let sections = run(Command::new("readelf").arg("-SW").arg(&file)).stdout;
        let sections = String::from_utf8_lossy(&sections);
        for unwanted in ["attributes", ".comment", ".debug", " .data", " .bss"] {
            assert!(!sections.contains(unwanted), "{}: {unwanted} in {sections}", core.name);
        }
    }
}

#[test]
fn a_panic_that_can_be_reached_is_refused() {
    for name in ["cortex-m0plus", "rv32imac"] {
        let error = object(&core(name), Features::WithPanic).expect_err("a panic can be reached").to_string();
        assert!(error.contains("telltale_a_panic_can_be_reached"), "{name}: {error}");
    }
}

/// Bytes of flash that a program takes.
fn flash(program: &Path) -> u32 {
    let output = run(Command::new("arm-none-eabi-size").arg(program)).stdout;
    let output = String::from_utf8_lossy(&output);
    let numbers = output.lines().nth(1).expect("a line of numbers").split_whitespace();
    numbers.take(2).map(|number| number.parse::<u32>().expect("a number")).sum()
}

/// What a user writes around a model is short, and runs.
#[test]
fn a_program_of_twenty_lines_classifies_and_is_small() {
    let place = folder();
    let example = small().join("examples/classify.c");
    let source = std::fs::read_to_string(&example).expect("there");
    assert!(source.lines().filter(|line| !line.trim().is_empty()).count() <= 20, "{source}");
    let stub = sources().join("stub.c");
    for (export, name, most) in [(small(), "sentiment", 26_100), (exported(), "model", 32_500)] {
        let example = export.join("examples/classify.c");
        let model = export.join(format!("src/{name}.c"));
        for machine in &MACHINES {
            let at = |kind: &str| place.path().join(format!("{name}-{kind}"));
            compile_arm(machine, export, &[&example, &model], &[&library(export, machine.core)], &at("with"));
            let output = emulate_arm(machine.name, &at("with")).stdout;
            let output = String::from_utf8_lossy(&output);
            assert!(output.starts_with("neg ") || output.starts_with("pos "), "{output}");
            compile_arm(machine, export, &[&example, &model, &stub], &[], &at("without"));
            let added = flash(&at("with")) - flash(&at("without"));
            println!("{name} with {}: {added} bytes of flash", machine.flags);
            assert!(added <= most || machine.core != "cortex-m4", "{name}: {added} bytes");
        }
    }
}

#[test]
fn an_example_is_c_plus_plus_too() {
    let place = folder();
    let object = place.path().join("model.o");
    let mut gcc = Command::new("gcc");
    gcc.arg("-I").arg(small().join("include")).arg("-c").arg(small().join("src/sentiment.c"));
    run(gcc.arg("-o").arg(&object));
    let program = place.path().join("classify");
    let source = place.path().join("classify.cpp");
    std::fs::copy(small().join("examples/classify.c"), &source).expect("copied");
    compile_pc("g++", "-std=c++11", small(), &[&source, &object], &program);
    let output = run(&mut Command::new(program)).stdout;
    assert!(output.starts_with(b"neg ") || output.starts_with(b"pos "), "{output:?}");
}

#[test]
fn an_export_is_refused_where_something_would_be_lost() {
    let place = folder();
    let model = place.path().join("sentiment.bin");
    std::fs::copy(workspace().expect("sources").join("tests/integrator/sentiment.bin"), &model)
        .expect("copied");
    let export =
        |out: &Path| ["export", "--as", "c", "--model", text(&model), "--out", text(out)].map(str::to_owned);
    let refused = |arguments: &[String]| fail(&arguments.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(refused(&export(place.path())).contains("not empty"));
    let mut replacing = export(place.path()).to_vec();
    replacing.push("--replace".to_owned());
    assert!(refused(&replacing).contains("no input is ever overwritten"));
    assert!(refused(&export(&place.path().join("no/out"))).contains("does not exist"));
    let mut named = export(&place.path().join("out")).to_vec();
    named.extend(["--name".to_owned(), "???".to_owned()]);
    assert!(refused(&named).contains("makes no identifier"));
}

/// The prototypes and structures that cbindgen makes of the Rust sources, with other names for the latter.
fn bindings() -> [String; 2] {
    let generate = |items: Vec<cbindgen::ItemType>, names: [(&str, &str); 4]| {
        let rename = names.map(|(from, to)| (from.to_owned(), to.to_owned()));
        let export = cbindgen::ExportConfig {
            item_types: items,
            rename: rename.into_iter().collect(),
            include: vec!["Answer".to_owned(), "Prediction".to_owned()],
            exclude: vec!["Handle".to_owned()],
            ..Default::default()
        };
        let config = cbindgen::Config {
            language: cbindgen::Language::C,
            style: cbindgen::Style::Type,
            no_includes: true,
            usize_is_size_t: true,
            export,
            ..Default::default()
        };
        let source = workspace().expect("sources").join("firmware/c/src/lib.rs");
        let bindings =
            cbindgen::Builder::new().with_config(config).with_src(source).generate().expect("readable");
        let mut text = Vec::new();
        bindings.write(&mut text);
        String::from_utf8(text).expect("ASCII")
    };
    let handle = ("Handle", "tt_classifier");
    let own = [handle, ("Answer", "tt_answer"), ("Prediction", "tt_prediction"), ("OnWord", "tt_on_word")];
    let other =
        [handle, ("Answer", "rust_answer"), ("Prediction", "rust_prediction"), ("OnWord", "rust_on_word")];
    [generate(vec![cbindgen::ItemType::Functions], own), generate(vec![cbindgen::ItemType::Structs], other)]
}

/// The names of functions in a C text.
fn functions(text: &str) -> Vec<&str> {
    let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_' && letter != '(');
    let mut names: Vec<&str> = words
        .filter_map(|word| word.split_once('('))
        .map(|(name, _)| name)
        .filter(|name| name.starts_with("tt_"))
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[test]
fn the_header_declares_what_the_rust_sources_define() {
    let [prototypes, structures] = bindings();
    let header = host::library::HEADER;
    let code: String =
        header.split("/*").map(|part| part.split_once("*/").map_or(part, |(_, code)| code)).collect();
    assert_eq!(functions(&code), functions(&prototypes));
    assert_eq!(functions(&code).len(), 12, "{prototypes}");
    // A compiler refuses declarations of one function that differ, and structures are compared field by field.
    let mut source = format!("#include \"telltale.h\"\n{prototypes}\n{structures}\n");
    let answer = ["label", "label_bytes", "words", "unknown", "category", "probability", "rejected"];
    let prediction = [
        "word",
        "word_bytes",
        "label",
        "label_bytes",
        "trace",
        "id",
        "category",
        "probability",
        "known",
        "decided",
    ];
    for (name, fields) in [("answer", &answer[..]), ("prediction", &prediction[..])] {
        let _ = writeln!(source, "_Static_assert(sizeof(tt_{name}) == sizeof(rust_{name}), \"{name}\");");
        for field in fields {
            let _ = writeln!(
                source,
                "_Static_assert(offsetof(tt_{name}, {field}) == offsetof(rust_{name}, {field}) && \
                 __builtin_types_compatible_p(__typeof__(((tt_{name} *)0)->{field}), \
                 __typeof__(((rust_{name} *)0)->{field})), \"{field}\");"
            );
        }
    }
    let place = folder();
    let file = place.path().join("bindings.c");
    std::fs::write(&file, &source).expect("written");
    let include = workspace().expect("sources").join("firmware/c/include");
    let mut gcc = Command::new("gcc");
    run(gcc
        .args(["-std=gnu11", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-I"])
        .arg(&include)
        .arg(&file));
    assert!(header.contains(&format!("#define TT_VERSION {:?}\n", env!("CARGO_PKG_VERSION"))));
    assert!(header.contains(&format!("#define TT_CLASSIFIER_BYTES {}\n", host::library::HANDLE_BYTES)));
}

/// What a form with objects is exported as, of the small model and the cores that it is compiled for here.
fn exported_as(form: &str, place: &Path) -> PathBuf {
    let out = place.join(form);
    let model = workspace().expect("sources").join("tests/integrator/sentiment.bin");
    let mut arguments = vec!["export", "--as", form, "--model", text(&model), "--out", text(&out)];
    for core in ["cortex-m0plus", "cortex-m4"] {
        arguments.extend(["--core", core]);
    }
    succeed(&arguments, b"");
    assert!(
        std::fs::read_to_string(out.join("README.md")).expect("there").contains("| labels | `neg`, `pos` |")
    );
    out
}

/// Arduino's tools are not to be had here: these are the flags of its SAMD core, for a Zero and for a Cortex-M4 with
/// floating point, around the folder's stand-in for the core's own header.
#[test]
fn the_arduino_sketch_compiles_with_arduinos_flags_and_answers() {
    let place = folder();
    let library = exported_as("arduino", place.path());
    let properties = std::fs::read_to_string(library.join("library.properties")).expect("there");
    for key in [
        "name",
        "version",
        "author",
        "maintainer",
        "sentence",
        "paragraph",
        "category",
        "url",
        "architectures",
    ] {
        assert!(properties.lines().any(|line| line.starts_with(&format!("{key}="))), "{key}: {properties}");
    }
    let common = "-mthumb -c -g -Os -w -ffunction-sections -fdata-sections -nostdlib --param max-inline-insns-single=500";
    let cores = [
        (&MACHINES[0], "cortex-m0plus", "-mcpu=cortex-m0plus"),
        (&MACHINES[2], "cortex-m4", "-mcpu=cortex-m4 -mfloat-abi=hard -mfpu=fpv4-sp-d16"),
    ];
    for (machine, folder, flags) in cores {
        let at = |name: &str| place.path().join(format!("{folder}-{name}"));
        let mut cpp = Command::new("arm-none-eabi-g++");
        cpp.args(flags.split(' ')).args(common.split(' '));
        cpp.args([
            "-std=gnu++11",
            "-fno-threadsafe-statics",
            "-fno-rtti",
            "-fno-exceptions",
            "-DARDUINO=10819",
        ]);
        cpp.arg("-I")
            .arg(library.join("src"))
            .arg("-I")
            .arg(library.join("extras"))
            .args(["-include", "Arduino.h"]);
        cpp.args(["-x", "c++"]).arg(library.join("examples/Classify/Classify.ino"));
        run(cpp.arg("-o").arg(at("sketch.o")));
        let mut c = Command::new("arm-none-eabi-gcc");
        c.args(flags.split(' ')).args(common.split(' ')).arg("-std=gnu11").arg("-I").arg(library.join("src"));
        run(c.arg(library.join("src/sentiment.c")).arg("-o").arg(at("model.o")));
        std::fs::write(at("script.ld"), script(machine)).expect("written");
        let mut link = Command::new("arm-none-eabi-gcc");
        link.args(machine.flags.split(' ')).args([
            "-Os",
            "--specs=nano.specs",
            "--specs=rdimon.specs",
            "-nostartfiles",
        ]);
        link.args(["-Wl,--gc-sections,--no-warn-rwx-segments", "-T"]).arg(at("script.ld"));
        link.arg(sources().join("startup.c")).args([at("sketch.o"), at("model.o")]);
        link.arg("-L").arg(library.join("src").join(folder)).arg("-ltelltale");
        run(link.arg("-o").arg(at("sketch")));
        let mut qemu = qemu_arm(machine.name, &at("sketch"));
        let mut child = qemu.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("QEMU starts");
        let texts = "terrible\na wonderful film\n";
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), texts.as_bytes())
            .expect("written");
        let output = child.wait_with_output().expect("QEMU ends");
        let output = String::from_utf8_lossy(&output.stdout).into_owned();
        let lines: Vec<&str> = output.lines().collect();
        assert!(lines.len() == 2 && lines[0].starts_with("neg ") && lines[1].starts_with("pos "), "{output}");
        assert!(lines[0].ends_with(" % of 1 words") && lines[1].ends_with(" % of 3 words"), "{output}");
    }
}

/// PlatformIO gets its platforms from its own registry, which is not to be had here: its script is run with stand-ins
/// for what PlatformIO gives it, and the example linked with what it picks.
#[test]
fn the_platformio_script_picks_the_library_for_the_board() {
    let place = folder();
    let library = exported_as("platformio", place.path());
    let manifest = std::fs::read(library.join("library.json")).expect("there");
    let manifest: serde_json::Value = serde_json::from_slice(&manifest).expect("JSON");
    assert_eq!(manifest["build"]["extraScript"], "link.py");
    let pick = |key: &str, value: &str| {
        let mut python = Command::new("python3");
        python.arg(sources().join("platformio.py")).arg(&library).args([key, value]);
        python.output().expect("python3 runs")
    };
    for (key, value, core) in
        [("build.cpu", "cortex-m0", "cortex-m0plus"), ("build.cpu", "cortex-m7", "cortex-m4")]
    {
        let output = pick(key, value);
        let picked = PathBuf::from(String::from_utf8_lossy(&output.stdout).trim());
        assert_eq!(picked, library.join("lib").join(core), "{output:?}");
        assert!(picked.join("libtelltale.a").is_file());
    }
    let missing = pick("build.mcu", "atmega328p");
    assert!(
        !missing.status.success() && missing.stderr.starts_with(b"telltale: no library for"),
        "{missing:?}"
    );
    let machine = &MACHINES[0];
    let (main, model) = (library.join("examples/classify/main.c"), library.join("src/sentiment.c"));
    let archive = library.join("lib/cortex-m0plus/libtelltale.a");
    compile_arm(machine, &library, &[&main, &model], &[&archive], &place.path().join("main"));
    assert!(emulate_arm(machine.name, &place.path().join("main")).stdout.starts_with(b"neg "));
}

/// Zephyr is not to be had here: its CMake functions are stand-ins, its sample is compiled without it.
#[test]
fn the_zephyr_module_picks_the_library_for_the_core() {
    let place = folder();
    let module = exported_as("zephyr", place.path());
    let pick = |symbol: &str| {
        let mut cmake = Command::new("cmake");
        cmake.arg(format!("-D{symbol}=y")).args(["-DCONFIG_TELLTALE_SENTIMENT=y"]);
        cmake.arg(format!("-DFOLDER={}", module.join("zephyr").display()));
        cmake.arg("-P").arg(sources().join("zephyr.cmake")).output().expect("cmake runs")
    };
    for (symbol, core) in
        [("CONFIG_CPU_CORTEX_M0PLUS", "cortex-m0plus"), ("CONFIG_CPU_CORTEX_M7", "cortex-m4")]
    {
        let output = pick(symbol);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success() && said.contains(&format!("lib/{core}/libtelltale.a")), "{said}");
        assert!(said.contains("../src/sentiment.c") && said.contains("../include"), "{said}");
    }
    for (symbol, error) in
        [("CONFIG_CPU_CORTEX_M33", "is not there"), ("CONFIG_XTENSA", "no library for this core")]
    {
        let output = pick(symbol);
        assert!(!output.status.success());
        let said: String =
            String::from_utf8_lossy(&output.stderr).split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(said.contains(error), "{said}");
    }
    let machine = &MACHINES[1];
    let (main, model) = (module.join("samples/classify/src/main.c"), module.join("src/sentiment.c"));
    let archive = module.join("lib/cortex-m4/libtelltale.a");
    compile_arm(machine, &module, &[&main, &model], &[&archive], &place.path().join("main"));
    assert!(emulate_arm(machine.name, &place.path().join("main")).stdout.starts_with(b"neg "));
}

/// The crate brings the engine along, and the model's rule of what is none of the classes.
#[test]
fn the_crate_compiles_and_answers_as_the_pc_does() {
    let place = folder();
    let [model, package, other] = ["sentiment.bin", "sentiment", "other"].map(|name| place.path().join(name));
    train(&model, &["--reject", "0.1"]);
    for (name, out) in [("sentiment", &package), ("other", &other)] {
        let flags = ["export", "--as", "rust", "--name", name, "--model", text(&model), "--out", text(out)];
        succeed(&flags, b"");
    }
    // Both in one workspace, and in one program.
    std::fs::create_dir_all(place.path().join("app/src")).expect("created");
    for (path, content) in [
        ("Cargo.toml", "[workspace]\nresolver = \"3\"\nmembers = [\"app\"]\n"),
        (
            "app/Cargo.toml",
            "[package]\nname = \"app\"\nedition = \"2024\"\n[dependencies]\nsentiment = { path = \"../sentiment\" }\n\
             other = { path = \"../other\" }\n",
        ),
        (
            "app/src/main.rs",
            "fn main() {\n    println!(\"{:?} {:?}\", sentiment::classify(\"\"), other::classify(\"\"));\n}\n",
        ),
    ] {
        std::fs::write(place.path().join(path), content).expect("written");
    }
    let target = workspace().expect("sources").join("target/exported-crate");
    let cargo = |folder: &Path, verb: &str| {
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(folder).env_remove("CARGO_TARGET_DIR").args([verb, "--quiet", "--target-dir"]);
        cargo.arg(&target);
        cargo
    };
    run(&mut cargo(&place.path().join("app"), "check"));
    let texts = ["terrible", "a wonderful film", "qwx zzkt"];
    let output = run(cargo(&package, "run").args(["--example", "classify", "--"]).args(texts)).stdout;
    let texts = b"terrible\na wonderful film\nqwx zzkt\n";
    let own = succeed(&["run", "--answers", "--model", text(&model)], texts);
    let own = String::from_utf8(own).expect("UTF-8");
    let expected: Vec<String> = own
        .lines()
        .filter_map(|line| line.strip_prefix("=\t"))
        .map(|line| {
            let mut columns = line.split('\t');
            format!("{} {}", columns.next().expect("a label"), columns.next().expect("a probability"))
        })
        .collect();
    assert!(expected.len() == 3 && expected[2].starts_with('?'), "{own}");
    assert_eq!(String::from_utf8_lossy(&output).lines().collect::<Vec<_>>(), expected);
}

/// What the documentation shows is what is exported and tested.
#[test]
fn the_documentation_shows_the_examples_that_are_tested() {
    let place = folder();
    let read = |path: PathBuf| std::fs::read_to_string(path).expect("there");
    let page = read(workspace().expect("sources").join("docs/in-your-program.md"));
    let sketch = exported_as("arduino", place.path()).join("examples/Classify/Classify.ino");
    for example in [small().join("examples/classify.c"), sketch] {
        assert!(page.contains(&read(example.clone())), "{}", example.display());
    }
}
