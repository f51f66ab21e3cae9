//! The integer engine of `telltale`, on many texts at once.

use std::path::Path;

use anyhow::{Context as _, Result};
use rayon::prelude::*;
use telltale::engine::decide;
use telltale::engine::early_exit::{ExitTracker, Rule};
use telltale::engine::fixed::Score;
use telltale::engine::format::MAGIC;
use telltale::engine::image::{file_of, image as lay_out};
use telltale::engine::kernel::Layout;
use telltale::engine::model::{Context, State};
use telltale::engine::text::{Token, Tokeniser};
use telltale::{Answer, Classifier, Model, Probability};

use crate::aligned::AlignedBytes;
use crate::board::Board;
use crate::file_kind;
use crate::logits::log_sum_exp;

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
/// If the file cannot be read or is not a sound model; the error names it and the reason.
pub fn with_model<T>(path: &Path, act: impl FnOnce(&Model<'_>) -> Result<T>) -> Result<T> {
    let bytes = AlignedBytes::read(path)?;
    let model = Model::open(&bytes).with_context(|| unusable(path, &bytes))?;
    act(&model)
}

/// The message for a file that does not open as a model.
pub fn unusable(path: &Path, bytes: &[u8]) -> String {
    const WEIGHTS: &str = "PyTorch's weights: `import --weights` makes a model of them";
    const KINDS: [(&[u8], &str); 3] = [
        (b"PK\x03\x04", "a zip archive, as torch.save writes it: `import --weights` makes a model of one"),
        (b"\x80", WEIGHTS),
        (b":10", "a program for a board"),
    ];
    let is_model = bytes.starts_with(&MAGIC);
    let is_safetensors = bytes.get(8) == Some(&b'{') && bytes.get(6..8) == Some(&[0, 0]);
    let is_image = || file_of(bytes).is_ok_and(|file| file[..] != *bytes);
    let kind = match file_kind::of_binary(bytes, &KINDS) {
        _ if is_model => {
            is_image().then_some("an image for a board's core: name the file that it was made of")
        }
        _ if is_safetensors => Some(WEIGHTS),
        kind => kind,
    };
    let is = kind.map_or_else(String::new, |kind| format!("; it is {kind}"));
    format!("{} is not a usable model (write one with `train --export`){is}", path.display())
}

/// Like [`with_model`], also for an image that is laid out for another core; `act` receives the layout, too.
///
/// # Errors
/// As for [`with_model`].
pub fn with_image<T>(path: &Path, act: impl FnOnce(&Model<'_>, Layout) -> Result<T>) -> Result<T> {
    let bytes = AlignedBytes::read(path)?;
    let context = || unusable(path, &bytes);
    let file = AlignedBytes::new(&file_of(&bytes).with_context(context)?);
    let layout = if file[..] == bytes[..] { Layout::OWN } else { Layout::Quads };
    act(&Model::open(&file).with_context(context)?, layout)
}

/// The image of a model file for a board: the file's bytes, with maps laid out for the board's core.
///
/// # Errors
/// As for [`with_model`].
pub fn image(path: &Path, board: &Board) -> Result<Vec<u8>> {
    with_model(path, |model| Ok(lay_out(model, Layout::of_target(&board.target, &board.rustflags))))
}

/// A share, 0 to 1, of a number of ten-thousandths, in which the model's file and the engine have shares.
#[must_use]
pub fn share_of(ten_thousandths: u16) -> f64 {
    f64::from(ten_thousandths) / 10_000.0
}

/// The inverse of [`share_of`], rounded.
#[must_use]
pub fn ten_thousandths(share: f64) -> u16 {
    (share * 10_000.0).round() as u16
}

/// The engine's answer to a text.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// The label's index.
    pub class: usize,
    /// The label's probability.
    pub probability: Probability,
    /// Words of the text.
    pub words: u32,
    /// Those that are in the vocabulary.
    pub known: u32,
    /// Whether the text is none of the classes, by the model's rule.
    pub rejected: bool,
}

impl Answered {
    /// The label's probability as a number, 0 to 1.
    #[must_use]
    pub fn share(&self) -> f64 {
        share_of(self.probability.ten_thousandths())
    }
}

/// Answers to texts, in order, on all cores.
///
/// # Errors
/// None for a model that has been opened.
pub fn answer_all<T: AsRef<str> + Sync>(model: &Model<'_>, texts: &[T]) -> Result<Vec<Answered>> {
    let answer = |memory: &mut AlignedBytes, text: &T| {
        let Answer { class, probability, words, unknown, rejected, .. } =
            Classifier::within(model, memory)?.classify(text.as_ref());
        Ok(Answered { class: class.index(), probability, words, known: words - unknown, rejected })
    };
    texts.par_iter().with_min_len(CHUNK).map_init(|| memory_for(model), answer).collect()
}

/// The integer engine's verdict on a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Verdict {
    /// The label's index.
    pub class: usize,
    /// Cross-entropy against the true label, in nats.
    pub loss: f64,
    /// The label's probability, 0 to 1.
    pub probability: f64,
    /// Whether several labels have the highest score; the first of them is the class.
    pub tie: bool,
}

