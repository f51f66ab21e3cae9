//! The reading of one text, apart from model and buffers: tokeniser, counts, early exit.

#[cfg(feature = "early-exit")]
use crate::early_exit::ExitTracker;
use crate::early_exit::Rule;
use crate::format::OpenError;
use crate::model::{Model, State};
use crate::prediction::{Class, Prediction, Probability, decide};
use crate::text::{Token, Tokeniser, Word};

/// Is called with each word and the prediction after it.
pub(crate) type Tell<'t> = dyn FnMut(&Word, Prediction) + 't;

/// The progress of reading a text.
#[derive(Clone, Debug)]
pub(crate) struct Reading {
    pub(crate) tokeniser: Tokeniser,
    /// Words of the text.
    pub(crate) words: u32,
    /// Those that are not in the vocabulary.
    pub(crate) unknown: u32,
    pub(crate) exit: Exit,
    pub(crate) tracing: bool,
}

/// A model's answer to a text that has ended.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Conclusion {
    pub(crate) class: Class,
    pub(crate) probability: Probability,
    pub(crate) words: u32,
    pub(crate) unknown: u32,
    pub(crate) rejected: bool,
}

/// Early exit: the rule, if there is one, and its state in the current text.
#[cfg(feature = "early-exit")]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exit {
    rule: Option<Rule>,
    pub(crate) tracker: ExitTracker,
    /// The class and the probability of a text that is decided.
    pub(crate) decided: Option<(Class, Probability)>,
}

#[cfg(feature = "early-exit")]
impl Exit {
    const fn new(rule: Option<Rule>) -> Self {
        Self { rule, tracker: ExitTracker::new(), decided: None }
    }

    const fn rule(&self) -> Option<Rule> {
        self.rule
    }

    const fn decided(&self) -> Option<(Class, Probability)> {
        self.decided
    }

    /// Bytes of a saved state.
    pub(crate) const SAVED_BYTES: usize = 9;

    /// The progress as bytes.
    pub(crate) fn save(&self) -> [u8; Self::SAVED_BYTES] {
        let pair = |class: Class| (class.index() as u16).to_le_bytes();
        let ([a, b], [c, d]) = (self.tracker.run.to_le_bytes(), pair(self.tracker.class));
        let (class, probability) = self.decided.unwrap_or_default();
        let ([e, f], [g, h]) = (pair(class), probability.ten_thousandths().to_le_bytes());
        [a, b, c, d, u8::from(self.decided.is_some()), e, f, g, h]
    }

    /// Restores saved bytes, for a model with `classes` classes. Returns whether they are valid.
    pub(crate) const fn restore(&mut self, saved: [u8; Self::SAVED_BYTES], classes: usize) -> bool {
        let [a, b, c, d, is_decided, e, f, g, h] = saved;
        let [run, last, class, probability] = [[a, b], [c, d], [e, f], [g, h]];
        let class = Class::new(u16::from_le_bytes(class));
        let last = Class::new(u16::from_le_bytes(last));
        self.tracker = ExitTracker { run: u16::from_le_bytes(run), class: last };
        let steps = u16::from_le_bytes(probability);
        let answer = (class, Probability::from_ten_thousandths(steps));
        self.decided = if is_decided > 0 { Some(answer) } else { None };
        is_decided < 2 && class.index() < classes && last.index() < classes && steps <= 10_000
    }

    const fn observe(&mut self, class: Class, probability: Probability) {
        if let Some(rule) = self.rule
            && self.tracker.observe(rule, class, probability)
        {
            self.decided = Some((class, probability));
        }
    }
}

/// Without early exit, no text is decided before its end.
#[cfg(not(feature = "early-exit"))]
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exit;

#[cfg(not(feature = "early-exit"))]
impl Exit {
    const fn new(_: Option<Rule>) -> Self {
        Self
    }

    const fn rule(&self) -> Option<Rule> {
        None
    }

    const fn decided(&self) -> Option<(Class, Probability)> {
        None
    }

    /// Bytes of a saved state.
    pub(crate) const SAVED_BYTES: usize = 9;

    pub(crate) const fn save(&self) -> [u8; Self::SAVED_BYTES] {
        [0; 9]
    }

    pub(crate) fn restore(&mut self, saved: [u8; Self::SAVED_BYTES], _: usize) -> bool {
        saved == [0; 9]
    }

    const fn observe(&mut self, _: Class, _: Probability) {}
}

impl Reading {
    /// At the start of a text.
    pub(crate) const fn new(model: &Model<'_>) -> Self {
        let tokeniser = Tokeniser::new(model.manifest_view().text);
        Self { tokeniser, words: 0, unknown: 0, exit: Exit::new(model.early_exit()), tracing: false }
    }

