//! The integer engine of `telltale`, on many texts at once.

use std::path::Path;

use anyhow::{Context as _, Result, ensure};
use rayon::prelude::*;
use telltale::Model;
use telltale::engine::decide;
use telltale::engine::fixed::Score;
use telltale::engine::image::{file_of, image as lay_out};
use telltale::engine::kernel::Layout;
use telltale::engine::model::{Context, State};
use telltale::engine::wide::Chain;

use crate::aligned::AlignedBytes;
use crate::board::Board;

/// Memory for reading texts with a model.
#[must_use]
pub fn memory_for(model: &Model<'_>) -> AlignedBytes {
    AlignedBytes::zeroed(model.requirements().whole_memory_bytes())
}

/// A state of a model, at the start of a text.
///
/// # Errors
/// If `memory` is not that of [`memory_for`] this model.
pub fn state_in<'m>(model: &Model<'_>, memory: &'m mut AlignedBytes) -> Result<State<'m>> {
    let mut state = State::carve(memory, &model.requirements(), Context::new())?;
    state.reset();
    Ok(state)
}

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

/// As [`with_model`], also of an image that is laid out for another core; `act` gets the layout, too.
///
/// # Errors
/// As [`with_model`].
pub fn with_image<T>(path: &Path, act: impl FnOnce(&Model<'_>, Layout) -> Result<T>) -> Result<T> {
    let bytes = AlignedBytes::read(path)?;
    let context = || format!("{} is not a usable model (write one with `train --export`)", path.display());
    let file = AlignedBytes::new(&file_of(&bytes).with_context(context)?);
    let layout = if file[..] == bytes[..] { Layout::OWN } else { Layout::Quads };
    act(&Model::open(&file).with_context(context)?, layout)
}

/// What goes onto a board for a model file: the file's bytes, its maps laid out for the board's core.
///
/// # Errors
/// As [`with_model`].
pub fn image(path: &Path, board: &Board) -> Result<Vec<u8>> {
    image_in(path, Layout::of_target(&board.target, &board.rustflags))
}

/// As [`image`], for any core.
///
/// # Errors
/// As [`with_model`].
pub fn image_in(path: &Path, layout: Layout) -> Result<Vec<u8>> {
    with_model(path, |model| Ok(lay_out(model, layout)))
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
        let class = decide(scores).0.index();
        let best = scores.get(class);
        let tie = scores.iter().filter(|&score| Some(score) == best).count() > 1;
        let logits = scores.iter().map(|&score| Score::from_bits(score).to_num::<f64>());
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
pub fn classify(model: &Model<'_>, state: &mut State<'_>, text: &Reading<'_>) -> Verdict {
    state.reset();
    // A model without n-grams does not look at hashes, and texts need not have them.
    let hashes = text.hashes.iter().copied().chain(std::iter::repeat(0));
    for (&id, hash) in text.ids.iter().zip(hashes) {
        model.read_known(id, hash, state);
    }
    Verdict::new(model.scores(state), text.truth)
}

/// Verdicts of many texts, in order, on all cores.
///
/// # Errors
/// If the words' hashes are missing.
pub fn classify_all(model: &Model<'_>, texts: &[Reading<'_>]) -> Result<Vec<Verdict>> {
    check_hashes(model, texts)?;
    texts
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut memory = memory_for(model);
            let mut state = state_in(model, &mut memory)?;
            Ok(chunk.iter().map(|text| classify(model, &mut state, text)).collect::<Vec<_>>())
        })
        .collect::<Result<Vec<_>>>()
        .map(|chunks| chunks.concat())
}

/// Texts that are read in one go, with one memory.
const CHUNK: usize = 16;

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
    Ok(Some(texts.par_iter().with_min_len(CHUNK).map(read).collect()))
}

fn check_hashes(model: &Model<'_>, texts: &[Reading<'_>]) -> Result<()> {
    let complete = |text: &Reading<'_>| model.wide().is_none() || text.hashes.len() == text.ids.len();
    ensure!(texts.iter().all(complete), "the model's wide part needs the words' hashes");
    Ok(())
}
