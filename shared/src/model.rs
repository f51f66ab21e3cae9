//! The whole network: opened from a blob, stepped word by word.

use heapless::Vec;

use crate::blob::name::line;
use crate::blob::outline::next_section;
use crate::blob::{self, Error, Kind, Name, Outline, Part, Pooling, section_bytes};
use crate::cell::Layer;
use crate::early_exit::Rule;
use crate::embedding::Embedding;
use crate::fixed::{Mean, UNIT_MAX, Unit};
use crate::head::Head;
use crate::pooling::{self, Pooled};
use crate::vocab::Vocabulary;
use crate::wide::{Chain, Wide};

/// The most layers a network may have; more than one are a [part](crate::parts).
pub const MAX_LAYERS: usize = if cfg!(feature = "layers") { 4 } else { 1 };

/// A model borrowed from a blob that has been checked in full.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    blob: &'a [u8],
    outline: Outline<'a>,
    vocabulary: Vocabulary<'a>,
    embedding: Embedding<'a>,
    layers: Vec<Layer<'a>, MAX_LAYERS>,
    head: Head<'a>,
    #[cfg(feature = "wide")]
    wide: Option<Wide<'a>>,
    #[cfg(feature = "early-exit")]
    early_exit: Option<Rule>,
}

impl<'a> Model<'a> {
    /// Checks a blob and borrows the model in it.
    ///
    /// # Errors
    /// [`Error`] with what was found and what was expected.
    pub fn open(blob: &'a [u8]) -> Result<Self, Error> {
        blob::whole(blob)?;
        let mut model = Self::empty();
        model.read_region(blob)?;
        Ok(model)
    }

    /// No model yet.
    pub(crate) fn empty() -> Self {
        Self {
            blob: &[],
            outline: Outline::empty(),
            vocabulary: Vocabulary::default(),
            embedding: Embedding::default(),
            layers: Vec::new(),
            head: Head::default(),
            #[cfg(feature = "wide")]
            wide: None,
            #[cfg(feature = "early-exit")]
            early_exit: None,
        }
    }

    /// Becomes, in place, the model at the start of a region; after an error it is good for nothing.
    ///
    /// # Errors
    /// As [`Self::open`].
    #[inline(never)]
    pub(crate) fn read_region(&mut self, region: &'a [u8]) -> Result<(), Error> {
        let mut part = Part::new(&[], Name::Manifest);
        self.blob = blob::enter(region, &mut part);
        self.outline.take(&mut part);
        let mut table = self.outline.table();
        while part.is_sound() && !table.rest().is_empty() {
            let section = next_section(&mut table);
            match section_bytes(self.blob, &section) {
                Ok(bytes) => self.take(section.kind, bytes, &mut part),
                Err(error) => part.fail(error),
            }
        }
        self.check_shapes(&mut part);
        part.so_far()
    }

    /// Reads a section; errors are the part's.
    #[inline(never)]
    fn take(&mut self, kind: u8, bytes: &'a [u8], part: &mut Part<'a>) {
        part.enter(bytes, Name::Vocabulary);
        match kind {
            kind if kind == Kind::Vocabulary as u8 => self.vocabulary = Vocabulary::read(part),
            kind if kind == Kind::Embedding as u8 || kind == Kind::Folded as u8 => {
                part.rename(Name::Embedding);
                // A layer is proven for the embedding before it.
                if !self.layers.is_empty() {
                    part.fail(Error::Content(Name::SectionTable, kind.into(), Kind::Layer as u32));
                }
                self.embedding = Embedding::read(part, kind == Kind::Folded as u8);
            }
            kind if kind == Kind::Head as u8 => {
                part.rename(Name::Head);
                self.head = Head::read(part);
            }
            #[cfg(feature = "early-exit")]
            kind if kind == Kind::EarlyExit as u8 => {
                part.rename(Name::EarlyExit);
                self.early_exit = Some(Rule::read(part));
            }
            #[cfg(feature = "wide")]
            kind if kind == Kind::Wide as u8 => {
                part.rename(Name::Wide);
                self.wide = Some(Wide::read(part));
            }
            kind if kind == Kind::Layer as u8 => {
                part.rename(Name::Layer);
                let first = self.layers.is_empty();
                if first && self.embedding.count() == 0 {
                    part.fail(Error::Missing(Name::Embedding));
                }
                part.need(first || cfg!(feature = "layers"), Name::Layers);
                let layer = Layer::read(part, first.then(|| self.embedding.limit()));
                if self.layers.push(layer).is_err() {
                    part.content(MAX_LAYERS as u32 + 1, MAX_LAYERS as u32);
                }
            }
            kind => {
                part.need(kind != Kind::EarlyExit as u8, Name::EarlyExit);
                part.need(kind != Kind::Wide as u8, Name::Wide);
                return;
            }
        }
        part.close();
    }

