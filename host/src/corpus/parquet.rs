//! Parquet, as published on dataset hubs.

use std::borrow::Cow;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

use anyhow::{Context, Result, anyhow, bail, ensure};
use parquet::errors::ParquetError;
use parquet::file::reader::FileReader;
use parquet::file::serialized_reader::SerializedFileReader;
use parquet::record::Field;
use serde_json::Value;

use super::delimited::Record;
use super::json_lines;
use super::notes::{Notes, count};
use super::table::{ROW, Records};

/// How a file starts.
pub const MAGIC: &[u8] = b"PAR1";

thread_local! {
    /// Whether a panic of this thread is an answer of the library's.
    static READING: Cell<bool> = const { Cell::new(false) };
}

/// The names of all columns, and the rows as records. Where the file tells the names of classes, as those of Hugging
/// Face's `datasets` do, a class is called by its name, not by its number.
///
/// # Errors
/// Names the file and the row that cannot be read.
pub fn read(bytes: Vec<u8>, name: &str, notes: &mut Notes) -> Result<Records> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !READING.get() {
                before(info);
            }
        }));
    });
    READING.set(true);
    // The library panics on some damaged files.
    let read = panic::catch_unwind(AssertUnwindSafe(|| records(bytes, name, notes)));
    READING.set(false);
    read.unwrap_or_else(|_| bail!("{name}: a Parquet file that cannot be read: it is damaged"))
}

fn records(bytes: Vec<u8>, name: &str, notes: &mut Notes) -> Result<Records> {
    let cannot = || format!("{name}: a Parquet file that cannot be read");
    let most = (bytes.len() as i64).saturating_mul(VALUES_A_BYTE);
    let reader =
        SerializedFileReader::new(bytes::Bytes::from(bytes)).map_err(one_line).with_context(cannot)?;
    check_counts(&reader, most).with_context(cannot)?;
    let metadata = reader.metadata().file_metadata();
    let header: Vec<String> =
        metadata.schema().get_fields().iter().map(|column| column.name().to_owned()).collect();
    ensure!(!header.is_empty(), "{name}: the corpus is empty");
    let described = metadata
        .key_value_metadata()
        .into_iter()
        .flatten()
        .find(|pair| pair.key == "huggingface")
        .and_then(|pair| serde_json::from_str(pair.value.as_deref()?).ok())
        .unwrap_or(Value::Null);
    let classes: Vec<&Value> =
        header.iter().map(|column| names_of(&described["info"]["features"][column])).collect();
    let (mut rows, mut broken, mut unnamed) = (Vec::new(), 0, 0);
    for (row, line) in reader.get_row_iter(None).map_err(one_line).with_context(cannot)?.zip(1..) {
        let row = row.map_err(one_line).with_context(|| format!("{name}: row {line} cannot be read"))?;
        let fields = row.into_columns().into_iter().zip(&classes);
        let mut is_broken = false;
        let text = |((_, field), classes): ((String, Field), &&Value)| {
            json_lines::plain(named(json(&field, &mut is_broken), classes, &mut unnamed))
        };
        let fields = fields.map(text).collect();
        broken += usize::from(is_broken);
        rows.push(Record { line, fields });
    }
    ensure!(!rows.is_empty(), "{name}: the corpus is empty");
    if broken > 0 {
        notes.warn(format!("{name}: bytes that are no characters are U+FFFD in {}", count(broken, "row")));
    }
    if unnamed > 0 {
        notes.warn(format!("{name}: {} the file has no name of a class for", count(unnamed, "number")));
    }
    Ok(Records { header, rows, unit: ROW })
}

/// The most values per byte of a file: 300 texts, each a hundred times in a row, are 8.
const VALUES_A_BYTE: i64 = 32;

/// Refuses damaged counts of values, for which the library would take as much memory.
fn check_counts(reader: &impl FileReader, most: i64) -> Result<()> {
    let check = |count: i64, most: i64| {
        ensure!((0..=most).contains(&count), "it is damaged: {count} values where {most} is the most");
        Ok(())
    };
    check(reader.metadata().file_metadata().num_rows(), most)?;
    for group in 0..reader.num_row_groups() {
        let group = reader.get_row_group(group).map_err(one_line)?;
        check(group.metadata().num_rows(), most)?;
        for column in 0..group.num_columns() {
            let values = group.metadata().column(column).num_values();
            check(values, most)?;
            let mut pages = group.get_column_page_reader(column).map_err(one_line)?;
            while let Some(page) = pages.get_next_page().map_err(one_line)? {
                // A value of a dictionary takes a byte at least.
                let most = if page.is_dictionary_page() { page.buffer().len() as i64 } else { values };
                check(page.num_values().into(), most)?;
            }
        }
    }
    Ok(())
}

/// What the library says, which may have line breaks of the file in it, and the way out where it cannot unpack.
fn one_line(error: ParquetError) -> anyhow::Error {
    let said = crate::console::one_line(&error.to_string());
    match said.split_once("Disabled feature at compile time: ") {
        Some((_, codec)) => anyhow!(
            "it is packed by {codec}, only snappy and gzip are read (pandas: \
             read_parquet(FILE).to_parquet(\"train.parquet\") writes snappy)"
        ),
        None => anyhow!(said),
    }
}

/// The names of a column's classes, also of those in a list.
fn names_of(feature: &Value) -> &Value {
    [feature, &feature["feature"], &feature[0]]
        .into_iter()
        .map(|own| &own["names"])
        .find(|names| names.is_array())
        .unwrap_or(&Value::Null)
}

/// A value with the names of classes in place of their numbers, of which -1 stands for no label; `unnamed` counts
/// numbers without a name.
fn named(value: Value, classes: &Value, unnamed: &mut usize) -> Value {
    if !classes.is_array() {
        return value;
    }
    match value {
        Value::Array(list) => list.into_iter().map(|value| named(value, classes, unnamed)).collect(),
        Value::String(number) => match number.parse::<i64>() {
            Ok(-1) => Value::Null,
            Ok(at) => match usize::try_from(at).ok().and_then(|at| classes.get(at)) {
                Some(name) => name.clone(),
                None => {
                    *unnamed += 1;
                    number.into()
                }
            },
            Err(_) => number.into(),
        },
        other => other,
    }
}

/// A value as JSON; what JSON has no type for is text. Bytes that are no characters are U+FFFD there, and told by
/// `is_broken`.
fn json(field: &Field, is_broken: &mut bool) -> Value {
    match field {
        Field::Null => Value::Null,
        Field::Group(row) => {
            row.get_column_iter().map(|(name, field)| (name.clone(), json(field, is_broken))).collect()
        }
        Field::MapInternal(map) => map
            .entries()
            .iter()
            .map(|(key, field)| (json_lines::plain(json(key, is_broken)), json(field, is_broken)))
            .collect(),
        Field::ListInternal(list) => list.elements().iter().map(|field| json(field, is_broken)).collect(),
        Field::Str(text) => text.as_str().into(),
        // As in a CSV; the library writes 0E0.
        Field::Float(number) => format!("{number:?}").into(),
        Field::Double(number) => format!("{number:?}").into(),
        Field::Bytes(bytes) => {
            let text = String::from_utf8_lossy(bytes.data());
            *is_broken |= matches!(text, Cow::Owned(_));
            text.into()
        }
        other => other.to_string().into(),
    }
}
