//! `export`: a model as a folder for other tools.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use clap::Args as ClapArgs;
use clap::builder::PossibleValuesParser;

use crate::console::{say, warn};
use crate::engine::with_model;
use crate::export::{self, Folder, PackageFormat, Request};
use crate::files;
use crate::library::CORES;

/// Writes a model as a folder for C, Arduino, PlatformIO, Zephyr, Cargo or npm, ready to use
///
/// The library in it is built with the features that the model needs, for every core: the first time, this takes
/// minutes, and needs a compiler for each core (a missing one is named). Programs that load several models need a
/// library that reads any (`--any-model`). A crate for Cargo has the engine's sources instead, a package for npm the
/// engine as WebAssembly.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// Tools that the folder is for
    #[arg(long = "as", value_name = "FORMAT", value_enum)]
    format: PackageFormat,
    /// The model file, as written by `train --export`
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// The folder to write; if it exists, it must be empty (or --replace)
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Name of the model in programs [default: the file's name]
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
    /// Core to build for; may be given several times [default: all]
    #[arg(long, value_name = "CORE", value_parser = PossibleValuesParser::new(CORES.map(|core| core.name)))]
    core: Vec<String>,
    /// Build the library with all features of the engine, so that it reads any model
    #[arg(long)]
    any_model: bool,
    /// Replace a folder that is not empty, with all its contents
    #[arg(long)]
    replace: bool,
}

/// Runs the verb.
///
/// # Errors
/// If the model is unsound, a library cannot be built, or the folder cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let stem = args.model.file_stem().unwrap_or_default().to_string_lossy();
    let name = export::identifier(args.name.as_deref().unwrap_or(&stem))?;
    if let Some(asked) = args.name.as_deref().filter(|asked| *asked != name) {
        warn(&format!("--name {asked}: in programs that is `{name}`"));
    }
    Folder::check(&args.out, args.replace)?;
    files::keep(&args.model, &args.out)?;
    ensure!(
        args.core.is_empty() || !matches!(args.format, PackageFormat::Rust | PackageFormat::Npm),
        "--core: leave it out: these folders have no objects and are for every core"
    );
    let cores: Vec<_> = CORES
        .into_iter()
        .filter(|core| args.core.is_empty() || args.core.iter().any(|own| own == core.name))
        .collect();
    with_model(&args.model, |model| {
        let request =
            Request { format: args.format, name: &name, model, any_model: args.any_model, cores: &cores };
        let folder = export::folder(&request)?;
        folder.write(&args.out, args.replace)?;
        say!("{}: {} files; README.md tells how to go on", args.out.display(), folder.paths().count());
        Ok(())
    })
}