    /// Every part is there, and its width is its neighbour's.
    #[inline(always)]
    fn check_shapes(&self, part: &mut Part<'a>) {
        let labels = self.labels().count();
        let (vocabulary, embedding, head) = (&self.vocabulary, &self.embedding, &self.head);
        pooling::need(self.outline.pooling, part);
        part.rename(Name::Vocabulary);
        part.require(!vocabulary.is_missing());
        part.rename(Name::Head);
        part.require(head.classes() > 0);
        part.rename(Name::Layer);
        part.require(!self.layers.is_empty());
        part.rename(Name::Embedding);
        part.require(embedding.count() > 0);
        part.fits(embedding.count(), vocabulary.len() as usize + 1);
        let mut width = embedding.width();
        if let (true, Some(first)) = (embedding.is_folded(), self.layers.first()) {
            part.fits(width, first.cell().gates() * first.hidden());
            width = 0;
        }
        part.rename(Name::Layer);
        for layer in &self.layers {
            part.fits(layer.inputs(), width);
            width = layer.hidden();
        }
        part.rename(Name::Head);
        part.fits(head.inputs(), width);
        part.fits(head.classes(), labels);
        if let Some(wide) = self.wide()
            && (wide.columns(), labels) != (1, 2)
        {
            part.rename(Name::Wide);
            part.fits(wide.columns(), labels);
        }
    }

