//! The engine as a C library: one object for each core, linkable into programs of either float ABI, and a shared
//! library for this PC.

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use object::build::elf::{Builder, SectionData};
use object::elf::{SHT_ARM_EXIDX, SHT_STRTAB, STB_LOCAL};
use object::read::archive::ArchiveFile;
use object::{Object, ObjectSymbol};
use telltale::engine::kernel::Layout;

use crate::aligned::AlignedBytes;
use crate::toolchain::{bare_metal_cargo, built, clean, set_rustflags, target_folder, workspace};

/// The text of `telltale.h`.
pub const HEADER: &str = include_str!("../../firmware/c/include/telltale.h");

/// Bytes of a `tt_classifier` on the cores.
pub const HANDLE_BYTES: usize = 728;

/// The files of the crate, beside what the object of a library is called.
const CRATE: &str = "telltale_c";

/// What it is called where it does not build.
const WHAT: &str = "the C library";

/// A core that there is an object for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Core {
    /// What folders are called.
    pub name: &'static str,
    /// What people call it.
    pub title: &'static str,
    /// The Rust target triple.
    pub target: &'static str,
    /// Extra flags for the compiler.
    pub rustflags: &'static [&'static str],
    /// The flags that gcc has for it.
    pub gcc: &'static str,
    /// What Arduino's and PlatformIO's boards call it, or chips that have it: `build.mcu`, `build.cpu`, `build.march`.
    pub mcus: &'static [&'static str],
}

/// All of them.
pub const CORES: [Core; 7] = [
    Core {
        name: "cortex-m0plus",
        title: "Cortex-M0, M0+, M1, M23",
        target: "thumbv6m-none-eabi",
        rustflags: &[],
        gcc: "-mcpu=cortex-m0plus -mthumb",
        mcus: &["cortex-m0plus", "cortex-m0", "cortex-m23", "rp2040"],
    },
    Core {
        name: "cortex-m3",
        title: "Cortex-M3",
        target: "thumbv7m-none-eabi",
        rustflags: &[],
        gcc: "-mcpu=cortex-m3 -mthumb",
        mcus: &["cortex-m3"],
    },
    Core {
        name: "cortex-m4",
        title: "Cortex-M4, M7",
        target: "thumbv7em-none-eabi",
        rustflags: &[],
        gcc: "-mcpu=cortex-m4 -mthumb",
        mcus: &["cortex-m4", "cortex-m7", "imxrt1062"],
    },
    Core {
        name: "cortex-m33",
        title: "Cortex-M33, M35P with the DSP instructions",
        target: "thumbv8m.main-none-eabi",
        rustflags: &["--cfg", "telltale_dsp"],
        gcc: "-mcpu=cortex-m33 -mthumb",
        mcus: &["cortex-m33", "rp2350"],
    },
    Core {
        name: "cortex-m55",
        title: "Cortex-M55, M85 with Helium",
        target: "thumbv8m.main-none-eabi",
        rustflags: &["--cfg", "telltale_mve"],
        gcc: "-mcpu=cortex-m55 -mthumb",
        mcus: &["cortex-m55", "cortex-m85"],
    },
    Core {
        name: "rv32imc",
        title: "RV32IMC, such as the ESP32-C3",
        target: "riscv32imc-unknown-none-elf",
        rustflags: &[],
        gcc: "-march=rv32imc -mabi=ilp32",
        mcus: &["rv32imc", "esp32c3"],
    },
    Core {
        name: "rv32imac",
        title: "RV32IMAC, such as the FE310 and the ESP32-C6",
        target: "riscv32imac-unknown-none-elf",
        rustflags: &[],
        gcc: "-march=rv32imac -mabi=ilp32",
        mcus: &["rv32imac", "esp32c6", "esp32h2"],
    },
];

impl Core {
    /// How a model's maps lie for it.
    #[must_use]
    pub fn layout(&self) -> Layout {
        Layout::of_target(self.target, self.rustflags)
    }
}

