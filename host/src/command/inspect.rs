//! `inspect`: the contents of a model.

use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::Args as ClapArgs;
use serde::Serialize;
use telltale::Model;
use telltale::engine::format::Kind;
use telltale::engine::kernel::Layout;

use crate::board;
use crate::bytes::hex;
use crate::console::{put, say};
use crate::cost;
use crate::engine::{share_of, with_image};
use crate::export;

/// Prints what is in a model or an image: bytes by part, shape, provenance, what your own program needs, and the boards
/// that it fits
///
/// Instructions per word are estimated from the network's shape, embedding bits and n-gram look-ups, with coefficients
/// that `bench device --fit` measured on each board. Reading bytes, splitting them into words, and traces are not
/// included.
#[derive(ClapArgs, Clone, Debug)]
pub struct Args {
    /// The model file, as written by `train --export`
    #[arg(value_name = "FILE")]
    model: PathBuf,
    /// Results as JSON; `-` is standard output
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What is in a model.
#[derive(Serialize)]
pub struct Report {
    digest: String,
    bytes: usize,
    /// The layout, which decides which cores read the file as it is: pairs M4, M7, M33, M55 and PCs, quads M0, M3 and
    /// RISC-V.
    layout: &'static str,
    labels: Vec<String>,
    words: u32,
    punctuation: bool,
    /// Whether HTML's tags are read as text.
    tags: bool,
    embed: usize,
    embed_bits: u32,
    /// Whether rows are sums of the first layer, `embed` of them.
    folded: bool,
    layers: Vec<LayerReport>,
    pooling: &'static str,
    head_hidden: usize,
    macs_per_word: usize,
    early_exit: Option<ExitReport>,
    rejection: Option<RejectionReport>,
    state_bytes: usize,
    scratch_bytes: usize,
    /// What `Memory` needs: both of these.
    memory_bytes: usize,
    /// Bytes of the C library's `tt_classifier` on a chip, beside that memory.
    c_handle_bytes: usize,
    /// The engine's cargo features that the model needs.
    features: Vec<&'static str>,
    parts: Vec<PartReport>,
    writer: String,
    corpus: String,
    corpus_sha256: String,
    #[serde(skip)]
    training: Vec<(&'static str, String)>,
    seed: u64,
    examples: u32,
    quantised_valid_accuracy: Option<f64>,
    quantised_test_accuracy: Option<f64>,
    agreement: Option<f64>,
    boards: Vec<BoardReport>,
}

#[derive(Serialize)]
struct LayerReport {
    cell: &'static str,
    inputs: usize,
    hidden: usize,
}

#[derive(Serialize)]
struct RejectionReport {
    /// The least probability of an answer that is not rejected.
    probability: f64,
    /// The least share of known words.
    known: f64,
}

#[derive(Serialize)]
struct ExitReport {
    probability: f64,
    words: u16,
}

#[derive(Serialize)]
struct PartReport {
    part: &'static str,
    bytes: u32,
}

#[derive(Serialize)]
struct BoardReport {
    board: &'static str,
    fits: bool,
    reason: String,
    /// Estimated by [`cost`]'s linear model.
    instructions_per_word: Option<f64>,
    clock_hz: u64,
    /// At one instruction per clock, an upper bound for these cores.
    words_per_second_at_best: Option<f64>,
}

/// Runs the verb.
///
/// # Errors
/// If the model cannot be read, or the JSON cannot be written.
pub fn run(args: &Args) -> Result<()> {
    crate::files::Paths::default().read("the model", [&args.model]).print("--json", &args.json).check()?;
    with_image(&args.model, |model, layout| {
        let report = report(model, layout)?;
        print(&report, &args.model);
        super::write_json(args.json.as_ref(), &report)
    })
}

fn part_name(kind: u8) -> &'static str {
    const NAMES: [(Kind, &str); 8] = [
        (Kind::Vocabulary, "vocabulary"),
        (Kind::Embedding, "embedding"),
        (Kind::Layer, "layer"),
        (Kind::Head, "head"),
        (Kind::Ngrams, "n-grams"),
        (Kind::EarlyExit, "early exit"),
        (Kind::Folded, "folded embedding"),
        (Kind::Rejection, "rejection"),
    ];
    NAMES.iter().find(|(own, _)| *own as u8 == kind).map_or("unknown, skipped", |(_, name)| name)
}

/// Reports the contents of a model in a layout.
///
/// # Errors
/// If a board's description is malformed, which a test excludes.
pub fn report(model: &Model<'_>, layout: Layout) -> Result<Report> {
    let manifest = model.manifest()?;
    let provenance = &manifest.provenance;
    let share = |units: Option<u16>| units.map(share_of);
    let requirements = model.requirements();
    let mut parts: Vec<PartReport> = manifest
        .sections
        .iter()
        .map(|section| PartReport { part: part_name(section.kind), bytes: section.length })
        .collect();
    let sections: u32 = parts.iter().map(|part| part.bytes).sum();
    parts.push(PartReport { part: "header, manifest, padding", bytes: model.bytes() as u32 - sections });
    let (layers, head) = model.macs();
    Ok(Report {
        digest: format!("{:08x}", model.digest()),
        bytes: model.bytes(),
        layout: if layout == Layout::Quads { "quads" } else { "pairs" },
        labels: manifest.labels.split('\n').map(str::to_owned).collect(),
        words: model.vocabulary().len(),
        punctuation: manifest.text.punctuation,
        tags: manifest.text.tags,
        embed: model.embedding().width(),
        embed_bits: model.embedding().bits(),
        folded: model.embedding().is_folded(),
        layers: model
            .layers()
            .iter()
            .map(|layer| LayerReport {
                cell: layer.cell().name(),
                inputs: layer.inputs(),
                hidden: layer.hidden(),
            })
            .collect(),
        pooling: manifest.pooling.name(),
        head_hidden: model.head().hidden(),
        macs_per_word: layers + head,
        early_exit: model
            .early_exit()
            .map(|rule| ExitReport { probability: share_of(rule.probability), words: rule.words }),
        rejection: model.rejection().map(|rule| RejectionReport {
            probability: share_of(rule.probability),
            known: share_of(rule.known),
        }),
        state_bytes: requirements.state_bytes(),
        scratch_bytes: requirements.memory_bytes() - requirements.state_bytes(),
        memory_bytes: requirements.memory_bytes(),
        c_handle_bytes: crate::library::HANDLE_BYTES,
        features: model.features(),
        parts,
        writer: provenance.writer.to_owned(),
        corpus: provenance.corpus.to_owned(),
        corpus_sha256: hex(provenance.digest),
        training: export::training(provenance),
        seed: provenance.seed,
        examples: provenance.examples,
        quantised_valid_accuracy: share(provenance.metrics.quantised_valid),
        quantised_test_accuracy: share(provenance.metrics.quantised_test),
        agreement: share(provenance.metrics.agreement),
        boards: board::all()?.iter().map(|board| fit(model, board)).collect(),
    })
}

fn fit(model: &Model<'_>, board: &board::Board) -> BoardReport {
    let obstacle = board.obstacle(model);
    let instructions = board.cost.estimate(&cost::Work::of(model));
    BoardReport {
        board: board.name,
        fits: obstacle.is_none(),
        reason: obstacle.unwrap_or_default(),
        instructions_per_word: instructions,
        clock_hz: board.clock_hz,
        words_per_second_at_best: instructions.map(|instructions| board.clock_hz as f64 / instructions),
    }
}

fn print(report: &Report, path: &Path) {
    let percent =
        |share: Option<f64>| share.map_or_else(|| "–".to_owned(), |share| format!("{:.2} %", share * 100.0));
    say!("model {}, {} bytes, by {}", report.digest, report.bytes, report.writer);
    say!("labels: {}", report.labels.join(", "));
    say!(
        "words: {}{}{}",
        report.words,
        if report.punctuation { ", symbols too where they tell something" } else { "" },
        if report.tags { "; HTML's tags are read as text" } else { "" }
    );
    let folded = if report.folded { "folded to " } else { "" };
    put!("network: embedding {folded}{} (i{})", report.embed, report.embed_bits);
    report.layers.iter().for_each(|layer| put!(" → {} {}", layer.cell, layer.hidden));
    put!(" → {}", report.pooling);
    if report.head_hidden > 0 {
        put!(" → relu {}", report.head_hidden);
    }
    say!(" → {}", report.labels.len());
    say!("per word: {} multiply-accumulates", report.macs_per_word);
    if let Some(exit) = &report.early_exit {
        say!(
            "early exit: once a class has had {:.4} or more for {} words in a row",
            exit.probability,
            exit.words
        );
    }
    if let Some(rule) = &report.rejection {
        say!(
            "rejects answers of less than {:.4}, and texts of which less than {:.4} of the words are known",
            rule.probability,
            rule.known
        );
    }
    say!(
        "RAM: {} bytes of memory, {} of state and {} of scratch; in C, {} more of a handle",
        report.memory_bytes,
        report.state_bytes,
        report.scratch_bytes,
        report.c_handle_bytes
    );
    say!("layout: {}", report.layout);
    report.training.iter().for_each(|(what, is)| say!("{what}: {is}"));
    say!(
        "quantised accuracy: validation {}, test {}; agreement with float {}",
        percent(report.quantised_valid_accuracy),
        percent(report.quantised_test_accuracy),
        percent(report.agreement)
    );
    let features: Vec<String> = report.features.iter().map(|feature| format!("{feature:?}")).collect();
    let name = path.file_name().unwrap_or_default().display();
    say!(
        "\nIn a program of your own, Cargo.toml, build.rs and main.rs (memory: {} bytes):",
        report.memory_bytes
    );
    say!(
        "  telltale = {{ path = \"…/shared\", default-features = false, features = [{}] }}",
        features.join(", ")
    );
    match telltale_build::file_name(path) {
        _ if report.layout != "pairs" => say!(
            "  (telltale_build::include takes the model's file, not an image of it: name the file that it was made of)"
        ),
        Some(own) => {
            say!("  telltale_build::include({:?});", name.to_string());
            say!("  include!(concat!(env!(\"OUT_DIR\"), \"/{own}.rs\"));");
        }
        None => say!(
            "  (telltale_build::include takes files whose names begin with a letter of ASCII: sentiment.bin)"
        ),
    }
    say!("\n{:<28} {:>9}", "part", "bytes");
    for part in &report.parts {
        say!("{:<28} {:>9}", part.part, part.bytes);
    }
    say!();
    say!("{:<12} {:>12} {:>7} {:>9}  fits", "board", "instr./word", "MHz", "words/s");
    for board in &report.boards {
        let number =
            |number: Option<f64>| number.map_or_else(|| "–".to_owned(), |number| format!("{number:.0}"));
        say!(
            "{:<12} {:>12} {:>7} {:>9}  {}",
            board.board,
            number(board.instructions_per_word),
            board.clock_hz / 1_000_000,
            number(board.words_per_second_at_best),
            if board.fits { "yes" } else { &board.reason }
        );
    }
    say!(
        "Instructions are estimated by a linear model of multiply-accumulates, units, embedding, pooling, \
         classes and n-grams, fitted to `bench device` figures. Words per second assume one instruction per clock: \
         instructions are not cycles, and a core with wait states or slower loads reads fewer."
    );
}
