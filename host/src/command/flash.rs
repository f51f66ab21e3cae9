//! `flash`: puts a program with a model in it onto a board.

use std::fs::File;
use std::io::Write as _;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use clap::Args as ClapArgs;

use super::firmware;
use crate::board::{self, Board, Flashing};
use crate::console::{for_shells, say, warn};
use crate::files;
use crate::program::{ImageFormat, Program, usual};

/// Puts a program with a model in it onto a board: by its drive or by probe-rs, or prints the command
///
/// A board that appears as a drive is flashed by copying a file to it; --drive gives the drive, or it is found by name
/// among the mounted ones. Without a drive, probe-rs is used if it is installed. Otherwise an error gives the commands
/// to run.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The board; `boards` lists them
    #[arg(long, value_name = "BOARD")]
    board: String,
    /// The model file, as written by `train --export`
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    /// Folder where the board's drive is mounted [default: found by the drive's name]
    #[arg(long, value_name = "FOLDER")]
    drive: Option<PathBuf>,
    /// Only build, and print what would be done
    #[arg(long)]
    dry_run: bool,
}

/// How a board will be flashed.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Way {
    /// By copying a file there; whether it is known to be such a board's.
    Drive(PathBuf, bool),
    /// By probe-rs, with its name for the chip.
    Probe(String),
    /// By the user, with a command that is printed.
    Hand,
}

/// Runs the verb.
///
/// # Errors
/// If the model does not fit, the firmware does not build, the drive cannot be written, probe-rs fails, or there is
/// neither a drive nor probe-rs; the error then has the commands to run.
pub fn run(args: &Args) -> Result<()> {
    let board = board::find(&args.board)?;
    let flashing = &board.flashing;
    ensure!(flashing.can(), "{}: {}; `emulate` runs it", board.name, board.remark);
    let way = way(args, flashing)?;
    let program = firmware::build(&board, &args.model)?;
    match way {
        Way::Drive(folder, is_known) => copy(&program, &board, &folder, is_known, args),
        Way::Probe(chip) => probe(&program, &board, &chip, args.dry_run),
        Way::Hand => by_hand(&board, args),
    }
}

fn way(args: &Args, flashing: &Flashing) -> Result<Way> {
    let drive = match &args.drive {
        Some(folder) => {
            ensure!(!flashing.drives.is_empty(), "--drive: this board does not show up as a drive");
            ensure!(folder.is_dir(), "--drive {}: {}", folder.display(), files::no_folder(folder));
            Some(folder.clone())
        }
        None => mounted(&roots(), &flashing.drives, is_mount)?,
    };
    if let Some(folder) = drive {
        let is_known = check_drive(&folder, args, flashing)?;
        return Ok(Way::Drive(folder, is_known));
    }
    let installed =
        Command::new("probe-rs").arg("--version").output().is_ok_and(|output| output.status.success());
    Ok(match &flashing.chip {
        Some(chip) if installed => Way::Probe(chip.clone()),
        _ => Way::Hand,
    })
}

/// Refuses a drive that says that it is another board's; whether it says that it is this board's, or this board's drives
/// say nothing.
fn check_drive(folder: &Path, args: &Args, flashing: &Flashing) -> Result<bool> {
    let said = |name: &str| files::read_text(&folder.join(name)).ok();
    // Boot loaders that take UF2 write their board's name, DAPLink an id that begins with the board's kind.
    let info = said("INFO_UF2.TXT").map(|said| flashing.drives.iter().any(|drive| said.contains(&drive[..])));
    let details = said("DETAILS.TXT").map(|said| {
        let mut ids = said.lines().filter_map(|line| line.strip_prefix("Unique ID:"));
        ids.any(|id| flashing.kinds.iter().any(|kind| id.trim().starts_with(&kind[..])))
    });
    let (takes_uf2, has_kinds) = (flashing.uf2_family.is_some(), !flashing.kinds.is_empty());
    let (name, is_own) = match (info, details) {
        (Some(is_own), _) => ("INFO_UF2.TXT", is_own),
        (None, Some(is_own)) if takes_uf2 || has_kinds => ("DETAILS.TXT", is_own),
        _ => return Ok(!takes_uf2 && !has_kinds),
    };
    ensure!(is_own, "{}: not the drive of a {}, as its {name} says", folder.display(), args.board);
    Ok(true)
}

/// Where systems mount drives, for each user or for all.
fn roots() -> Vec<PathBuf> {
    let all = ["/media", "/run/media", "/Volumes"].map(PathBuf::from);
    let users = all.iter().flat_map(|root| std::fs::read_dir(root).into_iter().flatten().flatten());
    let users: Vec<PathBuf> = users.map(|entry| entry.path()).collect();
    all.into_iter().chain(users).collect()
}

/// Whether another file system begins at a folder.
fn is_mount(folder: &Path) -> bool {
    let device = |path: &Path| path.metadata().map(|metadata| metadata.dev()).ok();
    device(folder) != folder.parent().and_then(device)
}

