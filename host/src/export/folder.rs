//! A folder that is written whole or not at all.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use crate::files;

/// Files by their path in the folder, which `/` separates.
#[derive(Clone, Debug, Default)]
pub struct Folder(BTreeMap<String, Vec<u8>>);

impl Folder {
    /// Adds a file.
    pub fn add(&mut self, path: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.0.insert(path.into(), content.into());
    }

    /// The paths, in order.
    pub fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Finds out before the work is done whether a folder may be written there.
    ///
    /// # Errors
    /// If something is there that is no folder, or a folder that is not empty and not to be replaced.
    pub fn check(to: &Path, replace: bool) -> Result<()> {
        // Without a slash at the end, behind which a link would be the folder that it leads to.
        let to = &to.components().collect::<PathBuf>();
        ensure!(
            to.file_name().is_some(),
            "--out {}: the folder is made anew: name one in this folder, or beside it",
            to.display()
        );
        if to.symlink_metadata().is_ok() {
            ensure!(
                to.is_dir() && !to.is_symlink(),
                "--out {}: it is no folder: name another one",
                to.display()
            );
            let empty = fs::read_dir(to).with_context(|| to.display().to_string())?.next().is_none();
            ensure!(
                empty || replace,
                "--out {}: the folder is not empty: name another one, or say --replace to have all that is in it \
                 replaced",
                to.display()
            );
        }
        let parent = files::folder_of(to);
        ensure!(
            parent.is_dir(),
            "--out {}: the folder {} does not exist: make it",
            to.display(),
            parent.display()
        );
        Ok(())
    }

    /// Writes all files under a temporary name beside `to`, then renames the folder.
    ///
    /// # Errors
    /// As [`Self::check`], and if something cannot be written; then nothing has changed.
    pub fn write(&self, to: &Path, replace: bool) -> Result<()> {
        Self::check(to, replace)?;
        let context = || format!("cannot write {}", to.display());
        let temporary = || {
            let made = tempfile::Builder::new().prefix(".telltale-").tempdir_in(files::folder_of(to));
            made.map_err(files::unnamed).with_context(context)
        };
        let (made, old) = (temporary()?, temporary()?);
        let new = made.path().join("new");
        fs::create_dir(&new).with_context(context)?;
        for (path, content) in &self.0 {
            let file = new.join(path);
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder).with_context(context)?;
            }
            fs::write(&file, content).with_context(context)?;
        }
        let before = old.path().join("old");
        let is_there = to.exists();
        if is_there {
            fs::rename(to, &before).with_context(context)?;
        }
        if let Err(error) = fs::rename(&new, to) {
            if is_there && fs::rename(&before, to).is_err() {
                let kept = old.keep().join("old");
                bail!("cannot write {}: {error}; what was there is in {}", to.display(), kept.display());
            }
            return Err(error).with_context(context);
        }
        files::sync_folder(files::folder_of(to));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_written_whole_and_replaces_only_what_it_is_told_to() {
        let place = tempfile::tempdir().expect("a folder");
        let to = place.path().join("out");
        let mut folder = Folder::default();
        folder.add("a/b.txt", "one");
        folder.write(&to, false).expect("written");
        assert_eq!(fs::read(to.join("a/b.txt")).expect("there"), b"one");
        let mut other = Folder::default();
        other.add("c.txt", "two");
        let error = other.write(&to, false).expect_err("is not empty").to_string();
        assert!(error.contains("--replace"), "{error}");
        assert!(to.join("a/b.txt").is_file());
        other.write(&to, true).expect("replaced");
        assert!(to.join("c.txt").is_file() && !to.join("a").exists());
        // A file where a folder must be: nothing changes, nothing is left behind.
        other.add("c.txt/d", "three");
        assert!(other.write(&to, true).is_err());
        assert_eq!(fs::read(to.join("c.txt")).expect("there"), b"two");
        assert_eq!(fs::read_dir(place.path()).expect("listed").count(), 1);
        assert!(other.write(&to.join("c.txt"), true).is_err());
        assert!(other.write(&place.path().join("no/out"), true).is_err());
    }
}
