//! Bytes in, a prediction after every word, an answer at the end: tokeniser, vocabulary, network and state in one.

use crate::early_exit::Rule;
use crate::format::OpenError;
use crate::memory::Memory;
use crate::model::{Context, Model, Requirements, State};
use crate::prediction::{Answer, Prediction};
use crate::reading::{Conclusion, Reading, Tell};
use crate::saved::{self, StateError};
use crate::text::Word;

/// Reads texts with a borrowed model in borrowed memory.
///
/// ```no_run
/// # fn read(model: &telltale::Model<'_>) -> Result<(), telltale::OpenError> {
/// let mut memory = telltale::Memory::<1088>::new();
/// let mut classifier = telltale::Classifier::new(model, &mut memory)?;
/// classifier.feed(b"slow, but ", |word, prediction| println!("{} {}", word.as_str(), prediction.probability));
/// classifier.feed(b"superb", |_, _| {}); // the last word has no end yet
/// println!("{}", classifier.finish().label); // it is in the answer
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct Classifier<'m> {
    model: &'m Model<'m>,
    state: State<'m>,
    reading: Reading,
}

impl<'m> Classifier<'m> {
    /// A classifier at the start of a text.
    ///
    /// # Errors
    /// [`OpenError::Memory`] if the model needs more bytes than `memory` has.
    pub fn new<const BYTES: usize>(
        model: &'m Model<'m>,
        memory: &'m mut Memory<BYTES>,
    ) -> Result<Self, OpenError> {
        Self::within(model, memory.as_mut())
    }

    /// Like [`Self::new`], in memory of a size known only at run time, aligned to 4 bytes or, better, 16.
    ///
    /// # Errors
    /// Like [`Self::new`], and [`OpenError::Misaligned`].
    #[inline(never)]
    pub fn within(model: &'m Model<'m>, memory: &'m mut [u8]) -> Result<Self, OpenError> {
        let mut state = State::carve(memory, &model.requirements(), Context::new())?;
        state.reset();
        Ok(Self { model, state, reading: Reading::new(model) })
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &'m Model<'m> {
        self.model
    }

    /// Takes the next bytes of the text, cut anywhere; `tell` is called with each word that ends in them and the
    /// prediction after it.
    pub fn feed(&mut self, bytes: &[u8], mut tell: impl FnMut(&Word, Prediction)) {
        self.feed_to(bytes, &mut tell);
    }

    /// Like [`Self::feed`], in one copy of the code.
    pub(crate) fn feed_to(&mut self, bytes: &[u8], tell: &mut Tell<'_>) {
        self.reading.feed(self.model, &mut self.state, bytes, tell);
    }

    /// Ends the text and returns its answer, which includes the last word; the next byte starts a new text.
    pub fn finish(&mut self) -> Answer<'m> {
        self.finish_with(|_, _| {})
    }

    /// Like [`Self::finish`]; `tell` is called with the last word if it had not ended.
    pub fn finish_with(&mut self, mut tell: impl FnMut(&Word, Prediction)) -> Answer<'m> {
        let conclusion = self.conclude(&mut tell);
        answer(self.model, conclusion)
    }

    /// Like [`Self::finish_with`], without the label.
    pub(crate) fn conclude(&mut self, tell: &mut Tell<'_>) -> Conclusion {
        self.reading.finish(self.model, &mut self.state, tell)
    }

    /// Returns the answer to a whole text; a text that was being fed is dropped.
    #[must_use]
    pub fn classify(&mut self, text: &str) -> Answer<'m> {
        self.reset();
        self.feed(text.as_bytes(), |_, _| {});
        self.finish()
    }

    /// Drops the text: the next byte starts a new one.
    pub fn reset(&mut self) {
        self.reading.reset(&mut self.state);
    }

    /// Sets whether predictions carry trace hashes.
    pub const fn set_tracing(&mut self, tracing: bool) {
        self.reading.tracing = tracing;
    }

    /// Replaces the model's early-exit rule; with `None` every word is read. Call it between texts.
    pub const fn set_early_exit(&mut self, rule: Option<Rule>) {
        self.reading.set_early_exit(rule);
    }

    /// Checks this machine's arithmetic: reads the model's self-test and compares the trace hash after its
    /// last word. A text that was being fed is dropped.
    ///
    /// # Errors
    /// [`OpenError::SelfTest`] with the lower halves of the hashes.
    pub fn self_test(&mut self) -> Result<(), OpenError> {
        self.reading.self_test(self.model, &mut self.state)
    }

    /// The number of bytes that [`Self::save`] writes, always the same for a model.
    #[must_use]
    pub fn saved_bytes(&self) -> usize {
        saved::bytes(&self.state)
    }

    /// Saves the state of the text, even in the middle of a word or character. Returns the bytes written.
    ///
    /// # Errors
    /// [`StateError::BufferTooSmall`] with the size needed.
    pub fn save<'b>(&self, buffer: &'b mut [u8]) -> Result<&'b [u8], StateError> {
        saved::save(self.model, &self.reading, &self.state, buffer)
    }

    /// Resumes a text that was [saved](Self::save) with the same model, on any machine.
    ///
    /// # Errors
    /// [`StateError`] if the bytes are not a state of this model; nothing is changed then.
    pub fn restore(&mut self, saved: &[u8]) -> Result<(), StateError> {
        saved::restore(self.model, &mut self.reading, &mut self.state, saved)
    }
}

