//! Output files that are either whole or absent, and never overwrite an input.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::console;

/// What standard input and output are called on the command line.
const STANDARD: &str = "-";

/// The most bytes that are read of what is no ordinary file: a pipe, a device.
const MOST_OF_A_PIPE: u64 = 64 << 20;

/// The most bytes that are read of a file.
const MOST: u64 = 8 << 30;

/// The contents of a file; a device without end does not fill the memory.
///
/// # Errors
/// If it cannot be read or is too large; the error does not name it.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let most = if is_special(path) { MOST_OF_A_PIPE } else { MOST };
    let mut bytes = Vec::new();
    (&mut file).take(most).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == most && file.read(&mut [0])? > 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("more than {most} bytes")));
    }
    Ok(bytes)
}

/// The contents of a file in UTF-8.
///
/// # Errors
/// As [`read`], and if it is no UTF-8.
pub fn read_text(path: &Path) -> io::Result<String> {
    String::from_utf8(read(path)?)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

/// A verb's inputs and outputs, each with its flag, checked for collisions before any work.
#[derive(Clone, Debug, Default)]
pub struct Paths {
    inputs: Vec<(&'static str, PathBuf)>,
    outputs: Vec<(&'static str, PathBuf)>,
    /// The flags whose output goes to standard output.
    printed: Vec<&'static str>,
}

impl Paths {
    /// Adds files or folders that are read.
    #[must_use]
    pub fn read<P: AsRef<Path>>(mut self, flag: &'static str, paths: impl IntoIterator<Item = P>) -> Self {
        self.inputs.extend(paths.into_iter().map(|path| (flag, path.as_ref().to_owned())));
        self
    }

    /// Adds files that are written.
    #[must_use]
    pub fn write<P: AsRef<Path>>(mut self, flag: &'static str, paths: impl IntoIterator<Item = P>) -> Self {
        self.outputs.extend(paths.into_iter().map(|path| (flag, path.as_ref().to_owned())));
        self
    }

    /// Adds a file that is written; `-` is standard output.
    #[must_use]
    pub fn print<P: AsRef<Path>>(mut self, flag: &'static str, path: impl IntoIterator<Item = P>) -> Self {
        let (printed, written): (Vec<P>, Vec<P>) =
            path.into_iter().partition(|path| path.as_ref() == Path::new(STANDARD));
        self.printed.extend(printed.iter().map(|_| flag));
        self.write(flag, written)
    }

    /// What is written to files.
    pub fn outputs(&self) -> impl Iterator<Item = &Path> {
        self.outputs.iter().map(|(_, path)| path.as_path())
    }

    /// Finds out before the work is done that every output can be written, is no input, and no other output. If one
    /// goes to standard output, lines go to standard error from here on.
    ///
    /// # Errors
    /// Names the flags and the path.
    pub fn check(&self) -> Result<()> {
        if let [first, second, ..] = self.printed[..] {
            bail!("{first} and {second} both go to standard output: name a file for one of them");
        }
        if !self.printed.is_empty() {
            console::divert();
        }
        self.keep_inputs()?;
        for (at, (flag, path)) in self.outputs.iter().enumerate() {
            ensure!(
                path != Path::new(STANDARD),
                "{flag} -: this is not written to standard output: name a file (./- for one of that name)"
            );
            if !is_special(path) {
                for (other, written) in &self.outputs[..at] {
                    ensure!(
                        !is_same(path, written),
                        "{flag} {}: {other} goes to the same file: name another one",
                        path.display()
                    );
                }
            }
            check(path)?;
        }
        Ok(())
    }

    /// Finds out that no output is an input, and nothing else.
    ///
    /// # Errors
    /// Names the flags and the path.
    pub fn keep_inputs(&self) -> Result<()> {
        for (flag, path) in self.outputs.iter().filter(|(_, path)| !is_special(path)) {
            for (input, read) in &self.inputs {
                ensure!(
                    !is_part(path, read),
                    "{flag} {}: that file is read as {input}, and no input is ever overwritten: name another one",
                    path.display()
                );
            }
        }
        Ok(())
    }
}

/// Whether `path` is the file `read`, or one in a folder of the folder `read`.
fn is_part(path: &Path, read: &Path) -> bool {
    if !read.is_dir() {
        return is_same(path, read);
    }
    let (Ok(whole), Ok(folder)) = (path.canonicalize(), read.canonicalize()) else { return false };
    // A folder of classes holds its texts one level down; what lies beside them is not read.
    let is_within = whole.strip_prefix(folder).is_ok_and(|rest| rest.components().count() > 1);
    let leads_there = |link: &PathBuf| link.canonicalize().is_ok_and(|to| whole.starts_with(to));
    is_within || links(read, 1).iter().any(leads_there)
}

/// The links below a folder, where texts may be read: at most two levels down.
fn links(folder: &Path, level: usize) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let kind = entry.file_type();
        if kind.as_ref().is_ok_and(fs::FileType::is_symlink) {
            found.push(entry.path());
        } else if level < 3 && kind.is_ok_and(|kind| kind.is_dir()) {
            found.extend(links(&entry.path(), level + 1));
        }
    }
    found
}

/// Whether two paths lead to the same file or folder.
#[must_use]
pub fn is_same(a: &Path, b: &Path) -> bool {
    identity(a) == identity(b)
}

/// Refuses to replace a folder in which an input lies.
///
/// # Errors
/// Names both.
pub fn keep(input: &Path, folder: &Path) -> Result<()> {
    let (Ok(file), Ok(inside)) = (input.canonicalize(), folder.canonicalize()) else { return Ok(()) };
    ensure!(
        !file.starts_with(&inside),
        "--out {}: {} lies in it, and no input is ever overwritten: name another folder",
        folder.display(),
        input.display()
    );
    Ok(())
}

/// What two paths have in common if they lead to the same file, which need not exist.
#[derive(Debug, PartialEq, Eq)]
enum Identity {
    Node(u64, u64),
    Name(PathBuf),
}

fn identity(path: &Path) -> Identity {
    if let Ok(metadata) = path.metadata() {
        return Identity::Node(metadata.dev(), metadata.ino());
    }
    let folder = folder_of(path).canonicalize();
    let whole = path.canonicalize().ok().or_else(|| Some(folder.ok()?.join(path.file_name()?)));
    Identity::Name(whole.unwrap_or_else(|| path.to_owned()))
}

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
/// If it is a folder or read-only, or its folder does not exist or cannot be written.
pub fn check(path: &Path) -> Result<()> {
    ensure!(!path.is_dir(), "cannot write {}: it is a folder", path.display());
    ensure!(
        !path.metadata().is_ok_and(|metadata| metadata.permissions().readonly()),
        "cannot write {}: it is read-only (chmod u+w)",
        path.display()
    );
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
    tempfile::Builder::new()
        // As an ordinary new file has; the process's umask still applies.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder_of(&target(path)))
        .map_err(unnamed)
}

/// An error about a temporary file, without its name, which means nothing to the user.
pub fn unnamed(error: io::Error) -> io::Error {
    let text = error.to_string();
    let reason = text.split_once(" at path ").map_or(&text[..], |(reason, _)| reason);
    io::Error::new(error.kind(), reason)
}

/// Flushes a temporary file to the disk and gives it its name, with the permissions of the file that it replaces.
///
/// # Errors
/// If the disk is full or the name cannot be taken.
pub fn persist(file: tempfile::NamedTempFile, path: &Path) -> Result<()> {
    let context = || format!("cannot write {}", path.display());
    let target = target(path);
    if let Ok(before) = target.metadata() {
        file.as_file().set_permissions(before.permissions()).with_context(context)?;
    }
    file.as_file().sync_all().with_context(context)?;
    file.persist(&target).map_err(|error| error.error).with_context(context)?;
    sync_folder(folder_of(&target));
    Ok(())
}

/// Flushes a folder's names to the disk, if the file system can do that.
pub fn sync_folder(folder: &Path) {
    let _ = File::open(folder).and_then(|folder| folder.sync_all());
}

/// The file that a path leads to, through links: that is replaced and not the link.
fn target(path: &Path) -> PathBuf {
    let led = || fs::read_link(path).map(|to| folder_of(path).join(to));
    fs::canonicalize(path).or_else(|_| led()).unwrap_or_else(|_| path.to_owned())
}

/// Why a path is none of a folder.
pub fn no_folder(path: &Path) -> &'static str {
    if path.exists() { "a folder is expected, and that is none" } else { "no such folder" }
}

