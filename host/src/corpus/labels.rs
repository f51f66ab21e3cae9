//! Labels: which are the same, their names, and their order.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use telltale::engine::head::MAX_CLASSES;
use telltale::engine::text::Options;

use super::delimited;
use super::input::{self, Decoder};
use super::notes::{Notes, count, few};
use crate::vocabulary::spelled_words_of;

/// The longest label, in bytes of UTF-8.
pub const LONGEST_LABEL: usize = 255;

/// New names of labels, by the old ones.
#[derive(Debug, Default)]
pub struct Names(BTreeMap<String, String>);

impl Names {
    /// Reads a file with an old and a new name a line, separated by a comma or a tab.
    ///
    /// # Errors
    /// Names the file and the line.
    pub fn read(path: &Path) -> Result<Self> {
        let name = input::name(path);
        let text = Decoder::default().decode(input::read(path)?, &name)?;
        let mut names = BTreeMap::new();
        for record in delimited::read(&text, &name, &|_| 0, &mut Notes::default())? {
            let line = record.line;
            let [old, new] = &record.fields[..] else {
                anyhow::bail!(
                    "{name}: line {line}: an old and a new label are expected, separated by a comma or by a tab, the same in \
                     all lines"
                );
            };
            let (old, new) = (old.trim(), new.trim());
            check(new).map_err(|error| anyhow::anyhow!("{name}: line {line}: {error}"))?;
            let before = names.insert(old.to_owned(), new.to_owned());
            ensure!(before.is_none(), "{name}: line {line}: `{old}` is renamed twice");
        }
        ensure!(!names.is_empty(), "{name}: it is empty; an old and a new label a line are expected");
        Ok(Self(names))
    }

    /// Renames labels; reports old names that no label has.
    pub fn apply<'l>(&self, labels: impl Iterator<Item = &'l mut String>, notes: &mut Notes) {
        let mut used: HashMap<&str, usize> = HashMap::new();
        for label in labels {
            if let Some((old, new)) = self.0.get_key_value(&label[..]) {
                *used.entry(old).or_default() += 1;
                label.clone_from(new);
            }
        }
        let unused: Vec<&String> = self.0.keys().filter(|old| !used.contains_key(&old[..])).collect();
        if !unused.is_empty() {
            notes.warn(format!("--rename-labels: no text has the label {}", few(&unused)));
        }
    }
}

/// Gives labels that are equal numbers (1 and 1.0) one spelling, and reports them. Returns whether there were any.
pub fn unite_numbers<'l>(labels: impl Iterator<Item = &'l mut String>, notes: &mut Notes) -> bool {
    let all: Vec<&mut String> = labels.collect();
    let mut spellings: BTreeMap<u64, Vec<String>> = BTreeMap::new();
    for label in &all {
        if let Some(value) = value(label) {
            let own = spellings.entry(value.to_bits()).or_default();
            if !own.contains(label) {
                own.push((*label).clone());
            }
        }
    }
    let mut renamed: HashMap<String, String> = HashMap::new();
    for own in spellings.values_mut().filter(|own| own.len() > 1) {
        own.sort_by_key(|label| (label.parse::<i64>().is_err(), label.len()));
        notes.say(format!(
            "the labels {} are equal numbers: they are one label, `{}`",
            own.join(" and "),
            own[0]
        ));
        renamed.extend(own[1..].iter().map(|label| (label.clone(), own[0].clone())));
    }
    for label in all {
        if let Some(new) = renamed.get(&label[..]) {
            label.clone_from(new);
        }
    }
    !renamed.is_empty()
}

/// The number that a label is.
fn value(label: &str) -> Option<f64> {
    // Beyond 2⁵³, different whole numbers are the same f64.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let is_number =
        label.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.' | b'e' | b'E'));
    // A zero has no sign.
    label.parse::<f64>().ok().filter(|value| is_number && value.abs() < EXACT).map(|value| value + 0.0)
}

