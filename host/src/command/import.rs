//! `import`: from a model trained in PyTorch to a model for a microcontroller.

use std::path::PathBuf;

use anyhow::{Context, Result};
use clap::Args as ClapArgs;

use crate::console::say;
use crate::corpus::{self, CorpusConfig};
use crate::model::Config;
use crate::pytorch::check;
use crate::pytorch::config::Description;
use crate::pytorch::import::{CalibrationCorpus, Checked, Report, Saturation, import};
use crate::pytorch::map::{Assumption, Row};
use crate::pytorch::source::{Source, Unseen};
use crate::quantise::{self, EmbeddingBits};

/// Reads a model trained in PyTorch, quantises it and writes one file for the chip
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The state dict, or a checkpoint with one in it: .safetensors, or a file from torch.save
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    /// The vocabulary: a word per line, the first for row 0; words with indices or counts; or JSON
    #[arg(long, value_name = "FILE")]
    vocab: PathBuf,
    /// The configuration that weights do not hold, at least {"labels": […]}
    #[arg(long, value_name = "FILE")]
    config: PathBuf,
    /// File for the quantised model
    #[arg(long, value_name = "FILE")]
    export: Option<PathBuf>,
    /// Labelled texts to calibrate and measure on (see `train --data`)
    #[arg(long, value_name = "CORPUS")]
    data: Option<String>,
    /// Column with the text
    #[arg(long, value_name = "NAME", requires = "data")]
    text_column: Option<String>,
    /// Column with the label
    #[arg(long, value_name = "NAME", requires = "data")]
    label_column: Option<String>,
    /// The most texts to measure, evenly spread over the corpus; 0 for all
    #[arg(long, value_name = "N", default_value_t = 2000, requires = "data")]
    texts: usize,
    /// PyTorch's answers to some texts, one per line: {"text": …, "logits": […]} (docs/pytorch.md has the script), to
    /// measure the agreement with them
    #[arg(long, value_name = "FILE")]
    check: Option<PathBuf>,
    /// Bits of an embedding weight on the chip, 4 or 8 [default: 8, or the saved model's]
    #[arg(long, value_name = "BITS")]
    embed_bits: Option<u32>,
    /// Fold the first layer's input weights into the words' rows (see `train --fold`)
    #[arg(long, conflicts_with = "embed_bits")]
    fold: bool,
    /// Results as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs the verb.
///
/// # Errors
/// Names the tensor, word or value that does not fit, and what was expected.
pub fn run(args: &Args) -> Result<()> {
    crate::files::Paths::default()
        .read("--weights", [&args.weights])
        .read("--vocab", [&args.vocab])
        .read("--config", [&args.config])
        .read("--check", &args.check)
        .read("--data", args.data.iter().flat_map(|data| CorpusConfig::of(data).inputs()))
        .write("--export", &args.export)
        .print("--json", &args.json)
        .check()?;
    let source = Source::read(&args.weights, &args.vocab, &args.config)?;
    let description = &source.description;
    let corpus = args.data.as_ref().map(|data| read_corpus(args, data, description)).transpose()?;
    let answers = args.check.as_ref().map(|path| check::read(path, source.mapped.outputs)).transpose()?;
    let saved = description.telltale.as_ref().map(|origin| origin.embed_bits);
    let bits = EmbeddingBits::asked(args.embed_bits.or(saved).unwrap_or(8), args.fold)?;
    let (blob, report) = import(&source, corpus.as_ref(), answers.as_deref(), bits)?;
    if let Some(path) = &args.export {
        quantise::install(&blob, path)?;
    }
    for warning in &report.warnings {
        crate::console::warn(warning);
    }
    print(&report, description, args);
    super::write_json(args.json.as_ref(), &report)
}

/// The requested number of texts, evenly spread over the corpus.
fn read_corpus(args: &Args, data: &str, description: &Description) -> Result<CalibrationCorpus> {
    let corpus = CorpusConfig {
        text_column: args.text_column.clone(),
        label_column: args.label_column.clone(),
        ..CorpusConfig::of(data)
    };
    let corpus::Labelled { examples: all, digest, notes } = corpus::load_all(&corpus)?;
    notes.print();
    let count = if args.texts == 0 { all.len() } else { args.texts.min(all.len()) };
    let mut texts = Vec::with_capacity(count);
    for n in 0..count {
        let (text, label) = &all[n * all.len() / count];
        let index = corpus::label_position(&description.labels, label).with_context(|| {
            format!(
                "{data}: the label `{label}` is not one of the configuration's: {}",
                description.labels.join(", ")
            )
        })?;
        texts.push((text.clone(), index as u32));
    }
    Ok(CalibrationCorpus { texts, digest })
}

