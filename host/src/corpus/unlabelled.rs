//! Texts without labels, for a teacher to have opinions on.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};

use super::{CorpusArgs, LONGEST_TEXT, acl_imdb, delimited, utf8};

/// Reads every text of `path`: an aclImdb archive (its `unsup` members), a `.txt` with a text a line, a
/// `.csv` or `.tsv` (its text column), or a folder of `.txt` files, at any depth.
///
/// # Errors
/// Names the file and the line or member that is wrong.
pub fn read(path: &Path, args: &CorpusArgs) -> Result<Vec<String>> {
    let name = path.display();
    ensure!(path.exists(), "{name}: no such file or folder (unlabelled texts are expected)");
    let ending = path.extension().map(|ending| ending.to_string_lossy().to_lowercase()).unwrap_or_default();
    let texts = match &ending[..] {
        _ if path.is_dir() => folder(path)?,
        "gz" | "tgz" | "tar" => acl_imdb::read_unlabelled(path)?,
        "csv" | "tsv" => delimited::read_texts(path, args.text_column.as_deref())?,
        "txt" => lines(path)?,
        _ => bail!("{name}: unknown kind of file: a .tar.gz, .txt, .csv, .tsv or a folder is expected"),
    };
    ensure!(!texts.is_empty(), "{name}: no text in it");
    Ok(texts)
}

fn lines(path: &Path) -> Result<Vec<String>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("{name}: cannot be opened"))?;
    let mut texts = Vec::new();
    for (at, line) in BufReader::new(file).split(b'\n').enumerate() {
        let line = line.with_context(|| format!("{name}: line {}: cannot be read", at + 1))?;
        ensure!(line.len() <= LONGEST_TEXT, "{name}: line {}: longer than {LONGEST_TEXT} bytes", at + 1);
        let line =
            String::from_utf8(line).map_err(|_| anyhow::anyhow!("{name}: line {}: invalid UTF-8", at + 1))?;
        texts.extend(Some(line).filter(|line| !line.trim().is_empty()));
    }
    Ok(texts)
}

fn folder(root: &Path) -> Result<Vec<String>> {
    let mut open = vec![root.to_owned()];
    let mut files: Vec<PathBuf> = Vec::new();
    while let Some(folder) = open.pop() {
        let context = || format!("{}: cannot be listed", folder.display());
        for entry in std::fs::read_dir(&folder).with_context(context)? {
            let path = entry.with_context(context)?.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|ending| ending == "txt") {
                files.push(path);
            }
        }
    }
    files.sort();
    files
        .iter()
        .map(|path| {
            let name = path.display().to_string();
            utf8(std::fs::read(path).with_context(|| format!("{name}: cannot be read"))?, &name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form_is_read() {
        let folder = tempfile::tempdir().expect("a folder");
        let args = <Wrapper as clap::Parser>::parse_from(["test"]).corpus;
        let file = |name: &str, content: &[u8]| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            std::fs::write(&path, content).expect("written");
            path
        };
        assert_eq!(read(&file("a.txt", b"one\n\ntwo"), &args).expect("lines"), ["one", "two"]);
        let table = file("b.csv", b"text,n\n\"x, y\",1\nz,2\n");
        assert_eq!(read(&table, &args).expect("columns"), ["x, y", "z"]);
        file("sub/deep/1.txt", b"deep");
        file("sub/2.txt", b"flat");
        let mut both = read(&folder.path().join("sub"), &args).expect("a folder");
        both.sort();
        assert_eq!(both, ["deep", "flat"]);
        let error = read(&file("c.txt", b"one\n\xFF"), &args).expect_err("no UTF-8").to_string();
        assert!(error.contains("c.txt: line 2: invalid UTF-8"), "{error}");
        assert!(read(&file("d.txt", b"\n"), &args).is_err());
        assert!(read(&file("e.doc", b"x"), &args).is_err());
    }

    #[derive(clap::Parser)]
    struct Wrapper {
        #[command(flatten)]
        corpus: CorpusArgs,
    }
}
