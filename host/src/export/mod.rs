//! A model as a folder that other tools take as it is: the library for their cores, the model laid out for each, an
//! example, a licence, and instructions.

mod card;
mod folder;
mod npm;
mod rust;
mod source;

pub use card::training;
pub use folder::Folder;

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use telltale::Model;

use crate::library::{self, Core, Features};

/// Whose tools the folder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PackageFormat {
    /// A C or C++ compiler: header, model, an object per core, a shared library for this PC
    C,
    /// Arduino: a library with a sketch
    Arduino,
    /// PlatformIO: a library with a program
    Platformio,
    /// Zephyr: a module with an application
    Zephyr,
    /// Cargo: a crate with the engine's sources, for every target of Rust's
    Rust,
    /// Node and browsers: an npm package with the engine as WebAssembly
    Npm,
}

/// What to export.
#[derive(Clone, Copy, Debug)]
pub struct Request<'o> {
    /// For whose tools.
    pub format: PackageFormat,
    /// What the model is called: an identifier in snake case.
    pub name: &'o str,
    /// The model, as this PC reads it.
    pub model: &'o Model<'o>,
    /// Whether the library reads any model; otherwise this one, and what needs no more.
    pub any_model: bool,
    /// The cores that there is a library for.
    pub cores: &'o [Core],
}

impl Request<'_> {
    /// The name as packages have it.
    fn package(&self) -> String {
        self.name.replace('_', "-")
    }

    /// What the library is built with, if these are the model's features.
    const fn library<'f>(&self, features: &'f [&'static str]) -> Features<'f> {
        if self.any_model { Features::Full } else { Features::Only(features) }
    }
}

/// Makes the folder; libraries are built where cargo has not built them before.
///
/// # Errors
/// If a library cannot be built, which names the command to run.
pub fn folder(request: &Request<'_>) -> Result<Folder> {
    let mut folder = Folder::default();
    folder.add("LICENSE-MIT", include_str!("../../../LICENSE-MIT"));
    folder.add("LICENSE-APACHE", include_str!("../../../LICENSE-APACHE"));
    match request.format {
        PackageFormat::C => c(request, &mut folder)?,
        PackageFormat::Arduino => arduino(request, &mut folder)?,
        PackageFormat::Platformio => platformio(request, &mut folder)?,
        PackageFormat::Zephyr => zephyr(request, &mut folder)?,
        PackageFormat::Rust => rust::package(request, &mut folder)?,
        PackageFormat::Npm => npm::package(request, &mut folder)?,
    }
    Ok(folder)
}

/// The library for each core.
fn objects(request: &Request<'_>) -> Result<Vec<(Core, Vec<u8>)>> {
    let features = request.model.features();
    let object = |core: &Core| {
        let object = library::object(core, request.library(&features));
        Ok((*core, object.with_context(|| format!("cannot build the library for {}", core.title))?))
    };
    request.cores.iter().map(object).collect()
}

/// Header and model where headers and sources are.
fn add_model(request: &Request<'_>, headers: &str, sources: &str, folder: &mut Folder) {
    folder.add(format!("{headers}/telltale.h"), library::HEADER);
    folder.add(format!("{headers}/{}.h", request.name), source::header(request));
    folder.add(format!("{sources}/{}.c", request.name), source::arrays(request));
}

/// An archive a core, as linkers look for them.
fn add_archives(request: &Request<'_>, folder: &mut Folder) -> Result<()> {
    for (core, object) in objects(request)? {
        folder.add(format!("lib/{}/libtelltale.a", core.name), library::archive(&object)?);
    }
    Ok(())
}

/// For a C compiler.
fn c(request: &Request<'_>, folder: &mut Folder) -> Result<()> {
    add_model(request, "include", "src", folder);
    for (core, object) in objects(request)? {
        folder.add(format!("lib/{}/telltale.o", core.name), object);
    }
    // With std, the engine has all features.
    let shared = library::shared(Features::Full)?;
    let pc = format!("{}-{}", std::env::consts::OS, std::env::consts::ARCH);
    folder.add(format!("lib/{pc}/{}", library::shared_name("telltale")), shared);
    folder.add("examples/classify.c", fill(request, include_str!("templates/classify.c"), &[]));
    folder.add("README.md", fill(request, include_str!("templates/c.md"), &[("pc", &pc)]));
    Ok(())
}

