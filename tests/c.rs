//! The engine in other people's programs: what `export` writes is compiled by their compilers, with their flags and as
//! they would, and gives the PC's traces on emulated cores; no memory error; no panic to link.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use host::library::{CORES, Core, Features, object, undefined};
use host::toolchain::workspace;
use telltale::{Answer, Memory, OwnedClassifier, Prediction, Word};
use tests::{fail, folder, nasty_texts, succeed, text, train};

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
        for core in ["cortex-m0plus", "cortex-m4", "rv32imac"] {
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

fn assert_lines(got: &[u8], expected: &[u8], of: &str) {
    for (number, (got, expected)) in
        got.split(|&byte| byte == b'\n').zip(expected.split(|&byte| byte == b'\n')).enumerate()
    {
        let [got, expected] = [got, expected].map(String::from_utf8_lossy);
        assert_eq!(got, expected, "{of}, line {number}");
    }
    assert_eq!(got.len(), expected.len(), "{of}");
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

const MACHINES: [Machine; 3] = [
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

fn emulate_arm(machine: &str, program: &Path) -> Output {
    let mut qemu = Command::new("qemu-system-arm");
    qemu.args(["-machine", machine, "-display", "none", "-monitor", "none", "-serial", "null"]);
    run(qemu.args(["-semihosting-config", "enable=on,target=native", "-kernel"]).arg(program))
}

#[test]
fn traces_on_emulated_arm_cores_are_those_of_the_pc() {
    let place = folder();
    let input = nasty_texts();
    let texts: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    std::fs::write(place.path().join("texts.h"), texts_in_c(&texts)).expect("written");
    let expected = expected(leaked(rich()), &texts);
    assert!(expected.iter().filter(|&&byte| byte == b'\n').count() > 1000);
    for (number, machine) in MACHINES.iter().enumerate() {
        let program = place.path().join(format!("trace{number}"));
        let (own, model) = (sources().join("trace.c"), exported().join("src/model.c"));
        compile_arm(machine, exported(), &[&own, &model], &[&library(exported(), machine.core)], &program);
        assert_lines(&emulate_arm(machine.name, &program).stdout, &expected, machine.flags);
    }
}

#[test]
fn traces_on_an_emulated_riscv_core_are_those_of_the_pc() {
    let place = folder();
    let input = nasty_texts();
    let texts: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    std::fs::write(place.path().join("texts.h"), texts_in_c(&texts)).expect("written");
    let program = place.path().join("trace");
    let mut gcc = Command::new("riscv64-unknown-elf-gcc");
    gcc.args(core("rv32imac").gcc.split(' ')).args(STRICT.split(' ')).arg("-std=c99");
    gcc.args(["--specs=picolibc.specs", "--crt0=semihost", "--oslib=semihost", "-Wl,--gc-sections"]);
    for (symbol, value) in
        [("flash", "0x80000000"), ("flash_size", "0x400000"), ("ram", "0x80400000"), ("ram_size", "0x200000")]
    {
        gcc.arg(format!("-Wl,--defsym=__{symbol}={value}"));
    }
    gcc.arg("-I").arg(exported().join("include")).arg("-I").arg(place.path());
    gcc.arg(sources().join("trace.c"))
        .arg(exported().join("src/model.c"))
        .arg(library(exported(), "rv32imac"));
    run(gcc.arg("-o").arg(&program));
    let mut qemu = Command::new("qemu-system-riscv32");
    qemu.args([
        "-machine", "virt", "-bios", "none", "-display", "none", "-monitor", "none", "-serial", "null",
    ]);
    qemu.args([
        "-chardev",
        "stdio,id=console",
        "-semihosting-config",
        "enable=on,target=native,chardev=console",
    ]);
    qemu.arg("-kernel");
    let output = run(qemu.arg(&program));
    assert_lines(&output.stdout, &expected(leaked(rich()), &texts), "rv32imac");
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
    let input = nasty_texts();
    let texts: Vec<&[u8]> = input.split(|&byte| byte == b'\n').collect();
    std::fs::write(place.path().join("texts.h"), texts_in_c(&texts)).expect("written");
    let expected = expected(leaked(rich()), &texts);
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
    for (export, name, most) in [(small(), "sentiment", 25_600), (exported(), "model", 32_000)] {
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
