//! Folders with a file for each split, and what operating systems leave in folders.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};

use super::delimited::lower_ending;
use super::input::Decoder;
use super::notes::{Notes, count, few};
use super::table::{Columns, LabelColumn, Table};
use super::{Found, Split, source};

/// Files and folders that operating systems, editors and interpreters leave behind: `._x` and `__MACOSX`, `.DS_Store`,
/// `Thumbs.db`, `@eaDir`, `lost+found`, `__pycache__`, `venv` and so on, whatever has a dot before its name, back-ups
/// and compiled Python.
pub fn is_junk(name: &str) -> bool {
    let lower = name.to_lowercase();
    lower.starts_with(['.', '~'])
        || ["~", ".pyc", ".bak", ".swp", ".tmp"].iter().any(|ending| lower.ends_with(ending))
        || matches!(
            &lower[..],
            "__macosx"
                | "thumbs.db"
                | "ehthumbs.db"
                | "icon\r"
                | "desktop.ini"
                | "$recycle.bin"
                | "system volume information"
                | "@eadir"
                | "lost+found"
                | "__pycache__"
                | "venv"
                | "node_modules"
                | "#recycle"
        )
}

/// What is in a folder, by name, junk aside, which is counted.
///
/// # Errors
/// If the folder cannot be listed.
pub fn children(folder: &Path, junk: &mut usize) -> Result<Vec<PathBuf>> {
    let context = || format!("{}: cannot be listed", folder.display());
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(context)? {
        let entry = entry.with_context(context)?;
        if is_junk(&entry.file_name().to_string_lossy()) {
            *junk += 1;
        } else {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

/// The split that a file or folder is by its name, endings aside.
pub fn split_of(stem: &str) -> Option<Split> {
    match &stem.to_lowercase()[..] {
        "train" | "training" => Some(Split::Train),
        "valid" | "validation" | "dev" | "development" | "val" | "eval" | "evaluation" => Some(Split::Valid),
        "test" | "testing" | "holdout" => Some(Split::Test),
        _ => None,
    }
}

/// Endings of files with texts, the preferred one first.
const ENDINGS: [&str; 7] = ["csv", "tsv", "jsonl", "ndjson", "json", "parquet", "txt"];

/// Whether a file holds many texts, by its name.
pub fn is_table(name: &str) -> bool {
    let ending = lower_ending(name);
    ending != "txt" && ENDINGS.contains(&&ending[..])
}

/// A file of a folder that is a split by its name.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Part {
    split: Split,
    /// Place in [`ENDINGS`].
    ending: usize,
    /// Of how many files it is one.
    pieces: usize,
    path: PathBuf,
}

fn part_of(path: &Path) -> Option<Part> {
    let name = path.file_name()?.to_string_lossy().to_lowercase();
    let (stem, ending) = name.strip_suffix(".gz").unwrap_or(&name).rsplit_once('.')?;
    let ending = ENDINGS.iter().position(|own| *own == ending)?;
    let (stem, pieces) = pieces_of(stem).unwrap_or((stem, 1));
    Some(Part { split: split_of(stem)?, ending, pieces, path: path.to_owned() })
}

/// The split and the number of its pieces in the name of one, as hubs of data sets call them: `train-00000-of-00002`,
/// perhaps with a hash behind.
fn pieces_of(stem: &str) -> Option<(&str, usize)> {
    let (rest, count) = stem.rsplit_once("-of-")?;
    let count = count.split_once('-').map_or(count, |(count, _)| count);
    let (split, number) = rest.rsplit_once('-')?;
    number.parse::<usize>().ok()?;
    Some((split, count.parse().ok()?))
}

/// The files of a folder that are its splits; none if there is no file to train on.
///
/// # Errors
/// If the folder cannot be listed.
pub fn files(folder: &Path) -> Result<Vec<(Split, PathBuf)>> {
    Ok(parts(folder, &mut 0)?.0.into_iter().map(|part| (part.split, part.path)).collect())
}

/// The chosen files of each split, and what is none of them: of the folder or of the `data` in it; otherwise of the only
/// folder in it, as hubs call it by a configuration's name, if there is no table beside that.
fn parts(folder: &Path, junk: &mut usize) -> Result<(Vec<Part>, Vec<String>)> {
    let own = parts_of_hub(folder, junk)?;
    if !own.0.is_empty() {
        return Ok(own);
    }
    let all = children(folder, &mut 0)?;
    let (folders, files): (Vec<&PathBuf>, Vec<&PathBuf>) = all.iter().partition(|path| path.is_dir());
    let [within] = folders[..] else { return Ok(own) };
    let files: Vec<String> = files.into_iter().map(|path| last(path)).collect();
    if files.iter().any(|name| is_table(name)) {
        return Ok(own);
    }
    let (found, mut others) = parts_in(within, junk)?;
    others.extend(files);
    Ok((found, others))
}

fn parts_of_hub(folder: &Path, junk: &mut usize) -> Result<(Vec<Part>, Vec<String>)> {
    let own = parts_in(folder, junk)?;
    let data = folder.join("data");
    if own.0.is_empty() && data.is_dir() { parts_in(&data, junk) } else { Ok(own) }
}

/// Whether a folder, or the `data` in it, has files to train on and to test on.
///
/// # Errors
/// If the folder cannot be listed.
pub fn has_both(folder: &Path) -> Result<bool> {
    let found = parts_of_hub(folder, &mut 0)?.0;
    Ok([Split::Train, Split::Test].iter().all(|split| found.iter().any(|part| part.split == *split)))
}

/// A path's last part.
pub fn last(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn parts_in(folder: &Path, junk: &mut usize) -> Result<(Vec<Part>, Vec<String>)> {
    let all = children(folder, junk)?;
    let mut found: Vec<Part> =
        all.iter().filter(|path| path.is_file()).filter_map(|path| part_of(path)).collect();
    // Files of one kind belong together.
    found.sort_by_key(|part| (part.split, part.ending));
    let Some(kind) = found.iter().find(|part| part.split == Split::Train).map(|part| part.ending) else {
        return Ok((Vec::new(), Vec::new()));
    };
    found.sort_by_key(|part| (part.split, part.ending != kind, part.ending));
    found.dedup_by(|part, before| {
        let is_piece = part.pieces > 1 && (part.pieces, part.ending) == (before.pieces, before.ending);
        part.split == before.split && !is_piece
    });
    for part in &found {
        let there = found.iter().filter(|own| own.split == part.split).count();
        ensure!(
            there == part.pieces,
            "{}: {} pieces of this split are expected, there {} {there}",
            part.path.display(),
            part.pieces,
            if there == 1 { "is" } else { "are" }
        );
    }
    let name = |path: &PathBuf| last(path) + if path.is_dir() { "/" } else { "" };
    let is_chosen = |path: &PathBuf| found.iter().any(|part| part.path == *path);
    let others = all.iter().filter(|path| !is_chosen(path)).map(name).collect();
    Ok((found, others))
}

/// Reads the files of a folder that are called `train`, `valid`, `validation`, `dev` or `val`, and `test`; `None` if
/// there is no `train`.
///
/// # Errors
/// As [`source::read`].
pub fn read(
    folder: &Path,
    columns: &Columns<'_>,
    decoder: &mut Decoder,
    notes: &mut Notes,
) -> Result<Option<Vec<Found>>> {
    let mut junk = 0;
    let (parts, others) = parts(folder, &mut junk)?;
    if parts.is_empty() {
        return Ok(None);
    }
    if !others.is_empty() || junk > 0 {
        let junk = (junk > 0).then(|| format!("{} of the operating system", count(junk, "file")));
        let others = (!others.is_empty()).then(|| few(&others));
        let unread: Vec<String> = others.into_iter().chain(junk).collect();
        notes.say(format!("{}: not read: {}", folder.display(), unread.join(", ")));
    }
    if let Some(within) = parts[0].path.parent().filter(|within| *within != folder) {
        notes.say(format!("{}: the corpus is read from `{}` in it", folder.display(), last(within)));
    }
    let mut found = Vec::new();
    let mut trained: Option<Table> = None;
    for Part { split, path, .. } in parts {
        let name = last(&path);
        let same = trained.as_ref().map(|table| Columns {
            text: Some(&table.text).filter(|_| columns.text.is_none()).map(|text| &text[..]).or(columns.text),
            label: table.label.as_deref().map_or(columns.label, |label| {
                let is_asked = matches!(columns.label, LabelColumn::Named(_));
                LabelColumn::Perhaps(label, (!is_asked).then_some(&table.columns))
            }),
            no_header: columns.no_header || table.columns.is_empty(),
            ..*columns
        });
        let mut table = source::read(&path, same.as_ref().unwrap_or(columns), decoder, notes)?;
        let rows = std::mem::take(&mut table.rows);
        if split == Split::Train {
            trained = Some(table);
        } else if table.label.is_none() || rows.iter().all(|row| row.label.is_empty()) {
            notes.warn(format!(
                "{name} has no labels: nothing is measured on its {} (`host label --data {}` answers them)",
                count(rows.len(), "text"),
                path.display()
            ));
            continue;
        } else if split == Split::Valid {
            notes.say(format!("{name} is the validation split"));
        }
        found.extend(rows.into_iter().map(|row| Found::new(row, split)));
    }
    ensure!(!found.is_empty(), "{}: the corpus is empty", folder.display());
    Ok(Some(found))
}