/// For Arduino, which looks for a library in the folder that a board's `build.mcu` names.
fn arduino(request: &Request<'_>, folder: &mut Folder) -> Result<()> {
    add_model(request, "src", "src", folder);
    let mut names = String::new();
    for (core, object) in objects(request)? {
        let archive = library::archive(&object)?;
        for mcu in core.mcus {
            folder.add(format!("src/{mcu}/libtelltale.a"), archive.clone());
            names += &format!("| `{mcu}` | {} |\n", core.title);
        }
    }
    let folders = format!("| `build.mcu` | core |\n|---|---|\n{names}");
    folder.add("README.md", fill(request, include_str!("templates/arduino.md"), &[("folders", &folders)]));
    folder.add("library.properties", fill(request, include_str!("templates/library.properties"), &[]));
    folder.add("examples/Classify/Classify.ino", fill(request, include_str!("templates/Classify.ino"), &[]));
    folder.add("extras/Arduino.h", include_str!("templates/Arduino.h"));
    Ok(())
}

/// For PlatformIO, where a script picks the library.
fn platformio(request: &Request<'_>, folder: &mut Folder) -> Result<()> {
    add_model(request, "include", "src", folder);
    add_archives(request, folder)?;
    let names = request
        .cores
        .iter()
        .flat_map(|core| core.mcus.iter().map(|mcu| format!("    {mcu:?}: {:?},", core.name)));
    let names = names.collect::<Vec<_>>().join("\n");
    folder.add("link.py", fill(request, include_str!("templates/link.py"), &[("python", &names)]));
    folder.add("library.json", fill(request, include_str!("templates/library.json"), &[]));
    folder.add("examples/classify/main.c", fill(request, include_str!("templates/classify.c"), &[]));
    folder.add("README.md", fill(request, include_str!("templates/platformio.md"), &[]));
    Ok(())
}

/// For Zephyr, whose CMake picks the library.
fn zephyr(request: &Request<'_>, folder: &mut Folder) -> Result<()> {
    add_model(request, "include", "src", folder);
    add_archives(request, folder)?;
    for (path, template) in [
        ("zephyr/module.yml", include_str!("templates/module.yml")),
        ("zephyr/Kconfig", include_str!("templates/Kconfig")),
        ("zephyr/CMakeLists.txt", include_str!("templates/CMakeLists.txt")),
        ("samples/classify/CMakeLists.txt", include_str!("templates/sample.cmake")),
        ("samples/classify/prj.conf", include_str!("templates/prj.conf")),
        ("samples/classify/src/main.c", include_str!("templates/classify.c")),
        ("README.md", include_str!("templates/zephyr.md")),
    ] {
        folder.add(path, fill(request, template, &[]));
    }
    Ok(())
}

/// A template with the request's words, and `more`, in place of `{{key}}`. What comes in is not looked at again: labels may
/// look like keys.
fn fill(request: &Request<'_>, template: &str, more: &[(&str, &str)]) -> String {
    let usual = request.cores.iter().find(|core| core.name == "cortex-m4").or_else(|| request.cores.first());
    let compiler = |last: &str| {
        let (prefix, flags) = usual.map_or(("", ""), |core| {
            let is_riscv = core.target.starts_with("riscv");
            (if is_riscv { "riscv64-unknown-elf-" } else { "arm-none-eabi-" }, core.gcc)
        });
        format!("{prefix}{last} {flags}")
    };
    let word = |key: &str| match key {
        "name" => request.name.to_owned(),
        "NAME" => request.name.to_uppercase(),
        "gcc" => compiler("gcc"),
        "g++" => compiler("g++"),
        "version" => env!("CARGO_PKG_VERSION").to_owned(),
        "bytes" => request.model.bytes().to_string(),
        "memory" => request.model.requirements().memory_bytes().to_string(),
        "labels" => request.model.labels().count().to_string(),
        "cores" => card::cores(request),
        "card" => card::card(request),
        key => more.iter().find(|(own, _)| *own == key).map_or("", |(_, word)| word).to_owned(),
    };
    // The templates are this program's own: each of their keys is one of those above.
    let mut pieces = template.split("{{");
    let mut filled = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (key, rest) = piece.split_once("}}").unwrap_or_default();
        filled += &word(key);
        filled += rest;
    }
    filled
}

