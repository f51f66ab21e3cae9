//! For build scripts: embeds a model in a program, laid out for the target core.
//!
//! In `build.rs`:
//!
//! ```no_run
//! telltale_build::include("sentiment.bin");
//! ```
//!
//! and in the program:
//!
//! ```ignore
//! include!(concat!(env!("OUT_DIR"), "/sentiment.rs"));
//! ```
//!
//! which defines, named after the file, `SENTIMENT` and `SENTIMENT_MEMORY` like [`telltale::include_model!`], and an
//! enum of the labels, `SentimentLabel`, which can be made from a [`telltale::Class`].
#![forbid(unsafe_code)]

mod names;
mod source;

pub use names::variants;
use std::path::{Path, PathBuf};
use std::{env, fs};

use telltale::engine::image::image;
use telltale::engine::kernel::Layout;
use telltale::{Model, OpenError};

/// Lays the model's file out for the target of the build script and writes `OUT_DIR/<name>.bin` and
/// `OUT_DIR/<name>.rs`, named after the file, which cargo then watches. A path is relative to the package.
///
/// On an error, the build fails with a sentence that explains it.
pub fn include(model: impl AsRef<Path>) {
    let path = model.as_ref();
    println!("cargo:rerun-if-changed={}", path.display());
    if let Err(error) = include_in_script(path) {
        eprintln!("error: {}: {error}", path.display());
        std::process::exit(1);
    }
}

fn include_in_script(path: &Path) -> Result<(), String> {
    let variable =
        |name: &str| env::var(name).map_err(|_| format!("{name} is not set: call this from build.rs"));
    let out = PathBuf::from(variable("OUT_DIR")?);
    let file = fs::read(path).map_err(|error| format!("cannot read the model: {error}"))?;
    let name = file_name(path)
        .ok_or("the file's name makes no identifier: call it by letters of ASCII, such as sentiment.bin")?;
    let embedded = Embedded::new(&name, &file, own_layout()?)?;
    embedded.write_to(&out)
}

/// The name of the files that [`include()`] makes from a model; `None` if the model's name makes no identifier.
#[must_use]
pub fn file_name(model: &Path) -> Option<String> {
    let name = names::snake(model.file_stem()?.to_str()?);
    name.starts_with(|first: char| first.is_ascii_alphabetic()).then_some(name)
}

/// The layout of the build script's target.
///
/// # Errors
/// If no build script is running.
pub fn own_layout() -> Result<Layout, String> {
    let target = env::var("TARGET").map_err(|_| "TARGET is not set: call this from build.rs")?;
    let flags = env::var("CARGO_ENCODED_RUSTFLAGS").unwrap_or_default();
    Ok(Layout::of_target(&target, &flags.split('\x1f').collect::<Vec<_>>()))
}

/// A model's file in the layout of a core.
///
/// # Errors
/// If the file is not a model that this version reads.
pub fn laid_out(file: &[u8], layout: Layout) -> Result<Vec<u8>, OpenError> {
    let aligned = aligned(file);
    Ok(image(&Model::open(&bytemuck::cast_slice(&aligned)[..file.len()])?, layout))
}

/// A copy on a 16-byte boundary.
fn aligned(file: &[u8]) -> Vec<u128> {
    let mut aligned = vec![0u128; file.len().div_ceil(16)];
    bytemuck::cast_slice_mut(&mut aligned)[..file.len()].copy_from_slice(file);
    aligned
}

/// A model ready to be embedded in a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// The name of both files, in snake case.
    pub name: String,
    /// The model for the target's core.
    pub model: Vec<u8>,
    /// The Rust source that includes it.
    pub source: String,
}

impl Embedded {
    /// Lays out a model's file and generates its source.
    ///
    /// # Errors
    /// If the file is not a model, or `name` makes no identifier.
    pub fn new(name: &str, file: &[u8], layout: Layout) -> Result<Self, String> {
        let name = file_name(Path::new(name)).ok_or(format!("{name:?} makes no identifier"))?;
        let words = aligned(file);
        let bytes = &bytemuck::cast_slice(&words)[..file.len()];
        let model = Model::open(bytes).map_err(|error| error.to_string())?;
        let source = source::source(&name, &model);
        Ok(Self { model: image(&model, layout), source, name })
    }

    fn write_to(&self, folder: &Path) -> Result<(), String> {
        for (ending, bytes) in [("bin", &self.model[..]), ("rs", self.source.as_bytes())] {
            let path = folder.join(format!("{}.{ending}", self.name));
            fs::write(&path, bytes).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }
}
