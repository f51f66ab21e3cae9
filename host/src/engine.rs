//! The integer engine of `telltale`, with room for every model it can read.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rayon::prelude::*;
use telltale::classifier::decide;
use telltale::head::MAX_CLASSES;
use telltale::matvec::Layout;
use telltale::model::MAX_LAYERS;
use telltale::session::Reader;
use telltale::wide::Chain;
use telltale::{Model, Scratch, State};

use crate::aligned::AlignedBytes;
use crate::board::Board;

const WIDEST: usize = 1024;

/// State of the largest model.
pub type HostState = State<{ MAX_LAYERS * 2 * WIDEST }, WIDEST>;
/// Scratch of the largest model.
pub type HostScratch = Scratch<{ 2 * WIDEST }, { 4 * WIDEST }>;
/// Memory of the largest model.
pub type HostMemory = telltale::Memory<{ MAX_LAYERS * 2 * WIDEST }, WIDEST, { 2 * WIDEST }, { 4 * WIDEST }>;

/// A session of the largest model.
pub type HostReader<'m, 'a> =
    Reader<'m, 'a, { MAX_LAYERS * 2 * WIDEST }, WIDEST, { 2 * WIDEST }, { 4 * WIDEST }>;

const _: () = assert!(MAX_CLASSES <= 4 * WIDEST);

/// Reads a model file and hands the opened model to `act`.
///
/// # Errors
/// If the file cannot be read or is no sound model; the error names it and says why.
pub fn with_model<T>(path: &Path, act: impl FnOnce(&Model<'_>) -> Result<T>) -> Result<T> {
    let bytes = AlignedBytes::read(path)?;
    let model = Model::open(&bytes).with_context(|| {
        format!("{} is not a usable model (write one with `train --export`)", path.display())
    })?;
    act(&model)
}

/// What goes onto a board for a model file: the file's bytes, its maps laid out for the board's core.
///
/// # Errors
/// As [`with_model`].
pub fn image(path: &Path, board: &Board) -> Result<Vec<u8>> {
    let layout = Layout::of_target(&board.target, &board.rustflags);
    with_model(path, |model| Ok(telltale::image::image(model, layout)))
}

/// What the integer engine makes of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The label's index.
    pub class: usize,
    /// Cross-entropy against the true label, in nats.
    pub loss: f64,
    /// Whether several labels have the highest score; the first of them is the class.
    pub tie: bool,
}

impl Verdict {
    /// Of a text's scores \[C\], in steps of 2⁻¹².
    fn new(scores: &[i32], truth: u32) -> Self {
        let (class, _) = decide(scores);
        let best = scores.get(class);
        let tie = scores.iter().filter(|&score| Some(score) == best).count() > 1;
        let logits = scores.iter().map(|&score| f64::from(score) / 4096.0);
        let largest = logits.clone().fold(f64::MIN, f64::max);
        let total: f64 = logits.clone().map(|logit| (logit - largest).exp()).sum();
        let own = logits.clone().nth(truth as usize).unwrap_or(largest);
        Self { class, loss: largest + total.ln() - own, tie }
    }
}

/// A tokenised text to classify.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'t> {
    /// The words' ids.
    pub ids: &'t [u32],
    /// The words' hashes; only a model with a wide part needs them.
    pub hashes: &'t [u32],
    /// The true label's index.
    pub truth: u32,
}

/// The label of a tokenised text, and the loss against the truth.
#[must_use]
pub fn classify(
    model: &Model<'_>,
    state: &mut HostState,
    scratch: &mut HostScratch,
    text: &Reading<'_>,
) -> Verdict {
    state.reset();
    let mut hashes = text.hashes.iter();
    for &id in text.ids {
        if let Some(&hash) = hashes.next() {
            model.note(hash, state);
        }
        model.step(id, state, scratch);
    }
    Verdict::new(model.scores(state, scratch), text.truth)
}

/// Verdicts of many texts, in order, on all cores.
///
/// # Errors
/// If the model is larger than the host's engine can hold.
pub fn classify_all(model: &Model<'_>, texts: &[Reading<'_>]) -> Result<Vec<Verdict>> {
    HostScratch::check(model)?;
    check_hashes(model, texts)?;
    let state = HostState::new(model)?;
    let verdicts = texts
        .par_iter()
        .with_min_len(16)
        .map_init(
            || (state.clone(), Box::new(HostScratch::new())),
            |(state, scratch), text| classify(model, state, scratch, text),
        )
        .collect();
    Ok(verdicts)
}

/// Verdicts of a model's n-grams alone, in order, on all cores: the scores are what the wide part adds to the
/// network's. `None` of a model that has no wide part.
///
/// # Errors
/// If the words' hashes are missing.
pub fn classify_all_wide(model: &Model<'_>, texts: &[Reading<'_>]) -> Result<Option<Vec<Verdict>>> {
    let Some(wide) = model.wide() else { return Ok(None) };
    check_hashes(model, texts)?;
    let read = |text: &Reading<'_>| {
        let (mut chain, mut words) = (Chain::default(), 0u16);
        let (mut votes, mut scores) = (vec![0; wide.columns()], vec![0; model.head().classes()]);
        for &hash in text.hashes {
            wide.take(hash, words, &mut chain, &mut votes);
            words = words.saturating_add(1);
        }
        wide.add(&votes, words, &mut scores);
        Verdict::new(&scores, text.truth)
    };
    Ok(Some(texts.par_iter().with_min_len(16).map(read).collect()))
}

fn check_hashes(model: &Model<'_>, texts: &[Reading<'_>]) -> Result<()> {
    let complete = |text: &Reading<'_>| model.wide().is_none() || text.hashes.len() == text.ids.len();
    ensure!(texts.iter().all(complete), "the model's wide part needs the words' hashes");
    Ok(())
}