/// What no model can be called: words of C, C++ and Rust, functions and headers of C's libraries and of Arduino's core,
/// modules of node, and names in the examples.
const TAKEN: &str = "abs abstract access acos alignas aligned_alloc alignof alloc alloca and answer arduino as asin \
    asm assert assert_never async atan atan2 atexit atof atoi atol auto await bcmp bcopy become bit bitclear bitread \
    bitset bitwrite bool box break bsearch buffer byte bzero calloc case catch cbrt ceil char chdir chown class \
    classifier clearerr client close cluster compl concept confstr console const const_cast constants consteval \
    constexpr constinit constrain continue copysign core cos cosh crate crypt crypto ctype decltype default degrees \
    delay delete dgram digitalread digitalwrite div dns do domain double dup dup2 dyn dynamic_cast else encrypt \
    endian enum erf errno events execl execv execve exit exp exp2 explicit expm1 export extern fabs false fclose \
    fdim features fenv feof ferror fflush fgetc fgets final float floor fma fmax fmin fmod fn fopen for fork fprintf \
    fputc fputs fread free freopen frexp friend fs fscanf fseek ftell fwrite gamma gen getc getchar getenv getopt \
    getpid gets goto high highbyte http http2 https hypot if impl import in index init inline input inspector int \
    interrupts inttypes ioctl ipaddress isalpha isdigit islower iso646 isr isspace isupper j0 j1 jn kill labs ldexp \
    ldiv led_builtin let limits link linux lldiv locale log log10 log1p log2 logb long loop low lowbyte lrint lround \
    lseek macro main malloc map match math max memchr memcmp memcpy memmove memory memset micros millis min mktime \
    mod modf module move mut mutable namespace nan net new next nice noexcept nointerrupts not notone nullptr \
    operator optarg optind or os output override path pause perf_hooks perror pi pinmode pipe pow print printable \
    printf priv private process protected proto pub public pulsein punycode putc putchar puts qsort querystring \
    radians raise rand random randomseed read readline realloc realpath ref register reinterpret_cast remove rename \
    repl requires restrict return rewind rindex rint rmdir round scanf sched search select self semaphore serial \
    server setbuf setjmp setup shiftin shiftout short signal signed sin sinh sizeof sleep spawn spi sprintf sq sqrt \
    srand sscanf static static_assert static_cast std stdalign stdarg stdatomic stdbool stdc stddef stderr stdin \
    stdint stdio stdlib stdnoreturn stdout strcat strchr strcmp strcpy strdup stream string string_decoder strings \
    strlen stropts strtok strtol struct super swab switch symlink sync sys syslog system tan tanh telltale template \
    termios test tgmath this thread_local threads throw time timers tls tmpfile tmpnam tolower tone toupper trait \
    true trunc try tty type typedef typeid typename typeof uchar udp ungetc union unistd unix unlink unsafe unsigned \
    unsized url use using util v8 virtual vm void volatile wait wasi wchar wchar_t wctype where while wire word \
    worker_threads write wrong xor y0 y1 yield yn zlib";

/// An identifier for a model of that name.
///
/// # Errors
/// If `name` makes none.
pub fn identifier(name: &str) -> Result<String> {
    let made = telltale_build::file_name(name.as_ref());
    let made = made.with_context(|| {
        format!("{name:?} makes no identifier: give one with --name, such as --name sentiment")
    })?;
    let is_taken =
        TAKEN.split(' ').any(|word| word == made) || made.starts_with("tt_") || made.ends_with("_t");
    ensure!(
        !is_taken,
        "a model cannot be called `{made}`, which means something to a compiler, to node or in the examples: give another name \
         with --name, such as --name {made}_model"
    );
    Ok(made)
}

#[cfg(test)]
mod tests {
    use super::identifier;

    #[test]
    fn no_model_has_a_name_that_means_something_else() {
        assert_eq!(identifier("My model.bin").expect("a name"), "my_model");
        for name in [
            "int",
            "class.bin",
            "fn.bin",
            "telltale.bin",
            "events",
            "tt_open",
            "memory.bin",
            "12",
            "stdint",
            "size_t",
            "remove",
            "features",
            "tone",
        ] {
            assert!(identifier(name).expect_err("is taken").to_string().contains("--name"), "{name}");
        }
        // Its parts are joined as they stand in the list.
        assert!(super::TAKEN.split(' ').all(|word| !word.is_empty()));
    }

    /// The suites compile and run the templates.
    #[test]
    fn the_readme_shows_lines_of_the_examples() {
        let readme = include_str!("../../../README.md");
        let shown =
            readme.split_once("```cpp\n").and_then(|(_, rest)| rest.split_once("```")).expect("a block").0;
        let compiled =
            [include_str!("templates/classify.c"), include_str!("templates/Classify.ino")].concat();
        let compiled = compiled.replace("{{name}}", "sentiment").replace("{{NAME}}", "SENTIMENT");
        let lines: Vec<&str> = shown.lines().filter(|line| !line.is_empty()).collect();
        assert!(lines.len() >= 6);
        for line in lines {
            let code = line.split("//").next().unwrap_or_default().trim().trim_end_matches(';');
            assert!(code.is_empty() || compiled.contains(code), "{code}");
        }
    }
}
