//! JSON Lines, and arrays of JSON objects.

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value};

use super::delimited::Record;
use super::input::numbered;

/// The names of all members, and the objects as records with these columns; what an object lacks is empty.
///
/// # Errors
/// Names the line that is no object.
pub fn read(text: &str, name: &str) -> Result<(Vec<String>, Vec<Record>)> {
    let objects = objects(text, name)?;
    ensure!(!objects.is_empty(), "{name}: the corpus is empty");
    if let [(_, whole)] = &objects[..] {
        ensure!(
            !whole.values().all(|value| value.as_array().map_or(value.is_object(), |list| list.len() > 1)),
            "{name}: one object with all columns in it; an object a row is expected (pandas: \
             to_json(\"train.jsonl\", orient=\"records\", lines=True))"
        );
    }
    let mut header: Vec<String> = Vec::new();
    for (_, object) in &objects {
        for key in object.keys() {
            if !header.contains(key) {
                header.push(key.clone());
            }
        }
        ensure!(header.len() <= 1000, "{name}: the objects have more than 1000 different members");
    }
    let record = |(line, mut object): (usize, Map<String, Value>)| Record {
        line,
        fields: header.iter().map(|key| object.remove(key).map_or_else(String::new, plain)).collect(),
    };
    let records = objects.into_iter().map(record).collect();
    Ok((header, records))
}

/// Whether a text starts with a JSON object, or an array of them.
pub fn is_one(text: &str) -> bool {
    let start = text.trim_start();
    match start.strip_prefix('[') {
        Some(list) => list.trim_start().starts_with('{'),
        None => {
            let mut objects = serde_json::Deserializer::from_str(start).into_iter::<Map<String, Value>>();
            start.starts_with('{') && objects.next().is_some_and(|first| first.is_ok())
        }
    }
}

/// The objects, each with its line.
fn objects(text: &str, name: &str) -> Result<Vec<(usize, Map<String, Value>)>> {
    if text.trim_start().starts_with('[') {
        let list: Vec<Map<String, Value>> =
            serde_json::from_str(text).with_context(|| format!("{name}: no array of JSON objects"))?;
        return Ok((1..).zip(list).collect());
    }
    let mut all = Vec::new();
    for (line, text) in numbered(text).filter(|(_, text)| !text.trim().is_empty()) {
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => all.push((line, object)),
            Ok(_) => bail!("{name}: line {line}: no JSON object (one a line is expected)"),
            Err(error) => {
                bail!(
                    "{name}: line {line}: not JSON ({}); one object a line is expected",
                    reason(&error, text)
                );
            }
        }
    }
    Ok(all)
}

/// What is wrong with a line.
fn reason(error: &serde_json::Error, line: &str) -> String {
    let column = error.column();
    let rest = line.get(column.saturating_sub(1)..).unwrap_or_default();
    let told = error.to_string();
    let told = told.split_once(" at line ").map_or(&told[..], |(told, _)| told);
    let number = ["NaN", "Infinity", "-Infinity"].into_iter().find(|own| rest.starts_with(own));
    match number {
        Some(number) => format!("column {column}: JSON has no {number}: write null"),
        None if told.contains("hex escape") => {
            format!("column {column}: half of a surrogate pair, as of an emoji that was cut in two")
        }
        None => format!("column {column}: {told}"),
    }
}

/// A value as text: nothing for null and an empty list, the only element of a list of one.
fn plain(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Array(list) if list.is_empty() => String::new(),
        Value::Array(mut list) if list.len() == 1 => list.pop().map_or_else(String::new, plain),
        other => other.to_string(),
    }
}