/// The folder that a path is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_output_is_an_input_or_another_output() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::create_dir_all(path("corpus/pos")).expect("made");
        for name in ["a.csv", "corpus/pos/1.txt", "corpus/notes"] {
            fs::write(path(name), "x").expect("written");
        }
        let refused = |read: &Path, write: &[&Path]| {
            Paths::default()
                .read("--data", [read])
                .write("--export", write)
                .check()
                .err()
                .map(|error| format!("{error:#}"))
        };
        let named = refused(&path("a.csv"), &[&path("corpus/../a.csv")]).expect("is refused");
        assert!(named.contains("--export") && named.contains("read as --data"), "{named}");
        fs::hard_link(path("a.csv"), path("hard")).expect("linked");
        std::os::unix::fs::symlink(path("a.csv"), path("soft")).expect("linked");
        assert!(refused(&path("a.csv"), &[&path("hard")]).is_some());
        assert!(refused(&path("a.csv"), &[&path("soft")]).is_some());
        assert!(refused(&path("corpus"), &[&path("corpus/pos/1.txt")]).is_some());
        assert_eq!(refused(&path("corpus"), &[&path("corpus/notes")]), None);
        assert_eq!(refused(&path("a.csv"), &[&path("b.bin")]), None);
        assert!(refused(&path("a.csv"), &[Path::new("-")]).is_some_and(|told| told.contains("--export -: ")));
        let printed = |flags: &[&'static str]| {
            flags.iter().fold(Paths::default(), |paths, flag| paths.print(flag, ["-"])).check().is_ok()
        };
        assert!(printed(&["--json"]) && !printed(&["--json", "--candidates"]));
        let mut permissions = path("a.csv").metadata().expect("there").permissions();
        permissions.set_readonly(true);
        fs::write(path("kept.bin"), "x")
            .and_then(|()| fs::set_permissions(path("kept.bin"), permissions))
            .expect("set");
        assert!(refused(&path("a.csv"), &[&path("kept.bin")]).is_some_and(|told| told.contains("read-only")));
        let twice = refused(&path("a.csv"), &[&path("b"), &path("corpus/../b")]).expect("is refused");
        assert!(twice.contains("goes to the same file"), "{twice}");
        assert!(
            refused(&path("a.csv"), &[&path("no/b")]).expect("is refused").contains("no/b: No such file")
        );
        assert!(fs::read_dir(folder.path()).expect("listed").count() <= 5, "nothing is left");
    }

    #[test]
    fn what_is_replaced_keeps_its_permissions_and_links_lead_where_they_led() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        fs::write(path("secret"), "x").expect("written");
        fs::set_permissions(path("secret"), Permissions::from_mode(0o600)).expect("set");
        write(&path("secret"), b"y").expect("written");
        assert_eq!(path("secret").metadata().expect("there").permissions().mode() & 0o777, 0o600);
        std::os::unix::fs::symlink("later", path("link")).expect("linked");
        write(&path("link"), b"z").expect("written");
        assert_eq!(fs::read(path("later")).expect("written"), b"z");
    }

    #[test]
    fn errors_name_the_path_that_was_asked_for() {
        let folder = tempfile::tempdir().expect("a folder");
        let error = format!("{:#}", write(&folder.path().join("no/x"), b"x").expect_err("is refused"));
        assert!(error.ends_with("no/x: No such file or directory (os error 2)"), "{error}");
    }

    #[test]
    fn a_device_without_end_is_refused() {
        let error = read(Path::new("/dev/zero")).expect_err("is refused").to_string();
        assert!(error.contains("more than 67108864 bytes"), "{error}");
    }
}