    /// Replaces the early-exit rule; `None` for no rule.
    pub(crate) const fn set_early_exit(&mut self, rule: Option<Rule>) {
        self.exit = Exit::new(rule);
    }

    /// Takes the next bytes; `tell` is called with each word that ends in them and the prediction after it.
    pub(crate) fn feed(
        &mut self,
        model: &Model<'_>,
        state: &mut State<'_>,
        bytes: &[u8],
        tell: &mut Tell<'_>,
    ) {
        self.advance(model, state, Some(bytes), tell);
    }

    /// Takes the next bytes, or the end of the text, with one closure, so that there is only one copy of the tokeniser.
    #[inline(never)]
    fn advance(
        &mut self,
        model: &Model<'_>,
        state: &mut State<'_>,
        bytes: Option<&[u8]>,
        tell: &mut Tell<'_>,
    ) {
        let Self { tokeniser, words, unknown, exit, tracing } = self;
        let mut counts = (words, unknown);
        let mut take = |token: Token<'_>| match token {
            Token::Character(code) if exit.decided().is_none() => model.read_character(code, state),
            Token::Character(_) => {}
            Token::Word(word) => {
                if let Some(prediction) = read(model, state, exit, &mut counts, word, *tracing) {
                    tell(word, prediction);
                }
            }
        };
        match bytes {
            Some(bytes) => tokeniser.feed(bytes, &mut take),
            None => tokeniser.finish(&mut take),
        }
    }

    /// Ends the text: `tell` is called with the last word, and the next byte starts a new text.
    #[inline(never)]
    pub(crate) fn finish(
        &mut self,
        model: &Model<'_>,
        state: &mut State<'_>,
        tell: &mut Tell<'_>,
    ) -> Conclusion {
        self.advance(model, state, None, tell);
        let (class, probability) = match self.exit.decided() {
            Some(answer) => answer,
            None => {
                model.read_end(state);
                decide(model.scores(state))
            }
        };
        let &mut Self { words, unknown, .. } = self;
        let rejected = model.rejection().is_some_and(|rule| rule.rejects(probability, words, unknown));
        let conclusion = Conclusion { class, probability, words, unknown, rejected };
        self.start(state);
        conclusion
    }

    /// Back to the start of a text, except for the tokeniser.
    fn start(&mut self, state: &mut State<'_>) {
        state.reset();
        self.exit = Exit::new(self.exit.rule());
        (self.words, self.unknown) = (0, 0);
    }

    /// Drops the text.
    pub(crate) fn reset(&mut self, state: &mut State<'_>) {
        self.tokeniser.reset();
        self.start(state);
    }

    /// Reads the self-test's text and compares the trace hash after its last word, every word being read.
    ///
    /// # Errors
    /// [`OpenError::SelfTest`] with the lower halves of the hashes.
    pub(crate) fn self_test(&mut self, model: &Model<'_>, state: &mut State<'_>) -> Result<(), OpenError> {
        let test = model.manifest_view();
        let (before, rule) = (self.tracing, self.exit.rule());
        self.reset(state);
        self.tracing = true;
        self.set_early_exit(None);
        let mut last = 0;
        let mut keep = |_: &Word, prediction: Prediction| last = prediction.trace.unwrap_or(0);
        self.feed(model, state, test.self_test, &mut keep);
        self.finish(model, state, &mut keep);
        self.tracing = before;
        self.set_early_exit(rule);
        match u64::from_le_bytes(test.trace) {
            expected if expected == last => Ok(()),
            expected => Err(OpenError::SelfTest(last as u32, expected as u32)),
        }
    }
}

/// Reads a word; `None` if it is a [symbol that is skipped](crate::vocab::Vocabulary::id_of).
#[inline(never)]
fn read(
    model: &Model<'_>,
    state: &mut State<'_>,
    exit: &mut Exit,
    (words, unknown): &mut (&mut u32, &mut u32),
    word: &Word,
    tracing: bool,
) -> Option<Prediction> {
    let decided = exit.decided();
    let id = match decided {
        Some(_) => model.vocabulary().id_of(word)?,
        None => model.read(word, state)?,
    };
    let known = id < model.vocabulary().len();
    **words = words.saturating_add(1);
    **unknown = unknown.saturating_add(u32::from(!known));
    let (class, probability) = match decided {
        Some(answer) if !tracing => answer,
        _ => decide(model.scores(state)),
    };
    if decided.is_none() {
        exit.observe(class, probability);
    }
    let (class, probability) = decided.unwrap_or((class, probability));
    let trace = tracing.then(|| model.trace(id, state));
    Some(Prediction { class, probability, known, read: decided.is_none(), id, trace })
}