    /// Options, pooling, self-test.
    #[must_use]
    pub const fn outline(&self) -> &Outline<'a> {
        &self.outline
    }

    /// All that the manifest says.
    ///
    /// # Errors
    /// None of a model that has been opened.
    #[cfg(feature = "std")]
    pub fn manifest(&self) -> Result<blob::Manifest<'a>, Error> {
        blob::manifest(self.blob)
    }

    /// The [parts](crate::parts) that a reader of the model needs, as features are called, each once.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn parts(&self) -> std::vec::Vec<&'static str> {
        let mut parts: std::vec::Vec<_> = self.layers.iter().map(|layer| layer.cell().name()).collect();
        parts.sort_unstable();
        parts.dedup();
        let more = [
            ("layers", self.layers.len() > 1),
            ("mean", self.outline.pooling == Pooling::Mean),
            ("max", self.outline.pooling == Pooling::Max),
            ("hidden", self.head.hidden() > 0),
            ("classes", self.head.classes() > 2),
            ("wide", self.wide.is_some()),
            ("early-exit", self.early_exit().is_some()),
            ("i4", self.embedding.bits() == 4),
            ("fold", self.embedding.is_folded()),
        ];
        parts.extend(more.iter().filter(|(_, needed)| *needed).map(|(name, _)| *name));
        parts
    }

    /// The CRC-32 by which the model is known.
    #[must_use]
    pub fn digest(&self) -> u32 {
        blob::digest(self.blob)
    }

    /// The blob.
    #[must_use]
    pub const fn blob(&self) -> &'a [u8] {
        self.blob
    }

    /// The blob's length in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.blob.len()
    }

    /// The vocabulary.
    #[must_use]
    pub const fn vocabulary(&self) -> &Vocabulary<'a> {
        &self.vocabulary
    }

    /// The embedding table.
    #[must_use]
    pub const fn embedding(&self) -> &Embedding<'a> {
        &self.embedding
    }

    /// The recurrent layers, the lowest first.
    #[must_use]
    pub fn layers(&self) -> &[Layer<'a>] {
        &self.layers
    }

    /// The head.
    #[must_use]
    pub const fn head(&self) -> &Head<'a> {
        &self.head
    }

    /// The n-grams beside the network, if there are any.
    #[must_use]
    pub const fn wide(&self) -> Option<&Wide<'a>> {
        #[cfg(feature = "wide")]
        let wide = self.wide.as_ref();
        #[cfg(not(feature = "wide"))]
        let wide = None;
        wide
    }

    /// The network by itself: the same model without the n-grams beside it. Its traces, and so the self-test,
    /// are others.
    #[must_use]
    pub fn without_wide(&self) -> Self {
        Self {
            #[cfg(feature = "wide")]
            wide: None,
            ..self.clone()
        }
    }

    /// When the rest of a text need not be read, if the model has such a rule.
    #[must_use]
    pub const fn early_exit(&self) -> Option<Rule> {
        #[cfg(feature = "early-exit")]
        let rule = self.early_exit;
        #[cfg(not(feature = "early-exit"))]
        let rule = None;
        rule
    }

    /// The label of a class.
    #[must_use]
    pub fn label(&self, class: usize) -> &'a [u8] {
        line(self.outline.labels, class)
    }

    /// The labels of all classes, in order, in UTF-8.
    pub fn labels(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.outline.labels.split(|&byte| byte == b'\n')
    }

    /// The labels of all classes, in order.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn label_texts(&self) -> std::vec::Vec<&'a str> {
        self.labels().map(|label| core::str::from_utf8(label).unwrap_or("")).collect()
    }

    /// Multiply-accumulates a word costs in the layers, and in the head.
    #[must_use]
    pub fn macs(&self) -> (usize, usize) {
        let (inputs, classes) = (self.head.inputs(), self.head.classes());
        let head = match self.head.hidden() {
            0 => inputs * classes,
            hidden => hidden * (inputs + classes),
        };
        (self.layers.iter().map(Layer::macs).sum(), head)
    }

    /// The capacities that a [`State`] and a [`Scratch`] need.
    #[must_use]
    pub fn needs(&self) -> Needs {
        let (mut input, mut sums) = self.head.scratch();
        let (mut units, mut whole_sums) = (0, sums);
        for layer in &self.layers {
            let (x, y) = layer.scratch();
            input = input.max(x);
            sums = sums.max(y);
            whole_sums = whole_sums.max(layer.whole_sums());
            units += layer.units();
        }
        Needs { units, pool: self.pool_size() + self.votes(), input, sums, whole_sums }
    }

    const fn pool_size(&self) -> usize {
        match self.outline.pooling {
            Pooling::Last => 0,
            Pooling::Mean | Pooling::Max => self.head.inputs(),
        }
    }

    /// The sums that the wide part keeps of a text.
    pub(crate) fn votes(&self) -> usize {
        self.wide().map_or(0, Wide::columns)
    }

    /// Reads one word by its [hash](crate::text::Word::hash): [`Self::note`], then [`Self::step`]; the word's id.
    pub fn read<const UNITS: usize, const POOL: usize, const INPUT: usize, const SUMS: usize>(
        &self,
        hash: u32,
        state: &mut State<UNITS, POOL>,
        scratch: &mut Scratch<INPUT, SUMS>,
    ) -> u32 {
        let id = self.vocabulary.id(hash);
        self.note(hash, state);
        self.step(id, state, scratch);
        id
    }

    /// The wide part's share of a word, before [`Self::step`] takes the network's; nothing where a model has
    /// no wide part.
    pub fn note<const UNITS: usize, const POOL: usize>(&self, hash: u32, state: &mut State<UNITS, POOL>) {
        let Some(wide) = self.wide() else { return };
        let State { pool, chain, votes, words, .. } = state;
        let start = pool.len().saturating_sub(*votes);
        wide.take(hash, *words, chain, pool.get_mut(start..).unwrap_or(&mut []));
    }

    /// The network's share of a word: the state moves on.
    pub fn step<const UNITS: usize, const POOL: usize, const INPUT: usize, const SUMS: usize>(
        &self,
        id: u32,
        state: &mut State<UNITS, POOL>,
        scratch: &mut Scratch<INPUT, SUMS>,
    ) {
        let (x, y) = (&mut scratch.x.0[..], &mut scratch.y[..]);
        self.embedding.look_up(id, x);
        let mut rest = &mut state.units[..];
        for (at, layer) in self.layers.iter().enumerate() {
            let Some((units, above)) = rest.split_at_mut_checked(layer.units()) else { return };
            layer.step(x, y, units, |first, sums| self.embedding.add(id, first, sums));
            if let Some(next) = self.layers.get(at + 1)
                && cfg!(feature = "layers")
            {
                next.take_input(units, x);
            }
            rest = above;
        }
        state.words = state.words.saturating_add(1);
        pooling::take(self.outline.pooling, &mut state.pool, self.top(&state.units), state.words);
    }

    /// The hidden state of the last layer.
    fn top<'s>(&self, units: &'s [i16]) -> &'s [i16] {
        let own = self.layers.last().map_or(0, Layer::units);
        let start = units.len().saturating_sub(own);
        units.get(start..).and_then(|own| own.get(..self.head.inputs())).unwrap_or(&[])
    }

    /// The pooled state \[H\], zero before the first word.
    pub fn pooled<'s, const UNITS: usize, const POOL: usize>(
        &self,
        state: &'s State<UNITS, POOL>,
    ) -> Pooled<'s> {
        match self.outline.pooling {
            Pooling::Last => Pooled::Units(self.top(&state.units)),
            Pooling::Max => Pooled::Maxima(state.pooled()),
            Pooling::Mean => Pooled::Means(state.pooled()),
        }
    }

    /// The class scores after the words read so far, in steps of 2⁻¹².
    pub fn scores<'s, const UNITS: usize, const POOL: usize, const INPUT: usize, const SUMS: usize>(
        &self,
        state: &State<UNITS, POOL>,
        scratch: &'s mut Scratch<INPUT, SUMS>,
    ) -> &'s [i32] {
        let scores = self.head.scores(self.pooled(state), &mut scratch.x.0, &mut scratch.y);
        if let Some(wide) = self.wide() {
            wide.add(state.votes(), state.words, scores);
        }
        scores
    }

    /// The trace hash of (`id`, state, pooled state, `scores`): FNV-1a, 64 bits, over their little-endian
    /// bytes: u32, \[units\] i16 layer by layer, \[H\] i16, the wide part's \[K\] i32 if there is one, \[C\] i32.
    #[must_use]
    pub fn trace<const UNITS: usize, const POOL: usize>(
        &self,
        id: u32,
        state: &State<UNITS, POOL>,
        scores: &[i32],
    ) -> u64 {
        /// Takes the `count` lower bytes of a number.
        #[inline(never)]
        fn take(hash: u64, number: u32, count: usize) -> u64 {
            let bytes = number.to_le_bytes().into_iter().take(count);
            bytes.fold(hash, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01B3))
        }
        let unit = |hash, unit: i16| take(hash, i32::from(unit).cast_unsigned(), 2);
        let sum = |hash, sum: &i32| take(hash, sum.cast_unsigned(), 4);
        let hash = take(0xCBF2_9CE4_8422_2325, id, 4);
        let hash = state.units.iter().copied().fold(hash, unit);
        let hash = self.pooled(state).units().fold(hash, unit);
        let hash = state.votes().iter().fold(hash, sum);
        scores.iter().fold(hash, sum)
    }
}

