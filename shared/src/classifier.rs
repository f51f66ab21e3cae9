//! Bytes in, an opinion after every word: tokeniser, vocabulary, network and state in one.

use crate::activation::{Curve, exp_negative};
use crate::blob::{Error, Pooling};
use crate::early_exit::Rule;
#[cfg(feature = "early-exit")]
use crate::early_exit::Watch;
use crate::fixed::{Score, round_shift};
use crate::model::{Model, Scratch, State};
use crate::text::{Token, Tokeniser, Word};

/// All the memory that reading one text takes.
///
/// `UNITS` i16 of state, `POOL` i32 of pooling, `INPUT` i16 and `SUMS` i32 of scratch:
/// [`Model::needs`] tells what a model needs.
#[derive(Clone, Debug)]
pub struct Memory<const UNITS: usize, const POOL: usize, const INPUT: usize, const SUMS: usize> {
    /// What is remembered of the text.
    pub state: State<UNITS, POOL>,
    /// Working memory.
    pub scratch: Scratch<INPUT, SUMS>,
}

impl<const UNITS: usize, const POOL: usize, const INPUT: usize, const SUMS: usize>
    Memory<UNITS, POOL, INPUT, SUMS>
{
    /// Memory for any model that fits.
    #[must_use]
    pub const fn new() -> Self {
        Self { state: State::empty(), scratch: Scratch::new() }
    }
}

impl<const UNITS: usize, const POOL: usize, const INPUT: usize, const SUMS: usize> Default
    for Memory<UNITS, POOL, INPUT, SUMS>
{
    fn default() -> Self {
        Self::new()
    }
}

/// What the classifier thinks after a word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opinion {
    /// The word's id.
    pub id: u32,
    /// The class with the highest score, the first of them if several have it.
    pub class: usize,
    /// Its softmax probability in units of 10⁻⁴.
    pub probability: u32,
    /// Whether the network read the word; otherwise the text had been [decided](crate::early_exit) before.
    pub read: bool,
    /// The [trace hash](Model::trace), if it was asked for.
    pub trace: Option<u64>,
}

/// Reads a text as a model does.
#[derive(Debug)]
pub struct Classifier<'m, 'a, const UNITS: usize, const POOL: usize, const INPUT: usize, const SUMS: usize> {
    model: &'m Model<'a>,
    memory: &'m mut Memory<UNITS, POOL, INPUT, SUMS>,
    tokeniser: Tokeniser,
    tracing: bool,
    exit: Exit,
}

/// Early exit: the rule, if there is one, and how far the present text is.
#[cfg(feature = "early-exit")]
#[derive(Clone, Copy, Debug)]
struct Exit {
    rule: Option<Rule>,
    watch: Watch,
    /// The class and the probability of a text that is decided.
    decided: Option<(usize, u32)>,
}

#[cfg(feature = "early-exit")]
impl Exit {
    const fn new(rule: Option<Rule>) -> Self {
        Self { rule, watch: Watch::new(), decided: None }
    }

    const fn rule(&self) -> Option<Rule> {
        self.rule
    }

    const fn decided(&self) -> Option<(usize, u32)> {
        self.decided
    }

    const fn observe(&mut self, class: usize, probability: u32) {
        if let Some(rule) = self.rule
            && self.watch.observe(rule, class, probability)
        {
            self.decided = Some((class, probability));
        }
    }
}

/// Without early exit, no text is decided before its end.
#[cfg(not(feature = "early-exit"))]
#[derive(Clone, Copy, Debug)]
struct Exit;

#[cfg(not(feature = "early-exit"))]
impl Exit {
    const fn new(_: Option<Rule>) -> Self {
        Self
    }

    const fn rule(&self) -> Option<Rule> {
        None
    }

    const fn decided(&self) -> Option<(usize, u32)> {
        None
    }

    const fn observe(&mut self, _: usize, _: u32) {}
}

