//! `image`: a model in a core's layout.

use std::path::PathBuf;

use anyhow::{Result, bail, ensure};
use clap::Args as ClapArgs;
use telltale::engine::image::image as lay_out;
use telltale::engine::kernel::{CFGS, Layout};

use super::firmware::check_fit;
use crate::console::{self, say};
use crate::{board, engine, files, toolchain};

/// Writes a model's image for a chip: its file, with the affine maps laid out for the chip's core
///
/// `emulate`, `bench`, firmware built with `MODEL=FILE` and telltale-build do this themselves; this verb is for
/// flashing a model into the region of firmware without one, and for programs that include an image themselves. A
/// model's answers are the same in every layout. Cortex-M0, M3 and RISC-V have a layout of their own; the other cores
/// read the file as it is.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The board; `boards` lists them
    #[arg(long, value_name = "BOARD", required_unless_present = "target")]
    board: Option<String>,
    /// Instead of a board, the program's target triple, such as thumbv6m-none-eabi
    #[arg(long, value_name = "TRIPLE", conflicts_with = "board")]
    target: Option<String>,
    /// With `--target`: the program's RUSTFLAGS, such as `--cfg telltale_dsp` on a Cortex-M33
    #[arg(
        long,
        value_name = "FLAGS",
        default_value = "",
        conflicts_with = "board",
        allow_hyphen_values = true
    )]
    rustflags: String,
    /// The model file, as written by `train --export`
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// File for the image
    #[arg(long, value_name = "FILE")]
    export: PathBuf,
}

/// Runs the verb.
///
/// # Errors
/// If the model is unsound or the image cannot be written.
pub fn run(args: &Args) -> Result<()> {
    files::Paths::default().read("--model", [&args.model]).write("--export", [&args.export]).check()?;
    if let Some(target) = &args.target {
        ensure!(
            target.split('-').filter(|part| !part.is_empty()).count() > 1,
            "--target {target:?}: a Rust target triple is expected, such as thumbv6m-none-eabi"
        );
    }
    let mut words =
        args.rustflags.split([' ', '=']).skip_while(|own| *own != "--cfg").filter(|own| *own != "--cfg");
    if let Some(other) = words.find(|own| own.starts_with("telltale") && !CFGS.contains(own)) {
        bail!("--rustflags: there is no `{other}`; {} tell of a core's instructions", CFGS.join(" and "));
    }
    let board = args.board.as_deref().map(board::find).transpose()?;
    let layout = match &board {
        Some(board) => Layout::of_target(&board.target, &board.rustflags),
        None => Layout::of_target(args.target.as_deref().unwrap_or_default(), &[&args.rustflags]),
    };
    if let Some(target) = args.target.as_deref().filter(|target| toolchain::is_target(target) == Some(false))
    {
        console::warn(&format!(
            "--target {target}: rustc has no target of that name (rustc --print target-list)"
        ));
    }
    let image = engine::with_model(&args.model, |model| {
        board.as_ref().map_or(Ok(()), |board| check_fit(board, model, board.loading_obstacle(model)))?;
        Ok(lay_out(model, layout))
    })?;
    files::write(&args.export, &image)?;
    let how = match layout {
        Layout::Pairs => "the maps as they are in the file",
        Layout::Quads => "the maps in words of four rows",
    };
    say!("{}: {} bytes, {how}", args.export.display(), image.len());
    Ok(())
}