/// The capacities a model needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Needs {
    /// i16 of state, over all layers.
    pub units: usize,
    /// i32 of pooling, and of the wide part.
    pub pool: usize,
    /// i16 of activations.
    pub input: usize,
    /// i32 of sums.
    pub sums: usize,
    /// i32 of sums with which no GRU is updated in [blocks](crate::cell::BLOCK), which is faster.
    pub whole_sums: usize,
}

impl Needs {
    /// Bytes of a [`State`]'s units and pool.
    #[must_use]
    pub const fn state_bytes(&self) -> usize {
        2 * self.units + 4 * self.pool
    }

    /// Bytes of a [`Scratch`].
    #[must_use]
    pub const fn scratch_bytes(&self) -> usize {
        2 * self.input + 4 * self.sums
    }
}

/// What is remembered of a text: it can be copied, saved, restored and reset, apart from the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct State<const UNITS: usize, const POOL: usize> {
    units: Vec<i16, UNITS>,
    /// Of pooling, then the wide part's votes.
    pool: Vec<i32, POOL>,
    /// How many of `pool` are votes.
    votes: usize,
    chain: Chain,
    /// Words read, at most 65,535.
    words: u16,
}

impl<const UNITS: usize, const POOL: usize> State<UNITS, POOL> {
    /// A state of no model: the capacity, reserved.
    #[must_use]
    pub const fn empty() -> Self {
        Self { units: Vec::new(), pool: Vec::new(), votes: 0, chain: [0; 2], words: 0 }
    }