/// What the library is built with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Features<'f> {
    /// Every feature of the engine: any model can be read.
    Full,
    /// Those of [`telltale::Model::features`].
    Only(&'f [&'static str]),
    /// Every feature, and a panic that can be reached, which must fail.
    WithPanic,
}

impl Features<'_> {
    fn add_to(self, cargo: &mut Command) {
        match self {
            Self::Full => {}
            Self::Only(features) => {
                cargo.args(["--no-default-features", "--features", &features.join(",")]);
            }
            Self::WithPanic => {
                cargo.args(["--features", "deliberate-panic"]);
            }
        }
    }
}

/// The library for a core: one relocatable object without attributes or names of its own, in which nothing is
/// undefined but what every C compiler brings along.
///
/// # Errors
/// If no compiler can be found, which names the command to run, or the build fails, with its output; if a panic can
/// be reached.
pub fn object(core: &Core, features: Features<'_>) -> Result<Vec<u8>> {
    let mut cargo = bare_metal_cargo(core.target)?;
    let folder = target_folder(core.rustflags)?;
    rustc(&mut cargo, &folder, "staticlib", features)?;
    cargo.args(["--target", core.target]);
    set_rustflags(&mut cargo, core.target, core.rustflags);
    let archive = built(cargo, &folder, &format!("{}/firmware/lib{CRATE}.a", core.target), WHAT)?;
    let object = strip(own_object(&archive)?).context("the library's object cannot be stripped")?;
    let strange: Vec<String> =
        undefined(&object)?.into_iter().filter(|name| !is_of_compilers(name)).collect();
    ensure!(
        strange.is_empty(),
        "the library for {} needs what no compiler has: {}",
        core.name,
        strange.join(", ")
    );
    Ok(object)
}

/// The shared library for this PC.
///
/// # Errors
/// If the build fails, with its output.
pub fn shared(features: Features<'_>) -> Result<Vec<u8>> {
    let folder = target_folder(&[""; 0])?;
    let mut cargo = Command::new("cargo");
    clean(&mut cargo);
    rustc(&mut cargo, &folder, "cdylib", features)?;
    cargo.args(["--config", "profile.firmware.opt-level=3", "--config", "profile.firmware.strip=true"]);
    built(cargo, &folder, &format!("firmware/{}", shared_name(CRATE)), WHAT)
}

/// What a shared library is called on this PC.
#[must_use]
pub fn shared_name(name: &str) -> String {
    format!("{}{name}{}", std::env::consts::DLL_PREFIX, std::env::consts::DLL_SUFFIX)
}

fn rustc(cargo: &mut Command, folder: &Path, kind: &str, features: Features<'_>) -> Result<()> {
    cargo
        .current_dir(workspace()?.join("firmware/c"))
        .args(["rustc", "--package", "telltale-c", "--lib", "--crate-type", kind, "--profile", "firmware"])
        .arg("--target-dir")
        .arg(folder);
    features.add_to(cargo);
    Ok(())
}

/// The crate's own object: what else is in the archive comes with every C compiler.
fn own_object(archive: &[u8]) -> Result<&[u8]> {
    let file = ArchiveFile::parse(archive).context("the library is no archive")?;
    for member in file.members() {
        let member = member.context("the library is damaged")?;
        if member.name().starts_with(CRATE.as_bytes()) {
            return member.data(archive).context("the library is damaged");
        }
    }
    bail!("the library has no object of its own")
}