fn print(report: &Report, description: &Description, args: &Args) {
    let Config { cell, layers, embed, hidden, vocab, head_hidden, .. } = report.model;
    say!(
        "{cell} ×{layers}, embedding {embed} → {hidden} units, {} words, head {}, {} labels, {} parameters",
        vocab - 1,
        if head_hidden == 0 { "linear".to_owned() } else { format!("{head_hidden} ReLU") },
        description.labels.len(),
        report.parameters
    );
    let rows = report.taken.iter().chain(&report.left_out);
    let width = rows.clone().map(|row| row.name.chars().count()).max().unwrap_or(0);
    let shape = |row: &Row| if row.shape.is_empty() { "-".to_owned() } else { format!("{:?}", row.shape) };
    for row in &report.taken {
        say!("  {:width$}  {:>12}  {}", row.name, shape(row), row.meaning);
    }
    for row in &report.left_out {
        say!("  {:width$}  {:>12}  left out: {}", row.name, shape(row), row.meaning);
    }
    report.notes.iter().for_each(|note| say!("{note}"));
    say!("what a state dict does not tell:");
    for Assumption { what, value, key, configured } in &report.assumed {
        let from = if *configured { "as configured" } else { "assumed" };
        say!("  {what}: {value} ({from}; key \"{key}\")");
    }
    let percent = |share: f64| format!("{:.2} %", share * 100.0);
    let Unseen { words, of, share_of_training, share_of_data } = report.unseen;
    say!(
        "{words} of {of} words of the vocabulary are never made by the engine's tokeniser{}{}",
        share_of_training.map_or(String::new(), |share| format!(
            ": {} of the training's tokens by the file's counts",
            percent(share)
        )),
        share_of_data.map_or(String::new(), |share| format!(
            ": about {} of the corpus's tokens, cut as the vocabulary cuts them",
            percent(share)
        ))
    );
    if let Some(Saturation { limit, largest, share }) = report.saturation {
        let on = if args.data.is_some() { "the corpus" } else { "the vocabulary read as one text" };
        say!(
            "states when calibrated on {on}: {largest:.2} at most, the engine's end at ±{limit}, {} beyond",
            percent(share)
        );
    }
    match &report.measured {
        Some(measured) => {
            say!(
                "{} texts: float {}, quantised {}, both agree on {}; {} of the words have no row",
                measured.texts,
                percent(measured.float_accuracy),
                percent(measured.quantised_accuracy),
                percent(measured.agreement),
                percent(measured.unknown_words)
            );
            say!(
                "  (both are readings of these weights: that measures the rounding, not whether PyTorch computes the same)"
            );
            if let (Some(accuracy), Some(agreement)) = (measured.padded_accuracy, measured.padded_agreement) {
                say!(
                    "padded as in training: float {}, the quantised model (which reads no padding) agrees on {}",
                    percent(accuracy),
                    percent(agreement)
                );
            }
        }
        None => say!("accuracy: not measured (--data CORPUS)"),
    }
    match &report.pytorch {
        Some(Checked { texts, float, quantised }) => {
            say!("agreement with PyTorch on {texts} texts, by the probability of its label:");
            for (what, own) in [("the model for the chip", quantised), ("the same in floats", float)] {
                say!(
                    "  {what}: {} of the labels equal, differences {:.4} in the mean, {:.4} at most (line {})",
                    percent(own.labels_equal),
                    own.mean_difference,
                    own.largest_difference,
                    own.line
                );
            }
        }
        None => say!("agreement with PyTorch: not measured (--check FILE, see docs/pytorch.md)"),
    }
    match &args.export {
        Some(path) => say!("wrote {} ({} bytes)", path.display(), report.blob_bytes),
        None => say!("nothing was exported: add --export model.bin"),
    }
}