/// Reads texts with a model and memory of its own, for statics, tasks and other languages.
///
/// `M` is [`Memory`], or any other block of bytes on a boundary of 4, such as `&'static mut [u8]`.
///
/// ```no_run
/// # static MODEL: &[u8] = &[];
/// # fn read() -> Result<(), telltale::OpenError> {
/// let mut classifier = telltale::OwnedClassifier::new(MODEL, telltale::Memory::<1088>::new())?;
/// println!("{}", classifier.classify("slow, but superb").label);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct OwnedClassifier<M> {
    model: Model<'static>,
    requirements: Requirements,
    context: Context,
    reading: Reading,
    memory: M,
}

impl<M: AsMut<[u8]>> OwnedClassifier<M> {
    /// A classifier at the start of a text.
    ///
    /// # Errors
    /// Like [`Model::open`] and [`Classifier::within`].
    pub fn new(model: &'static [u8], memory: M) -> Result<Self, OpenError> {
        let mut classifier = Self::empty(memory);
        classifier.open(model)?;
        Ok(classifier)
    }

    /// A classifier without a model, whose texts have no words: a place to [open](Self::open) one in.
    #[must_use]
    pub fn empty(memory: M) -> Self {
        let model = Model::empty();
        let reading = Reading::new(&model);
        Self { model, requirements: Requirements::default(), context: Context::new(), reading, memory }
    }

    /// Opens a model, in place. After an error the classifier is empty.
    ///
    /// # Errors
    /// Like [`Self::new`].
    pub fn open(&mut self, model: &'static [u8]) -> Result<(), OpenError> {
        let result = self.try_open(model);
        if result.is_err() {
            self.model.clear();
            self.requirements = Requirements::default();
        }
        self.reading = Reading::new(&self.model);
        self.context = Context::new();
        result
    }

    fn try_open(&mut self, model: &'static [u8]) -> Result<(), OpenError> {
        self.model.clear();
        self.model.read_whole(model)?;
        self.requirements = self.model.requirements();
        State::carve(self.memory.as_mut(), &self.requirements, Context::new())?.reset();
        Ok(())
    }

    /// The model.
    #[must_use]
    pub const fn model(&self) -> &Model<'static> {
        &self.model
    }

    fn act<T>(&mut self, act: impl FnOnce(&Model<'static>, &mut Reading, &mut State<'_>) -> T) -> T {
        let state = State::carve(self.memory.as_mut(), &self.requirements, self.context);
        let mut state = state.unwrap_or_else(|_| State::nothing());
        let result = act(&self.model, &mut self.reading, &mut state);
        self.context = state.context;
        result
    }

    /// Like [`Classifier::feed`].
    pub fn feed(&mut self, bytes: &[u8], mut tell: impl FnMut(&Word, Prediction)) {
        self.act(|model, reading, state| reading.feed(model, state, bytes, &mut tell));
    }

    /// Like [`Classifier::finish`].
    pub fn finish(&mut self) -> Answer<'static> {
        self.finish_with(|_, _| {})
    }

    /// Like [`Classifier::finish_with`].
    pub fn finish_with(&mut self, mut tell: impl FnMut(&Word, Prediction)) -> Answer<'static> {
        let conclusion = self.act(|model, reading, state| reading.finish(model, state, &mut tell));
        answer(&self.model, conclusion)
    }

    /// Like [`Classifier::classify`].
    #[must_use]
    pub fn classify(&mut self, text: &str) -> Answer<'static> {
        self.reset();
        self.feed(text.as_bytes(), |_, _| {});
        self.finish()
    }

    /// Like [`Classifier::reset`].
    pub fn reset(&mut self) {
        self.act(|_, reading, state| reading.reset(state));
    }

    /// Like [`Classifier::set_tracing`].
    pub const fn set_tracing(&mut self, tracing: bool) {
        self.reading.tracing = tracing;
    }

    /// Like [`Classifier::set_early_exit`].
    pub const fn set_early_exit(&mut self, rule: Option<Rule>) {
        self.reading.set_early_exit(rule);
    }

    /// Like [`Classifier::self_test`].
    ///
    /// # Errors
    /// The same.
    pub fn self_test(&mut self) -> Result<(), OpenError> {
        self.act(|model, reading, state| reading.self_test(model, state))
    }

    /// Like [`Classifier::saved_bytes`].
    #[must_use]
    pub const fn saved_bytes(&self) -> usize {
        saved::bytes_of(&self.requirements)
    }

    /// Like [`Classifier::save`].
    ///
    /// # Errors
    /// The same.
    pub fn save<'b>(&mut self, buffer: &'b mut [u8]) -> Result<&'b [u8], StateError> {
        self.act(|model, reading, state| saved::save(model, reading, state, buffer))
    }

    /// Like [`Classifier::restore`].
    ///
    /// # Errors
    /// The same.
    pub fn restore(&mut self, saved: &[u8]) -> Result<(), StateError> {
        self.act(|model, reading, state| saved::restore(model, reading, state, saved))
    }
}

fn answer<'m>(model: &Model<'m>, conclusion: Conclusion) -> Answer<'m> {
    let Conclusion { class, probability, words, unknown, rejected } = conclusion;
    Answer { label: model.label(class), class, probability, words, unknown, rejected }
}
