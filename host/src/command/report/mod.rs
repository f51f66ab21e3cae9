//! `report`: a page about a model in one file, in which the engine itself runs.

mod results;

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::Args as ClapArgs;
use serde::Serialize;
use serde_json::Value;
use telltale::Model;
use telltale::engine::kernel::Layout;

use super::corpus::{CorpusArgs, Which};
use super::inspect;
use crate::console::say;
use crate::corpus::CorpusConfig;
use crate::engine::with_model;
use crate::files::{self, Paths};
use crate::web;
pub use results::Results;

const PAGE: &str = include_str!("page.html");
const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = concat!(include_str!("page.js"), include_str!("board.js"));

/// The page script's import of the other one.
const IMPORT: &str = "import { open } from \"./telltale.js\";\n";

/// Writes a page about a model, in one file that works offline: try the model word by word; tests, training, bytes and
/// boards; its card
///
/// The page holds the model and the integer engine as WebAssembly: its answers are a board's, with the same trace
/// hashes.
#[derive(ClapArgs, Clone, Debug)]
#[command(mut_arg("data", |arg| arg.default_value(None).help("Labelled texts to test with: as `train --data`; `reviews` are the embedded ones")))]
pub struct Args {
    /// The model file, as written by `train --export`
    #[arg(long, value_name = "FILE")]
    model: PathBuf,
    #[command(flatten)]
    corpus: Option<CorpusArgs>,
    /// Which of the texts: the splits are those that `train` makes with the model's seed
    #[arg(long, value_enum, default_value_t = Which::Test, requires = "data")]
    split: Which,
    /// The seed of the splits [default: that of the model]
    #[arg(long, value_name = "N", requires = "data")]
    seed: Option<u64>,
    /// What `train --json` wrote, for the curves
    #[arg(long, value_name = "FILE")]
    train_json: Option<PathBuf>,
    /// File for the page
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Runs the verb.
///
/// # Errors
/// If the model, the corpus or the curves cannot be read, or the page cannot be written.
pub fn run(args: &Args) -> Result<()> {
    let corpus = args.corpus.as_ref().map(CorpusArgs::config);
    Paths::default()
        .read("--model", [&args.model])
        .read("--data", corpus.iter().flat_map(CorpusConfig::inputs))
        .read("--train-json", &args.train_json)
        .write("--out", [&args.out])
        .check()?;
    let run = args.train_json.as_deref().map(Run::read).transpose()?;
    with_model(&args.model, |model| {
        if let Some((path, of)) = args.train_json.as_ref().zip(run.as_ref().and_then(|run| run.model_bytes))
            && of != model.bytes() as u64
        {
            crate::console::warn(&format!(
                "{}: is it of another model? That has {of} bytes, {} has {}",
                path.display(),
                args.model.display(),
                model.bytes()
            ));
        }
        let epochs = run.map(|run| run.epochs);
        let results = corpus
            .map(|corpus| Results::of_corpus(model, &corpus, args.split.split(), args.seed))
            .transpose()?;
        write(model, results, epochs, &args.out)
    })
}

/// The report of `train --json`.
struct Run {
    epochs: Value,
    /// Bytes of the model, if given.
    model_bytes: Option<u64>,
}

impl Run {
    fn read(path: &Path) -> Result<Self> {
        let name = path.display();
        let text = files::read(path).with_context(|| format!("cannot read {name}"))?;
        let mut run: Value = serde_json::from_slice(&text).with_context(|| format!("{name} is no JSON"))?;
        let epochs = run.get_mut("epochs").map(Value::take).unwrap_or_default();
        let are_numbers = |epoch: &Value| {
            ["train_loss", "train_accuracy", "valid_loss", "valid_accuracy"]
                .iter()
                .all(|key| epoch.get(key).is_some_and(|value| value.is_number() || value.is_null()))
        };
        ensure!(
            epochs.as_array().is_some_and(|epochs| epochs.iter().all(are_numbers)),
            "{name}: `epochs` with losses and accuracies are expected, as `train --json` writes them"
        );
        let model_bytes = run["blob"]["bytes"].as_u64();
        Ok(Self { epochs, model_bytes })
    }
}

/// The data for the page's script.
#[derive(Serialize)]
struct Data<'d> {
    /// As `inspect --json` writes it.
    model: inspect::Report,
    labels: Vec<&'d str>,
    tests: Option<&'d Results>,
    epochs: Option<Value>,
    /// The initial text.
    example: &'d str,
    /// The model's file and the engine, in base 64.
    bytes: String,
    engine: String,
}

