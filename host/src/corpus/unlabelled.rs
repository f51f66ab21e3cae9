//! Unlabelled texts, for a teacher or for `label`.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

use super::input::{self, Decoder, read_bytes};
use super::notes::Notes;
use super::table::{Columns, LabelColumn};
use super::{CorpusConfig, acl_imdb, source};

/// Reads every text of `path` that is not empty: an aclImdb archive (its `unsup` members), a file that
/// [`source::read`] knows, or a folder of `.txt` files, at any depth.
///
/// # Errors
/// Names the file and the line or member that is wrong.
pub fn read(path: &Path, config: &CorpusConfig) -> Result<(Vec<String>, Notes)> {
    Notes::gather(|notes| {
        let name = input::name(path);
        let mut decoder = config.decoder()?;
        let texts = if path.is_dir() {
            folder(path, &mut decoder)
        } else if acl_imdb::is_archive(path) {
            acl_imdb::read_unlabelled(path, &mut decoder)
        } else {
            file(path, config, false, &mut decoder, notes)
        };
        decoder.tell(notes);
        let mut texts = texts?;
        let rows = texts.len();
        texts.retain(|text| !text.trim().is_empty());
        notes.leave_out(rows - texts.len(), "without a text", &format!(" ({name})"));
        ensure!(!texts.is_empty(), "{name}: no text in it");
        Ok(texts)
    })
}

/// Reads every row of a file, in order, empty ones included.
///
/// # Errors
/// As [`read`], and if a row is of another width.
pub fn read_rows(path: &Path, config: &CorpusConfig) -> Result<(Vec<String>, Notes)> {
    Notes::gather(|notes| {
        let mut decoder = config.decoder()?;
        let texts = file(path, config, true, &mut decoder, notes);
        decoder.tell(notes);
        texts
    })
}

fn file(
    path: &Path,
    config: &CorpusConfig,
    every_row: bool,
    decoder: &mut Decoder,
    notes: &mut Notes,
) -> Result<Vec<String>> {
    let name = input::name(path);
    ensure!(
        path == Path::new(input::STDIN) || path.exists(),
        "{name}: no such file (texts without labels are expected)"
    );
    let columns = Columns { label: LabelColumn::None, every_row, ..config.columns() };
    Ok(source::read(path, &columns, decoder, notes)?.rows.into_iter().map(|row| row.text).collect())
}

/// The files that [`read`] reads of `path`: it, or the `.txt` files of a folder, in order.
///
/// # Errors
/// If a folder cannot be listed.
pub fn files(path: &Path) -> Result<Vec<PathBuf>> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let mut open = vec![path.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = open.pop() {
        for path in super::children(&folder)? {
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "txt") {
                files.push(path);
            }
        }
    }
    files.sort();
    Ok(files)
}

fn folder(root: &Path, decoder: &mut Decoder) -> Result<Vec<String>> {
    files(root)?
        .iter()
        .map(|path| {
            let name = path.display().to_string();
            decoder.decode(read_bytes(path, &name)?, &name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let config = CorpusConfig::of("reviews");
        let texts = |path: &Path| read(path, &config).expect("is read").0;
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(&path, content).expect("written");
            path
        };
        assert_eq!(texts(&file("a.txt", b"one\n\ntwo")), ["one", "two"]);
        let table = file("b.csv", b"text,n\n\"x, y\",1\nz,2\n");
        assert_eq!(texts(&table), ["x, y", "z"]);
        file("sub/deep/1.txt", b"deep");
        file("sub/2.txt", b"flat");
        file("sub/._2.txt", b"\0\x05\x16\x07");
        let mut both = texts(&folder.path().join("sub"));
        both.sort();
        assert_eq!(both, ["deep", "flat"]);
        let (latin, notes) = read(&file("c.txt", b"one\nna\xEFve caf\xE9"), &config).expect("read");
        assert_eq!(latin, ["one", "naïve café"]);
        assert!(notes.mention("c.txt: not UTF-8, read as windows-1252"), "{notes:?}");
        assert!(read(&file("d.txt", b"\n"), &config).is_err());
        let rows = read_rows(&file("f.txt", b"one\r\n\r\ntwo\rthree"), &config).expect("rows").0;
        assert_eq!(rows, ["one", "", "two", "three"], "a row for every line");
        let odd = format!(
            "{:#}",
            read_rows(&file("g.csv", b"text,n\na,1\nb\nc,2\n"), &config).expect_err("is refused")
        );
        assert!(odd.contains("g.csv: line 3: 1 fields"), "{odd}");
    }
}
