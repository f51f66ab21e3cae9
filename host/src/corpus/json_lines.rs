//! JSON Lines, and arrays of JSON objects.

use std::borrow::Cow;

use anyhow::{Result, bail, ensure};
use serde::de::IgnoredAny;
use serde_json::{Map, Value};

use super::delimited::Record;
use super::input::numbered;
use super::notes::{Notes, count, few};
use super::table::{LINE, ROW, Records, is_text_name};
use crate::console::one_line;
use crate::json::Distinct;

/// The names of all members, and the objects as records with these columns; what an object lacks is empty.
///
/// # Errors
/// Names the line that is no object, or says what the file holds in place of objects.
pub fn read(text: &str, name: &str, notes: &mut Notes) -> Result<Records> {
    let (text, halves) = whole_characters(text);
    if halves > 0 {
        notes.warn(format!(
            "{name}: read as U+FFFD: {}, as of emoji that were cut in two",
            count(halves, "unpaired surrogate")
        ));
    }
    let (objects, unit) = objects(&text, name, notes)?;
    ensure!(!objects.is_empty(), "{name}: the corpus is empty");
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
    let rows = objects.into_iter().map(record).collect();
    Ok(Records { header, rows, unit })
}

/// Whether a text starts with a JSON object, or is an array of objects or of arrays.
pub fn is_one(text: &str) -> bool {
    let start = text.trim_start();
    match start.strip_prefix('[') {
        Some(list) if list.trim_start().starts_with('[') => {
            serde_json::from_str::<Vec<Vec<IgnoredAny>>>(start).is_ok()
        }
        Some(list) => list.trim_start().starts_with('{'),
        None => {
            let mut objects = serde_json::Deserializer::from_str(start).into_iter::<Map<String, Value>>();
            start.starts_with('{') && objects.next().is_some_and(|first| first.is_ok())
        }
    }
}

/// What is expected of a file, at the end of an error.
const EXPECTED: &str = "an object a row is expected, such as {\"text\": \"…\", \"label\": \"…\"}, one a line or in one \
                        array";

/// Objects, each with its line, or its place in an array; and which of them it is.
type Objects = (Vec<(usize, Map<String, Value>)>, &'static str);

/// The objects of a file.
fn objects(text: &str, name: &str, notes: &mut Notes) -> Result<Objects> {
    let lines = || numbered(text).filter(|(_, line)| !line.trim().is_empty());
    let is_value = |(_, line): (usize, &str)| serde_json::from_str::<IgnoredAny>(line).is_ok();
    let is_array = text.trim_start().starts_with('[') && !lines().next().is_some_and(is_value);
    match serde_json::from_str(text) {
        Ok(Value::Array(list)) => {
            let objects = elements(list, name)?;
            check_names(text, name, 1)?;
            return Ok(objects);
        }
        Ok(Value::Object(whole)) => {
            check_names(text, name, 1)?;
            return members(whole, name, notes);
        }
        Err(error) if is_array => {
            let line = numbered(text).nth(error.line().saturating_sub(1)).map_or("", |(_, line)| line);
            bail!("{name}: line {}: not JSON ({}); {EXPECTED}", error.line(), reason(&error, line))
        }
        Ok(_) | Err(_) => {}
    }
    let mut all = Vec::new();
    for (line, text) in lines() {
        match serde_json::from_str(text) {
            Ok(Value::Object(object)) => {
                check_names(text, name, line)?;
                all.push((line, object));
            }
            Ok(other) => bail!("{name}: line {line}: {} in place of an object; {EXPECTED}", kind(&other)),
            Err(error) => bail!("{name}: line {line}: not JSON ({}); {EXPECTED}", reason(&error, text)),
        }
    }
    Ok((all, LINE))
}

/// Refuses JSON, from this line on, in which an object has a name twice.
fn check_names(text: &str, name: &str, line: usize) -> Result<()> {
    match serde_json::from_str(text) {
        Ok(Distinct) => Ok(()),
        Err(error) => {
            let line = line + error.line() - 1;
            bail!("{name}: line {line}: {}, and one of the two would be lost", without_place(&error))
        }
    }
}

/// The objects of an object that is the whole file: those of its only list of objects, otherwise itself.
fn members(mut whole: Map<String, Value>, name: &str, notes: &mut Notes) -> Result<Objects> {
    let is_row = whole.iter().any(|(key, value)| value.is_string() && is_text_name(key));
    let is_list = |value: &Value| {
        value.as_array().is_some_and(|list| !list.is_empty() && list.iter().all(Value::is_object))
    };
    let lists: Vec<String> =
        whole.iter().filter(|(_, value)| is_list(value)).map(|(key, _)| key.clone()).collect();
    if let ([only], false) = (&lists[..], is_row)
        && let Some(Value::Array(list)) = whole.remove(only)
    {
        notes.say(format!("{name}: the rows are those of the member `{}`", one_line(only)));
        return elements(list, name);
    }
    ensure!(!whole.is_empty(), "{name}: the corpus is empty");
    let is_whole = |value: &Value| value.as_array().map_or(value.is_object(), |list| list.len() > 1);
    ensure!(
        !whole.values().all(is_whole),
        "{name}: one object, whose members {} hold everything; {EXPECTED} (of columns, pandas makes it: \
         read_json(FILE).to_json(\"train.jsonl\", orient=\"records\", lines=True))",
        few(&whole.keys().map(|key| format!("`{}`", one_line(key))).collect::<Vec<_>>())
    );
    Ok((vec![(1, whole)], LINE))
}

/// The objects of an array, each with its place.
fn elements(list: Vec<Value>, name: &str) -> Result<Objects> {
    let object = |(place, value)| match value {
        Value::Object(object) => Ok((place, object)),
        other => bail!("{name}: row {place} of the array is {}; {EXPECTED}", kind(&other)),
    };
    let objects = (1..).zip(list).map(object).collect::<Result<_>>()?;
    Ok((objects, ROW))
}

/// What a value is called.
fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "an array",
        Value::Object(_) => "an object",
    }
}