    /// The state of a model at the start of a text.
    ///
    /// # Errors
    /// [`Error::Capacity`] if the model needs more than `UNITS` or `POOL`.
    pub fn new(model: &Model<'_>) -> Result<Self, Error> {
        let mut state = Self::empty();
        state.fit(model)?;
        Ok(state)
    }

    /// Becomes, in place, the state of a model at the start of a text.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn fit(&mut self, model: &Model<'_>) -> Result<(), Error> {
        self.fit_needs(&model.needs(), model.votes())
    }

    /// As [`Self::fit`], for a model that needs this.
    pub(crate) fn fit_needs(
        &mut self,
        &Needs { units, pool, .. }: &Needs,
        votes: usize,
    ) -> Result<(), Error> {
        self.units
            .resize_default(units)
            .map_err(|_| Error::Capacity(Name::Units, units as u32, UNITS as u32))?;
        self.pool.resize_default(pool).map_err(|_| Error::Capacity(Name::Pool, pool as u32, POOL as u32))?;
        self.votes = votes;
        self.reset();
        Ok(())
    }

    fn pooled(&self) -> &[i32] {
        if !cfg!(feature = "wide") {
            return &self.pool;
        }
        self.pool.get(..self.pool.len().saturating_sub(self.votes)).unwrap_or(&[])
    }

    fn votes(&self) -> &[i32] {
        if !cfg!(feature = "wide") {
            return &[];
        }
        self.pool.get(self.pool.len().saturating_sub(self.votes)..).unwrap_or(&[])
    }

    /// Back to the start of a text.
    #[inline(never)]
    pub fn reset(&mut self) {
        self.units.fill(0);
        self.pool.fill(0);
        self.chain.fill(0);
        self.words = 0;
    }

    /// Words read, at most 65,535.
    #[must_use]
    pub const fn words(&self) -> u16 {
        self.words
    }

    /// Bytes that [`Self::save`] writes.
    #[must_use]
    pub fn saved_bytes(&self) -> usize {
        size_of::<u16>() + size_of::<Chain>() + 2 * self.units.len() + 4 * self.pool.len()
    }

    /// Writes the state as little-endian bytes: words u16, the keys of the last n-grams u32, units
    /// i16, pool and votes i32. `None` if `to` is
    /// shorter than [`Self::saved_bytes`]; otherwise the bytes written.
    pub fn save(&self, to: &mut [u8]) -> Option<usize> {
        let to = to.get_mut(..self.saved_bytes())?;
        let units = self.units.iter().flat_map(|unit| unit.to_le_bytes());
        let pool = self.pool.iter().flat_map(|unit| unit.to_le_bytes());
        let chain = self.chain.iter().flat_map(|key| key.to_le_bytes());
        let all = self.words.to_le_bytes().into_iter().chain(chain).chain(units).chain(pool);
        for (to, byte) in to.iter_mut().zip(all) {
            *to = byte;
        }
        Some(to.len())
    }

    /// Takes a saved state of the same model; `None`, and nothing changed, if the length differs or a
    /// number is out of range.
    pub fn restore(&mut self, from: &[u8]) -> Option<()> {
        if from.len() != self.saved_bytes() {
            return None;
        }
        let (words, rest) = from.split_first_chunk::<2>()?;
        let (chain, rest) = rest.split_at_checked(size_of::<Chain>())?;
        let (units, pool) = rest.split_at_checked(2 * self.units.len())?;
        let range = -1 << Mean::FRAC_NBITS..=UNIT_MAX << (Mean::FRAC_NBITS - Unit::FRAC_NBITS);
        let (units, pool) = (units.as_chunks::<2>().0, pool.as_chunks::<4>().0);
        let mut pooled = pool.iter().take(self.pooled().len());
        if !pooled.all(|bytes| range.contains(&i32::from_le_bytes(*bytes))) {
            return None;
        }
        self.words = u16::from_le_bytes(*words);
        let chain = chain.as_chunks::<4>().0;
        self.chain.iter_mut().zip(chain).for_each(|(to, bytes)| *to = u32::from_le_bytes(*bytes));
        self.units.iter_mut().zip(units).for_each(|(to, bytes)| *to = i16::from_le_bytes(*bytes));
        self.pool.iter_mut().zip(pool).for_each(|(to, bytes)| *to = i32::from_le_bytes(*bytes));
        Some(())
    }
}

