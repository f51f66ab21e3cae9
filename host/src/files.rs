//! Files that are either whole or absent.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

/// Writes a file under a temporary name in the same folder, then renames it.
///
/// # Errors
/// If the folder cannot be written; the error names the file.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let mut file = temporary(path).with_context(context)?;
    file.write_all(bytes).with_context(context)?;
    persist(file, path)
}

/// A temporary file beside `path`.
///
/// # Errors
/// If the folder does not exist or cannot be written.
pub fn temporary(path: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        // As an ordinary new file has; the process' umask still applies.
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Flushes a temporary file to the disk and gives it its name.
///
/// # Errors
/// If the disk is full or the name cannot be taken.
pub fn persist(file: tempfile::NamedTempFile, path: &Path) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    file.as_file().sync_all().with_context(context)?;
    file.persist(path).map_err(|error| error.error).with_context(context)?;
    Ok(())
}