/// The initial text if no corpus provides one.
const EXAMPLE: &str = "slow, but superb";

/// Writes a model's page.
///
/// # Errors
/// If it cannot be written.
pub fn write(model: &Model<'_>, results: Option<Results>, epochs: Option<Value>, out: &Path) -> Result<()> {
    let page = page(model, results.as_ref(), epochs.filter(|epochs| epochs != &Value::Array(Vec::new())))?;
    files::write(out, page.as_bytes())?;
    if let Some(results) = &results {
        results.say();
    }
    say!("wrote {}: {} bytes, open it in a browser", out.display(), page.len());
    Ok(())
}

fn page(model: &Model<'_>, results: Option<&Results>, epochs: Option<Value>) -> Result<String> {
    let data = Data {
        model: inspect::report(model, Layout::OWN)?,
        labels: model.labels().collect(),
        tests: results,
        epochs,
        example: results.and_then(Results::example).unwrap_or(EXAMPLE),
        bytes: base64(model.file()),
        engine: base64(web::MODULE),
    };
    // Keeps a text from ending the element that holds it.
    let data = serde_json::to_string(&data).context("cannot encode the page's data")?.replace('<', "\\u003c");
    let script = [web::SCRIPT, SCRIPT.trim_start_matches(IMPORT)].concat();
    let mut page = String::new();
    let mut rest = PAGE;
    for (mark, content) in [("/*STYLE*/", STYLE), ("/*DATA*/", &data[..]), ("/*SCRIPT*/", &script)] {
        let (before, after) = rest.split_once(mark).context("the page's frame lacks a mark")?;
        page += before;
        page += content;
        rest = after;
    }
    Ok(page + rest)
}

/// Base 64 (RFC 4648, section 4).
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for three in bytes.chunks(3) {
        let mut all = [0; 4];
        all[1..=three.len()].copy_from_slice(three);
        let all = u32::from_be_bytes(all);
        for at in 0..4 {
            let digit = DIGITS[(all >> (18 - 6 * at)) as usize % 64];
            text.push(if at <= three.len() { digit.into() } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_become_base_64() {
        let encoded = ["", "f", "fo", "foo", "foob", "fooba", "foobar"].map(|text| base64(text.as_bytes()));
        assert_eq!(encoded, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"]);
        assert_eq!(base64(&[0xFF, 0xFE, 0xFD]), "//79");
    }

    #[test]
    fn the_scripts_fit_together() {
        assert!(SCRIPT.starts_with(IMPORT) && SCRIPT.matches("import ").count() == 1);
        // What enters a page in another way than as text could be markup.
        for way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("] {
            assert!(!SCRIPT.contains(way), "{way}");
        }
        assert!([web::SCRIPT, SCRIPT].iter().all(|script| !script.contains("</script")));
    }

    #[test]
    fn curves_are_those_of_a_run() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("run.json");
        let epoch = r#"{"train_loss":1,"train_accuracy":0.5,"valid_loss":null,"valid_accuracy":0.5}"#;
        std::fs::write(&path, format!(r#"{{"epochs":[{epoch}]}}"#)).expect("written");
        assert_eq!(Run::read(&path).expect("curves").epochs[0]["train_loss"], 1);
        for wrong in ["{}", r#"{"epochs":[{"train_loss":"1"}]}"#, "["] {
            std::fs::write(&path, wrong).expect("written");
            assert!(
                format!("{:#}", Run::read(&path).map(|_| ()).expect_err("is refused")).contains("run.json")
            );
        }
    }
}
