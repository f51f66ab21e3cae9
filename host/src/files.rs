//! Files that are either whole or absent.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

/// Writes a file under a temporary name in the same folder, then renames it. What is there and is no
/// ordinary file (a pipe, `/dev/null`) is written to as it is.
///
/// # Errors
/// If the folder cannot be written or the disk is full; the error names the file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    if is_special(path) {
        return File::options()
            .write(true)
            .open(path)
            .and_then(|mut to| to.write_all(bytes))
            .with_context(context);
    }
    let mut file = temporary(path).with_context(context)?;
    file.as_file_mut().write_all(bytes).with_context(context)?;
    persist(file, path)
}

/// Whether something is there that is neither a file nor a folder.
#[must_use]
pub fn is_special(path: &Path) -> bool {
    path.metadata().is_ok_and(|metadata| !metadata.is_file() && !metadata.is_dir())
}

/// Finds out before the work is done whether a file could be written.
///
/// # Errors
/// If it is a folder, or its folder does not exist or cannot be written.
pub fn check(path: &Path) -> Result<()> {
    ensure!(!path.is_dir(), "cannot write {}: it is a folder", path.display());
    if !is_special(path) {
        temporary(path).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// A temporary file beside `path`.
///
/// # Errors
/// If the folder does not exist or cannot be written.
pub fn temporary(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        // As an ordinary new file has; the process' umask still applies.
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    builder.tempfile_in(folder_of(&target(path)))
}

/// Flushes a temporary file to the disk and gives it its name.
///
/// # Errors
/// If the disk is full or the name cannot be taken.
pub fn persist(file: tempfile::NamedTempFile, path: &Path) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    file.as_file().sync_all().with_context(context)?;
    let target = target(path);
    file.persist(&target).map_err(|error| error.error).with_context(context)?;
    sync_folder(folder_of(&target));
    Ok(())
}

/// Flushes a folder's names to the disk, where the system can do that.
pub fn sync_folder(folder: &Path) {
    if cfg!(unix) {
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
    }
}

/// The file that a path leads to, through links: that is replaced and not the link.
fn target(path: &Path) -> PathBuf {
    fs::canonicalize(path).unwrap_or_else(|_| path.to_owned())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}