/// The index of a label among a model's: the one with the same spelling, or the same number.
pub fn position<L: AsRef<str>>(labels: &[L], wanted: &str) -> Option<usize> {
    let same = |label: &L| value(wanted).is_some_and(|wanted| value(label.as_ref()) == Some(wanted));
    let exact = labels.iter().position(|label| label.as_ref() == wanted);
    exact.or_else(|| labels.iter().position(same))
}

/// As [`position`], of a label of the corpus `data`.
///
/// # Errors
/// If the model does not know it.
pub fn class_of<L: AsRef<str>>(data: &str, labels: &[L], wanted: &str) -> Result<usize> {
    position(labels, wanted).with_context(|| {
        let known: Vec<&str> = labels.iter().map(AsRef::as_ref).collect();
        let hint = alike(labels, wanted).map_or_else(String::new, |own| {
            format!("; `{own}` differs from it by case, space or spelling alone (--rename-labels FILE)")
        });
        format!(
            "{data}: the label `{wanted}` is unknown to the model, which knows {}{hint}",
            known.join(", ")
        )
    })
}

/// Refuses a label that no model can have.
///
/// # Errors
/// If it is empty, too long, or has a control character.
pub fn check(label: &str) -> Result<()> {
    ensure!(!label.is_empty(), "an empty label");
    ensure!(
        !label.contains(char::is_control),
        "the label {:?} has a line break or another control character",
        crate::console::shortened(label)
    );
    ensure!(
        label.len() <= LONGEST_LABEL,
        "the label `{}` has {} bytes, {LONGEST_LABEL} is the most",
        crate::console::shortened(label),
        label.len()
    );
    Ok(())
}

/// The different labels in order: numbers by value, others by their characters. `united`: whether labels that are equal
/// numbers were made one.
///
/// # Errors
/// If there are too few or too many, or one that no model can have.
pub fn list<'l>(
    data: &str,
    labels: impl Iterator<Item = &'l String>,
    united: bool,
    notes: &mut Notes,
) -> Result<Vec<String>> {
    let mut labels: Vec<&String> = labels.collect();
    labels.sort_unstable();
    labels.dedup();
    if labels.iter().all(|label| value(label).is_some()) {
        labels.sort_by(|a, b| value(a).partial_cmp(&value(b)).unwrap_or(std::cmp::Ordering::Equal));
    }
    for label in &labels {
        check(label).map_err(|error| {
            anyhow::anyhow!("{data}: {error}; is that the label column? (--label-column, --rename-labels)")
        })?;
    }
    ensure!(!labels.is_empty(), "{data}: {NONE}");
    ensure!(
        labels.len() > 1,
        "{data}: only one class (`{}`{}): at least two are needed to tell apart{}",
        labels[0],
        if united { ", for labels that are equal numbers are one" } else { "" },
        notes.left_out().map_or_else(String::new, |rows| format!("; rows left out: {rows}"))
    );
    ensure!(
        labels.len() <= MAX_CLASSES,
        "{data}: {} classes, {MAX_CLASSES} is the most (is that the label column?)",
        labels.len()
    );
    let several: Vec<&&String> = labels.iter().filter(|label| is_several(label, &labels)).collect();
    if let Some(first) = several.first() {
        notes.warn(format!(
            "{} several labels in one, a list or an object, such as `{first}`: each is a class of its own",
            count(several.len(), "class") + if several.len() == 1 { " has" } else { " have" }
        ));
    }
    if labels.iter().all(|label| label.len() > 2 && label.starts_with('\'') && label.ends_with('\'')) {
        notes.warn(format!(
            "every label is in single quotes, such as {}, which are read as part of it: quote fields by \"",
            labels[0]
        ));
    }
    let missing: Vec<&&String> = labels.iter().filter(|label| is_missing(label)).collect();
    if !missing.is_empty() {
        notes.warn(format!(
            "{} a class of its own, although that often stands for a missing label: leave such rows out if so",
            few(&missing.iter().map(|label| format!("`{label}`")).collect::<Vec<_>>())
                + if missing.len() == 1 { " is" } else { " are each" }
        ));
    }
    const ANSWERS: [[&str; 2]; 3] = [["true", "false"], ["yes", "no"], ["1", "0"]];
    let is_there = |words: &[&str; 2]| {
        labels.iter().any(|label| words.iter().any(|word| label.eq_ignore_ascii_case(word)))
    };
    let answers: Vec<String> =
        ANSWERS.iter().filter(|words| is_there(words)).map(|words| words.join("/")).collect();
    if answers.len() > 1 {
        notes.warn(format!(
            "labels such as {} stand beside one another and are different classes (--rename-labels FILE makes them one)",
            answers.join(" and ")
        ));
    }
    let mut alike: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for label in &labels {
        alike.entry(as_read(label)).or_default().push(label);
    }
    for own in alike.values().filter(|own| own.len() > 1) {
        notes.warn(format!(
            "the labels {} differ by case, space or spelling alone and are different classes (--rename-labels FILE makes them one)",
            own.iter().map(|label| format!("`{}`", visible(label))).collect::<Vec<_>>().join(" and ")
        ));
    }
    Ok(labels.into_iter().cloned().collect())
}