impl<'m, 'a, const UNITS: usize, const POOL: usize, const INPUT: usize, const SUMS: usize>
    Classifier<'m, 'a, UNITS, POOL, INPUT, SUMS>
{
    /// A classifier at the start of a text.
    ///
    /// # Errors
    /// [`Error::Capacity`] if the model does not fit the memory.
    pub fn new(
        model: &'m Model<'a>,
        memory: &'m mut Memory<UNITS, POOL, INPUT, SUMS>,
    ) -> Result<Self, Error> {
        Self::fit(model, memory)?;
        Ok(Self::fitted(model, memory))
    }

    /// Prepares memory for a model.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub(crate) fn fit(model: &Model<'_>, memory: &mut Memory<UNITS, POOL, INPUT, SUMS>) -> Result<(), Error> {
        let needs = model.needs();
        memory.state.fit_needs(&needs, model.votes())?;
        Scratch::<INPUT, SUMS>::check_needs(&needs)
    }

    /// A classifier at the start of a text, of memory that [fits](Self::fit).
    pub(crate) const fn fitted(
        model: &'m Model<'a>,
        memory: &'m mut Memory<UNITS, POOL, INPUT, SUMS>,
    ) -> Self {
        let tokeniser = Tokeniser::new(model.outline().text);
        Self { model, memory, tokeniser, tracing: false, exit: Exit::new(model.early_exit()) }
    }

    /// Whether opinions carry trace hashes.
    pub const fn set_tracing(&mut self, tracing: bool) {
        self.tracing = tracing;
    }

    /// Another rule of early exit than the model's, or none: every word is read. To be set between texts.
    pub const fn set_early_exit(&mut self, rule: Option<Rule>) {
        self.exit = Exit::new(rule);
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &'m Model<'a> {
        self.model
    }

    /// Takes the next bytes; `tell` gets each word that ends among them and the opinion after it. Words of symbols
    /// that the vocabulary lacks are [skipped](crate::vocab::Vocabulary::id_of).
    pub fn feed(&mut self, bytes: &[u8], tell: &mut (impl FnMut(&Word, Opinion) + ?Sized)) {
        let Self { model, memory, tokeniser, tracing, exit } = self;
        tokeniser.feed(bytes, &mut |token| {
            if let Token::Word(word) = token
                && let Some(opinion) = read(model, memory, exit, word, *tracing)
            {
                tell(word, opinion);
            }
        });
    }

    /// Ends the text: `tell` gets the last word, and the next byte starts a new text.
    #[inline(never)]
    pub fn finish(&mut self, tell: &mut (impl FnMut(&Word, Opinion) + ?Sized)) {
        let Self { model, memory, tokeniser, tracing, exit } = self;
        tokeniser.finish(&mut |token| {
            if let Token::Word(word) = token
                && let Some(opinion) = read(model, memory, exit, word, *tracing)
            {
                tell(word, opinion);
            }
        });
        memory.state.reset();
        *exit = Exit::new(exit.rule());
    }

    /// The class of the text so far and its probability in units of 10⁻⁴, even of no words at all.
    pub fn verdict(&mut self) -> (usize, u32) {
        decide(self.model.scores(&self.memory.state, &mut self.memory.scratch))
    }

    /// Checks the chip's arithmetic against the blob: reads the self-test's text and compares the
    /// trace hash after its last word, every word being read. The state is as new afterwards.
    ///
    /// # Errors
    /// [`Error::SelfTest`] with the lower halves of the hashes.
    pub fn self_test(&mut self) -> Result<(), Error> {
        let test = self.model.outline();
        let (before, rule) = (self.tracing, self.exit.rule());
        self.tracing = true;
        self.set_early_exit(None);
        let mut last = 0;
        let mut keep = |_: &Word, opinion: Opinion| last = opinion.trace.unwrap_or(0);
        // The session's type, so that one copy of the code serves both.
        let tell: &mut dyn FnMut(&Word, Opinion) = &mut keep;
        self.feed(test.self_test, tell);
        self.finish(tell);
        self.tracing = before;
        self.set_early_exit(rule);
        match u64::from_le_bytes(test.trace) {
            expected if expected == last => Ok(()),
            expected => Err(Error::SelfTest(last as u32, expected as u32)),
        }
    }
}

fn read<const UNITS: usize, const POOL: usize, const INPUT: usize, const SUMS: usize>(
    model: &Model<'_>,
    memory: &mut Memory<UNITS, POOL, INPUT, SUMS>,
    exit: &mut Exit,
    word: &Word,
    tracing: bool,
) -> Option<Opinion> {
    let Memory { state, scratch } = memory;
    let id = model.vocabulary().id_of(word)?;
    if let Some((class, probability)) = exit.decided() {
        let trace = tracing.then(|| model.trace(id, state, model.scores(state, scratch)));
        return Some(Opinion { id, class, probability, read: false, trace });
    }
    model.note(word.hash(), state);
    model.step(id, state, scratch);
    let scores = model.scores(state, scratch);
    let (class, probability) = decide(scores);
    exit.observe(class, probability);
    let trace = tracing.then(|| model.trace(id, state, scores));
    Some(Opinion { id, class, probability, read: true, trace })
}

/// The first class of the highest score, and its softmax probability in units of 10⁻⁴.
///
/// Of two classes, it is the sigmoid of their scores' difference; others are a [part](crate::parts).
#[must_use]
pub fn decide(scores: &[i32]) -> (usize, u32) {
    if let &[first, second] = scores {
        let lead = first.abs_diff(second).min(i32::MAX.unsigned_abs());
        let share = Curve::new(Score::FRAC_NBITS).sigmoid(lead as i32) >> 16;
        return (usize::from(second > first), round_shift(share * 10_000, 15).unsigned_abs());
    }
    if !cfg!(feature = "classes") {
        return (0, 0);
    }
    let (mut class, mut best) = (0, i32::MIN);
    for (at, &score) in scores.iter().enumerate() {
        if score > best {
            (class, best) = (at, score);
        }
    }
    let total: u32 = scores.iter().map(|&score| exp_negative(best.abs_diff(score))).sum();
    let total = total.max(1);
    (class, (exp_negative(0) * 10_000 + total / 2) / total)
}

/// The name of a pooling on the command line.
#[must_use]
pub const fn pooling_name(pooling: Pooling) -> &'static str {
    match pooling {
        Pooling::Last => "last",
        Pooling::Mean => "mean",
        Pooling::Max => "max",
    }
}