/// The only folder of `roots` that is called as one of the drives is, and is one.
fn mounted(
    roots: &[PathBuf],
    drives: &[String],
    is_drive: impl Fn(&Path) -> bool,
) -> Result<Option<PathBuf>> {
    let mut found: Vec<PathBuf> = roots
        .iter()
        .flat_map(|root| drives.iter().map(move |drive| root.join(drive)))
        .filter(|folder| folder.is_dir() && is_drive(folder))
        .collect();
    found.dedup();
    if found.len() > 1 {
        let names: Vec<_> = found.iter().map(|folder| folder.display().to_string()).collect();
        bail!("several boards are plugged in: name one of them with --drive: {}", names.join(", "));
    }
    Ok(found.pop())
}

/// Copies the program to a drive, whose interface chip or boot loader programs it.
fn copy(program: &Program, board: &Board, folder: &Path, is_known: bool, args: &Args) -> Result<()> {
    let path = folder.join(format!("telltale.{}", usual(board)));
    files::Paths::default().read("--model", [&args.model]).write("--drive", [&path]).keep_inputs()?;
    let file = program.write(ImageFormat::of(&path)?, board)?;
    if args.dry_run {
        say!("would write {}, {} bytes", path.display(), file.len());
        return Ok(());
    }
    // In place: such a drive programs the bytes as they come, and may not support renaming a file.
    let mut to = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    to.write_all(&file)
        .and_then(|()| to.sync_all())
        // A partial program is useless.
        .inspect_err(|_| drop(std::fs::remove_file(&path)))
        .with_context(|| format!("cannot write {}: is the drive full, or gone?", path.display()))?;
    say!("wrote {}, {} bytes", path.display(), file.len());
    if is_known {
        say!("the board programs itself and starts anew");
    } else {
        warn(&format!(
            "{}: no INFO_UF2.TXT or DETAILS.TXT was there: is it the board's drive?",
            folder.display()
        ));
    }
    Ok(())
}

fn probe(program: &Program, board: &Board, chip: &str, dry_run: bool) -> Result<()> {
    let folder = tempfile::tempdir().context("no folder for temporary files")?;
    let path = folder.path().join("telltale.elf");
    let elf = program.write(ImageFormat::Elf, board)?;
    let file = if dry_run {
        format!("FILE ({} bytes, as `firmware --out FILE.elf` writes it)", elf.len())
    } else {
        files::write(&path, &elf)?;
        files_text(&path)?.to_owned()
    };
    for arguments in [&["download", "--chip", chip, &file][..], &["reset", "--chip", chip]] {
        let line = format!("probe-rs {}", arguments.join(" "));
        if dry_run {
            say!("would run {line}");
            continue;
        }
        let status = Command::new("probe-rs")
            .args(arguments)
            .status()
            .with_context(|| format!("cannot run {line}"))?;
        let hint = match arguments[0] {
            "reset" => "the program is on the board: press its reset button",
            _ => "is the board plugged in, and no other?",
        };
        ensure!(status.success(), "{line}: {status}; {hint}");
    }
    if !dry_run {
        say!("flashed {} by probe-rs", board.name);
    }
    Ok(())
}

fn files_text(path: &Path) -> Result<&str> {
    path.to_str().with_context(|| format!("{}: a name in UTF-8 is expected", path.display()))
}

/// Prints what to do, as an error unless this was a dry run.
fn by_hand(board: &Board, args: &Args) -> Result<()> {
    let Flashing { drives, chip, command, .. } = &board.flashing;
    let ending = usual(board);
    let mut ways = Vec::new();
    if let Some(drive) = drives.first() {
        ways.push(format!(
            "plug it in so that its drive {drive} is mounted (--drive FOLDER if it is mounted elsewhere)"
        ));
    }
    if let Some(chip) = chip {
        ways.push(format!("install probe-rs, which flashes it as {chip}"));
    }
    if let Some(command) = command {
        ways.push(format!(
            "run `cargo run -p host -- firmware --board {} --model {} --out telltale.{ending} && {}`",
            board.name,
            for_shells(&args.model.to_string_lossy()),
            command.replace("{file}", &format!("telltale.{ending}"))
        ));
    }
    let ways = ways.join(", or ");
    let missing = match (drives.first(), chip) {
        (Some(_), Some(_)) => "neither a drive nor probe-rs is there",
        (Some(_), None) => "its drive is not there",
        (None, Some(_)) => "probe-rs is not there",
        (None, None) => "it is flashed by another program",
    };
    if args.dry_run {
        say!("would do nothing: {missing}; {ways}");
        return Ok(());
    }
    bail!("{}: {missing}: {ways}", board.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drive_is_found_by_its_name() {
        let root = tempfile::tempdir().expect("a folder");
        let roots = [root.path().join("none"), root.path().to_path_buf()];
        let drives = ["RPI-RP2".to_owned(), "OTHER".to_owned()];
        let mounted = |roots: &[PathBuf], drives: &[String]| mounted(roots, drives, |_| true);
        assert_eq!(mounted(&roots, &drives).expect("none"), None);
        let own = root.path().join("RPI-RP2");
        std::fs::create_dir(&own).expect("created");
        assert_eq!(mounted(&roots, &drives).expect("one"), Some(own));
        assert_eq!(
            super::mounted(&roots, &drives, is_mount).expect("a folder"),
            None,
            "no drive begins there"
        );
        std::fs::create_dir(root.path().join("OTHER")).expect("created");
        let error = mounted(&roots, &drives).expect_err("two").to_string();
        assert!(error.contains("--drive"), "{error}");
    }
}