/// Activations start on a 16-byte boundary, as vector loads like it.
#[derive(Clone, Debug)]
#[repr(C, align(16))]
struct Aligned<const N: usize>([i16; N]);

/// Working memory of a step: one serves any number of states.
#[derive(Clone, Debug)]
pub struct Scratch<const INPUT: usize, const SUMS: usize> {
    x: Aligned<INPUT>,
    y: [i32; SUMS],
}

impl<const INPUT: usize, const SUMS: usize> Scratch<INPUT, SUMS> {
    /// Zeroed memory.
    #[must_use]
    pub const fn new() -> Self {
        Self { x: Aligned([0; INPUT]), y: [0; SUMS] }
    }

    /// Checks that a model's steps fit.
    ///
    /// # Errors
    /// [`Error::Capacity`] if the model needs more than `INPUT` or `SUMS`.
    pub fn check(model: &Model<'_>) -> Result<(), Error> {
        Self::check_needs(&model.needs())
    }

    /// As [`Self::check`], for a model that needs this.
    pub(crate) fn check_needs(needs: &Needs) -> Result<(), Error> {
        if needs.input > INPUT {
            return Err(Error::Capacity(Name::Input, needs.input as u32, INPUT as u32));
        }
        if needs.sums > SUMS {
            return Err(Error::Capacity(Name::Sums, needs.sums as u32, SUMS as u32));
        }
        Ok(())
    }
}

impl<const INPUT: usize, const SUMS: usize> Default for Scratch<INPUT, SUMS> {
    fn default() -> Self {
        Self::new()
    }
}