/// A text with U+FFFD in place of escaped halves of surrogate pairs, and how many there were.
fn whole_characters(text: &str) -> (Cow<'_, str>, usize) {
    let unit = |at: usize| {
        let digits = text.get(at..).and_then(|own| own.strip_prefix("\\u")).and_then(|own| own.get(..4));
        digits.and_then(|digits| u16::from_str_radix(digits, 16).ok())
    };
    let (mut whole, mut done, mut at, mut halves) = (String::new(), 0, 0, 0);
    while let Some(escape) = text.get(at..).and_then(|rest| rest.find('\\')).map(|found| at + found) {
        at = match (unit(escape), unit(escape + 6)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => escape + 12,
            (Some(0xD800..=0xDFFF), _) => {
                whole += &text[done..escape];
                whole += "\\ufffd";
                halves += 1;
                done = escape + 6;
                done
            }
            _ => escape + 2,
        };
    }
    if halves == 0 {
        return (Cow::Borrowed(text), 0);
    }
    (Cow::Owned(whole + &text[done..]), halves)
}

/// What is wrong with a line.
fn reason(error: &serde_json::Error, line: &str) -> String {
    let column = error.column();
    let rest = line.get(column.saturating_sub(1)..).unwrap_or_default();
    let number = ["NaN", "Infinity", "-Infinity"].into_iter().find(|own| rest.starts_with(own));
    match number {
        Some(number) => format!("column {column}: JSON has no {number}: write null"),
        None => format!("column {column}: {}", without_place(error)),
    }
}

/// An error in the library's words, but for where it is.
fn without_place(error: &serde_json::Error) -> String {
    let told = error.to_string();
    told.split_once(" at line ").map_or(told.clone(), |(told, _)| told.to_owned())
}

/// A value as text: nothing for null and an empty list, the only element of a list of one.
pub fn plain(value: Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text,
        Value::Array(list) if list.is_empty() => String::new(),
        Value::Array(mut list) if list.len() == 1 => list.pop().map_or_else(String::new, plain),
        other => other.to_string(),
    }
}