/// What is wrong with a corpus without labels.
pub const NONE: &str = "no text has a label (`host label` answers texts without labels)";

/// Whether a label is a list or an object, or others with a delimiter between them.
fn is_several(label: &str, all: &[&String]) -> bool {
    let is_within = |(start, end)| label.len() > 2 && label.starts_with(start) && label.ends_with(end);
    let is_joined = |delimiter: char| {
        label.contains(delimiter)
            && label.split(delimiter).all(|part| all.iter().any(|own| own.as_str() == part.trim()))
    };
    [('[', ']'), ('{', '}')].into_iter().any(is_within) || [',', ';', '|'].into_iter().any(is_joined)
}

/// Whether a label is what programs write in place of one.
fn is_missing(label: &str) -> bool {
    ["nan", "na", "n/a", "#n/a", "#ref!", "#value!", "<na>", "null", "nil", "\\n"]
        .iter()
        .any(|own| own.eq_ignore_ascii_case(label))
}

/// The label that differs from `wanted` by case, space or spelling alone.
pub fn alike<'l, L: AsRef<str>>(labels: &'l [L], wanted: &str) -> Option<&'l str> {
    let read = as_read(wanted);
    labels.iter().map(AsRef::as_ref).find(|own| as_read(own) == read)
}

/// A label as the engine would read it, which takes spellings that look the same for one, without spaces; a tag, of which
/// it reads nothing, by its letters.
fn as_read(label: &str) -> String {
    let mut read = String::new();
    spelled_words_of(label.as_bytes(), Options { punctuation: true, tags: false }, |_, spelling| {
        read += spelling
    });
    let is_seen = |c: &char| !c.is_whitespace() && !is_invisible(*c);
    if read.is_empty() { label.chars().filter(is_seen).flat_map(char::to_lowercase).collect() } else { read }
}

/// A label for people, with what takes no room, and marks that look like part of the letter before, as `\u{…}`.
pub fn visible(label: &str) -> String {
    let is_hidden = |c: char| is_invisible(c) || ('\u{300}'..='\u{36F}').contains(&c);
    let shown = |c: char| if is_hidden(c) { c.escape_unicode().to_string() } else { c.to_string() };
    label.chars().map(shown).collect()
}

/// Characters that take no room: zero-width spaces and joiners, marks of direction, byte order marks.
const fn is_invisible(character: char) -> bool {
    matches!(character, '\u{200B}'..='\u{200F}' | '\u{2060}'..='\u{2064}' | '\u{202A}'..='\u{202E}' | '\u{FEFF}' | '\u{AD}')
}
