//! A folder per class, with or without `train/`, `valid/` and `test/` above; aclImdb unpacked is one of these.

use std::path::Path;

use anyhow::{Result, ensure};

use super::input::{self, Decoder, read_bytes};
use super::notes::{Notes, count, few};
use super::splits::{children, is_table, last, split_of};
use super::{Found, Split};

/// What is not read.
#[derive(Default)]
struct Skipped {
    /// Of operating systems.
    junk: usize,
    /// Beside the class folders.
    beside: Vec<String>,
    /// Within class folders.
    folders: usize,
    /// Files that are no text.
    binary: usize,
    /// Class folders without a text.
    empty: Vec<String>,
    /// Files that are read as one text each, although they look like tables.
    tables: Vec<String>,
}

/// Reads a folder whose sub-folders are classes, or `train`, `valid` and `test` with classes in them.
///
/// # Errors
/// Names the folder or file.
pub fn read(root: &Path, decoder: &mut Decoder, notes: &mut Notes) -> Result<Vec<Found>> {
    let mut skipped = Skipped::default();
    let all = children(root, &mut 0)?;
    let split = |path: &Path| path.file_name().and_then(|name| split_of(&name.to_string_lossy()));
    let splits: Vec<_> =
        all.iter().filter(|path| path.is_dir()).filter_map(|path| Some((split(path)?, path))).collect();
    // A class may be called `train`, too: beside other classes, and with texts in it.
    let has_classes =
        |path: &Path| children(path, &mut 0).is_ok_and(|all| all.iter().any(|own| own.is_dir()));
    let is_alone = all.iter().all(|path| !path.is_dir() || split(path).is_some());
    let mut trained = splits.iter().filter(|(split, _)| *split == Split::Train);
    let is_split = trained.any(|(_, path)| is_alone || has_classes(path));
    let mut found = Vec::new();
    if is_split {
        for (split, folder) in &splits {
            read_classes(folder, *split, decoder, &mut found, &mut skipped)?;
        }
        // What lies beside the splits; within them, as within classes, the reading counts.
        children(root, &mut skipped.junk)?;
        skipped.beside.extend(all.iter().filter(|path| split(path).is_none()).map(|path| last(path)));
    } else {
        read_classes(root, Split::Train, decoder, &mut found, &mut skipped)?;
    }
    ensure!(
        !found.is_empty(),
        "{}: no texts in class folders: a folder per class, or train/ and test/ with such folders, or a train.csv (.tsv, \
         .jsonl, .txt) is expected{}",
        root.display(),
        skipped.unread().map_or_else(String::new, |unread| format!("; not read: {unread}"))
    );
    skipped.tell(root, notes);
    Ok(found)
}

impl Skipped {
    /// What is not read, by kinds.
    fn unread(&self) -> Option<String> {
        let mut parts = Vec::new();
        if self.junk > 0 {
            parts.push(format!("{} of the operating system", count(self.junk, "file")));
        }
        if !self.beside.is_empty() {
            parts.push(few(&self.beside));
        }
        if self.folders > 0 {
            parts.push(format!("{} within class folders", count(self.folders, "folder")));
        }
        if self.binary > 0 {
            parts.push(format!("{} without text", count(self.binary, "file")));
        }
        (!parts.is_empty()).then(|| parts.join(", "))
    }

    fn tell(&self, root: &Path, notes: &mut Notes) {
        if let Some(unread) = self.unread() {
            notes.say(format!("{}: not read: {unread}", root.display()));
        }
        if !self.tables.is_empty() {
            notes.warn(format!(
                "{}: within class folders each file is one text, names of columns and delimiters and all: {}",
                root.display(),
                few(&self.tables)
            ));
        }
        if !self.empty.is_empty() {
            notes.warn(format!("{}: class folders without a text: {}", root.display(), few(&self.empty)));
        }
    }
}

fn read_classes(
    folder: &Path,
    split: Split,
    decoder: &mut Decoder,
    found: &mut Vec<Found>,
    skipped: &mut Skipped,
) -> Result<()> {
    for class in children(folder, &mut skipped.junk)? {
        let label = last(&class);
        if !class.is_dir() || label == "unsup" {
            skipped.beside.push(label);
            continue;
        }
        ensure!(
            class.file_name().is_none_or(|name| name.to_str().is_some()),
            "{}: its name is not UTF-8, and makes no label: rename the folder",
            class.display()
        );
        let before = found.len();
        for file in children(&class, &mut skipped.junk)? {
            if !file.is_file() {
                skipped.folders += 1;
                continue;
            }
            let name = file.display().to_string();
            let bytes = read_bytes(&file, &name)?;
            if input::is_packed(&bytes) {
                skipped.binary += 1;
                continue;
            }
            match decoder.decode(bytes, &name) {
                Ok(text) => {
                    if is_table(&name) {
                        skipped.tables.push(last(&file));
                    }
                    found.push(Found { text, label: label.clone(), split });
                }
                Err(_) => skipped.binary += 1,
            }
        }
        if found.len() == before {
            skipped.empty.push(label);
        }
    }
    Ok(())
}
