//! The layout of the Large Movie Review Dataset (Maas et al., 2011), from its archive.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use anyhow::{Context, Result, ensure};

use super::input::Decoder;
use super::{Found, LONGEST_TEXT, Split};
use crate::console::one_line;

/// Whether a file is an archive by its name.
pub fn is_archive(path: &Path) -> bool {
    let name = path.to_string_lossy().to_lowercase();
    [".tar.gz", ".tgz", ".tar"].iter().any(|ending| name.ends_with(ending))
}

/// Reads a `.tar.gz` (or plain `.tar`) with members `…/{train,test}/{neg,pos}/<id>_<rating>.txt`.
///
/// # Errors
/// Names the archive and the member; a cut archive is told from a finished one.
pub fn read_archive(path: &Path, decoder: &mut Decoder) -> Result<Vec<Found>> {
    let members = members(path, decoder, classify)?;
    ensure!(
        !members.is_empty(),
        "{}: no member looks like train/pos/<id>_<rating>.txt: this is no aclImdb archive (unpack one of another kind, and give what is in it)",
        path.display()
    );
    let found = |(text, (split, label))| Found { text, label, split };
    Ok(members.into_iter().map(found).collect())
}

/// Reads the members `…/unsup/<id>_<rating>.txt`, which have no label.
///
/// # Errors
/// As [`read_archive`].
pub fn read_unlabelled(path: &Path, decoder: &mut Decoder) -> Result<Vec<String>> {
    let members = members(path, decoder, |member| {
        member.rsplit('/').nth(1).filter(|folder| *folder == "unsup").map(drop)
    })?;
    ensure!(!members.is_empty(), "{}: no member looks like unsup/<id>.txt", path.display());
    Ok(members.into_iter().map(|(text, ())| text).collect())
}

/// The texts of all files that `choose` wants, with what it says of them, by name.
fn members<T>(
    path: &Path,
    decoder: &mut Decoder,
    choose: impl Fn(&str) -> Option<T>,
) -> Result<Vec<(String, T)>> {
    let name = path.display();
    let file = File::open(path).with_context(|| format!("{name}: cannot be opened"))?;
    let file = BufReader::with_capacity(1 << 16, file);
    let input: Box<dyn Read> = if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("tar")) {
        Box::new(file)
    } else {
        Box::new(flate2::read::GzDecoder::new(file))
    };
    let mut archive = tar::Archive::new(input);
    let mut found = Vec::new();
    let mut last = String::from("the start");
    let broken = |last: &str| format!("{name}: damaged or cut off after {}", one_line(last));
    // What is broken is quoted as it is.
    let told = |error: io::Error| io::Error::new(error.kind(), one_line(&error.to_string()));
    for entry in archive.entries().map_err(told).with_context(|| broken(&last))? {
        let mut entry = entry.map_err(told).with_context(|| broken(&last))?;
        let member = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
        if let Some(chosen) = choose(&member).filter(|_| entry.header().entry_type().is_file()) {
            let origin = format!("{name}: {}", one_line(&member));
            ensure!(
                entry.size() <= LONGEST_TEXT as u64,
                "{origin}: {} bytes, {LONGEST_TEXT} is the most",
                entry.size()
            );
            let mut bytes = Vec::with_capacity(entry.size() as usize);
            entry.read_to_end(&mut bytes).with_context(|| broken(&last))?;
            ensure!(bytes.len() as u64 == entry.size(), "{}", broken(&last));
            found.push((member.clone(), decoder.decode(bytes, &origin)?, chosen));
        }
        last = member;
    }
    // The end of the stream carries the gzip checksum.
    io::copy(&mut archive.into_inner(), &mut io::sink()).with_context(|| broken(&last))?;
    found.sort_by(|(a, ..), (b, ..)| a.cmp(b));
    Ok(found.into_iter().map(|(_, text, chosen)| (text, chosen)).collect())
}

/// Split and label of a member.
pub fn classify(member: &str) -> Option<(Split, String)> {
    let mut parts = member.rsplit('/');
    parts.next()?.strip_suffix(".txt")?;
    let label = parts.next().filter(|label| matches!(*label, "neg" | "pos"))?.to_owned();
    let split = match parts.next()? {
        "train" => Split::Train,
        "test" => Split::Test,
        _ => return None,
    };
    Some((split, label))
}
