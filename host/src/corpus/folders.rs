//! A folder per class, with or without `train/` and `test/` above; aclImdb unpacked is one of these.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::{Found, utf8};

/// Reads a folder whose sub-folders are classes, or `train` and `test` with classes in them.
///
/// # Errors
/// Names the folder or file.
pub fn read(root: &Path) -> Result<Vec<Found>> {
    let folders = children(root)?.into_iter().filter(|path| path.is_dir()).collect::<Vec<_>>();
    let split = |name: &str| folders.iter().find(|path| path.file_name().is_some_and(|own| own == name));
    let mut found = Vec::new();
    if let Some(train) = split("train") {
        read_classes(train, false, &mut found)?;
        if let Some(test) = split("test") {
            read_classes(test, true, &mut found)?;
        }
    } else {
        read_classes(root, false, &mut found)?;
    }
    ensure!(
        !found.is_empty(),
        "{}: no texts in class folders: a folder per class, or train/ and test/ with such folders, is expected",
        root.display()
    );
    Ok(found)
}

fn read_classes(folder: &Path, test: bool, found: &mut Vec<Found>) -> Result<()> {
    for class in children(folder)?.into_iter().filter(|path| path.is_dir()) {
        let label = class.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if label == "unsup" || label.starts_with('.') {
            continue;
        }
        for file in children(&class)?.into_iter().filter(|path| path.is_file()) {
            let name = file.display().to_string();
            let bytes = std::fs::read(&file).with_context(|| format!("{name}: cannot be read"))?;
            let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned()).unwrap_or_default();
            let rating = stem.rsplit_once('_').and_then(|(_, rating)| rating.parse().ok());
            found.push(Found { text: utf8(bytes, &name)?, label: label.clone(), rating, test });
        }
    }
    Ok(())
}

/// What is in a folder, by name.
fn children(folder: &Path) -> Result<Vec<PathBuf>> {
    let context = || format!("{}: cannot be listed", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        paths.push(entry.with_context(context)?.path());
    }
    paths.sort();
    Ok(paths)
}