/// Leaves out what a linker does not need: attributes, which would tie the object to one float ABI, notes, and the
/// names of what is local.
fn strip(object: &[u8]) -> Result<Vec<u8>> {
    // A member of an archive starts on an even byte, a header of ELF on a word.
    let object = AlignedBytes::new(object);
    let mut builder = Builder::read(&object[..])?;
    let (mut deleted, mut used) = (Vec::new(), Vec::new());
    for section in &mut builder.sections {
        let name = section.name.as_slice();
        // Nothing is unwound: tables for that, there is one a function on ARM, would take flash.
        section.delete = section.sh_type == SHT_ARM_EXIDX
            || matches!(name, b".ARM.attributes" | b".riscv.attributes" | b".comment");
        if section.delete {
            deleted.push(section.id());
        }
        // `.text.some_function` → `.text.t`: still one section a function, for linkers to leave out what is unused.
        let dot = name.iter().skip(1).position(|&byte| byte == b'.').map(|at| at + 2);
        if let Some(start) = dot.and_then(|end| name.get(..end)).filter(|start| *start != b".note.") {
            section.name = [start, b"t"].concat().into();
        }
    }
    for section in &mut builder.sections {
        section.delete |= section.sh_info_section.is_some_and(|of| deleted.contains(&of));
        if let (SectionData::Relocation(relocations), false) = (&section.data, section.delete) {
            used.extend(relocations.iter().filter_map(|relocation| relocation.symbol));
        }
    }
    // LLVM keeps the sections' names in the table of the symbols' names; the writer wants a table for each.
    if !builder.sections.iter().any(|section| matches!(section.data, SectionData::SectionString)) {
        let names = builder.sections.add();
        names.name = b".shstrtab".as_slice().into();
        names.sh_type = SHT_STRTAB;
        names.sh_addralign = 1;
        names.data = SectionData::SectionString;
    }
    for symbol in &mut builder.symbols {
        // `$t` and its like tell code from data.
        let is_mark = symbol.name.as_slice().starts_with(b"$");
        let is_local = symbol.st_bind() == STB_LOCAL;
        symbol.delete = is_local && !is_mark && !used.contains(&symbol.id());
        if is_local && !is_mark {
            symbol.name = Vec::new().into();
        }
    }
    builder.delete_orphans();
    let mut stripped = Vec::new();
    builder.write(&mut stripped)?;
    Ok(stripped)
}

/// The undefined symbols of an object.
///
/// # Errors
/// If it is no object.
pub fn undefined(object: &[u8]) -> Result<Vec<String>> {
    let file = object::File::parse(object).context("no object")?;
    let undefined = file.symbols().filter(|symbol| symbol.is_undefined());
    let names = undefined.map(|symbol| symbol.name().map(str::to_owned)).collect::<Result<Vec<_>, _>>();
    Ok(names.context("no object")?.into_iter().filter(|name| !name.is_empty()).collect())
}

/// Whether a C compiler or its library has a function of that name wherever it runs.
fn is_of_compilers(name: &str) -> bool {
    let integers = ["si2", "si3", "di2", "di3"].iter().any(|end| name.ends_with(end));
    matches!(name, "memcpy" | "memmove" | "memset" | "memcmp")
        || name.starts_with("__aeabi_")
        || (name.starts_with("__") && integers)
}

/// An archive with one object in it and an index of its names, as `ar rcs` makes.
///
/// # Errors
/// If it is no object, or one of 4 GiB.
pub fn archive(object: &[u8]) -> Result<Vec<u8>> {
    let file = object::File::parse(object).context("no object")?;
    let globals = file.symbols().filter(|symbol| symbol.is_global() && !symbol.is_undefined());
    let names = globals.map(|symbol| symbol.name()).collect::<Result<Vec<_>, _>>().context("no object")?;
    let names: Vec<u8> = names.iter().flat_map(|name| name.bytes().chain([0])).collect();
    let count = names.iter().filter(|&&byte| byte == 0).count();
    let index_bytes = 4 + 4 * count + names.len();
    let at = u32::try_from(8 + 60 + index_bytes.next_multiple_of(2))?.to_be_bytes();
    let mut index = u32::try_from(count)?.to_be_bytes().to_vec();
    index.extend(at.repeat(count));
    index.extend(names);
    let mut archive = b"!<arch>\n".to_vec();
    for (name, member) in [("/", &index[..]), ("telltale.o/", object)] {
        archive
            .extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, member.len()).bytes());
        archive.extend(member);
        archive.resize(archive.len().next_multiple_of(2), b'\n');
    }
    Ok(archive)
}