impl Verdict {
    /// Of a text's scores \[C\], in steps of 2⁻¹².
    fn new(scores: &[i32], truth: u32) -> Self {
        let class = decide(scores).0.index();
        let tie = scores.iter().filter(|&score| Some(score) == scores.get(class)).count() > 1;
        let logits = scores.iter().map(|&score| Score::from_bits(score).to_num::<f64>());
        let of = |class: usize| logits.clone().nth(class).unwrap_or(f64::NEG_INFINITY);
        let best = of(class);
        let surprise = log_sum_exp(logits.clone().map(|logit| logit - best));
        Self { class, loss: surprise + (best - of(truth as usize)), probability: (-surprise).exp(), tie }
    }
}

/// An item of a text, from the engine's tokeniser, so that a text can be read several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item {
    /// A normalised character, by its code point.
    Character(u32),
    /// A word, by hash and id.
    Word(u32, u32),
    /// A word that n-grams do not see, by its id.
    Known(u32),
}

impl Item {
    /// The id, if it is a word.
    #[must_use]
    pub const fn word(&self) -> Option<u32> {
        match *self {
            Self::Character(_) => None,
            Self::Word(_, id) | Self::Known(id) => Some(id),
        }
    }
}

/// The items of a text; its characters only if `model` reads them.
#[must_use]
pub fn items(model: &Model<'_>, text: &str) -> Vec<Item> {
    let characters = model.ngrams().is_some_and(|ngrams| ngrams.orders().characters > 0);
    let mut items = Vec::new();
    let mut each = |token: Token<'_>| match token {
        Token::Character(_) if !characters => {}
        Token::Character(code) => items.push(Item::Character(code)),
        Token::Word(word) => items.extend(model.vocabulary().id_of(word).map(|id| match word.is_symbol() {
            true => Item::Known(id),
            false => Item::Word(word.hash(), id),
        })),
    };
    let mut tokeniser = Tokeniser::new(model.manifest_view().text);
    tokeniser.feed(text.as_bytes(), &mut each);
    tokeniser.finish(&mut each);
    items
}

/// A text to classify.
#[derive(Clone, Copy, Debug)]
pub struct Reading<'t> {
    /// Its items.
    pub items: &'t [Item],
    /// The true label's index.
    pub truth: u32,
}

/// Which parts of a model read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadWith {
    /// All of it.
    Whole,
    /// The n-grams; to the network, every text is empty.
    Ngrams,
}

/// Follows a model's own rule of early exit through a text.
pub struct Exit {
    rule: Option<Rule>,
    tracker: ExitTracker,
}

impl Exit {
    /// At the start of a text.
    #[must_use]
    pub const fn of(model: &Model<'_>) -> Self {
        Self { rule: model.early_exit(), tracker: ExitTracker::new() }
    }

    /// Whether the word just read decides the text, with the scores after it.
    pub fn is_decided<'s>(&mut self, scores: impl FnOnce() -> &'s [i32]) -> bool {
        self.rule.is_some_and(|rule| {
            let (class, probability) = decide(scores());
            self.tracker.observe(rule, class, probability)
        })
    }
}

/// The label of a text, and the loss against the truth. A whole model follows its own early-exit rule.
#[must_use]
pub fn classify(model: &Model<'_>, state: &mut State<'_>, text: &Reading<'_>, parts: ReadWith) -> Verdict {
    state.reset();
    let mut exit = Exit::of(model);
    for item in text.items {
        match (*item, parts) {
            (Item::Character(code), _) => model.read_character(code, state),
            (Item::Word(hash, id), ReadWith::Whole) => {
                model.read_ngrams(hash, state);
                model.read_known(id, state);
            }
            (Item::Word(hash, _), ReadWith::Ngrams) => model.read_ngrams(hash, state),
            (Item::Known(id), ReadWith::Whole) => model.read_known(id, state),
            (Item::Known(_), ReadWith::Ngrams) => {}
        }
        if parts == ReadWith::Whole && item.word().is_some() && exit.is_decided(|| model.scores(state)) {
            return Verdict::new(model.scores(state), text.truth);
        }
    }
    model.read_end(state);
    Verdict::new(model.scores(state), text.truth)
}

/// Verdicts of many texts, in order, on all cores.
///
/// # Errors
/// None for a model that has been opened.
pub fn classify_all(model: &Model<'_>, texts: &[Reading<'_>], parts: ReadWith) -> Result<Vec<Verdict>> {
    texts
        .par_chunks(CHUNK)
        .map(|chunk| {
            let mut memory = memory_for(model);
            let mut state = state_in(model, &mut memory)?;
            Ok(chunk.iter().map(|text| classify(model, &mut state, text, parts)).collect::<Vec<_>>())
        })
        .collect::<Result<Vec<_>>>()
        .map(|chunks| chunks.concat())
}

/// Texts that are read in one go, with one memory.
const CHUNK: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn other_files_given_as_a_model_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        for (name, start, what) in [
            ("w.pth", &b"PK\x03\x04"[..], "import --weights"),
            ("w.pt", b"\x80\x02\x8A\x0A", "import --weights"),
            ("w.safetensors", b"\x30\x02\0\0\0\0\0\0{\"a\"", "import --weights"),
            ("latest.checkpoint", b"TTCKPT\r\n", "train --resume"),
            ("m.html", b"<!DOCTYPE html>", "a web page"),
            ("m.elf", b"\x7FELF\x01", "a program for a board"),
        ] {
            let path = folder.path().join(name);
            std::fs::write(&path, [start, &[0; 64]].concat()).expect("written");
            let error = format!("{:#}", with_model(&path, |_| Ok(())).expect_err("is refused"));
            assert!(error.contains(name) && error.contains(what), "{error}");
        }
    }
}
