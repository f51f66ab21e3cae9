//! The whole network: opened from a model file, stepped word by word.

mod requirements;
mod state;
mod step;
mod trace;

pub use requirements::Requirements;
pub use state::{Context, State};

use heapless::Vec;

use crate::cell::Layer;
use crate::early_exit::Rule;
use crate::embedding::Embedding;
#[cfg(feature = "std")]
use crate::format::Pooling;
use crate::format::manifest_view::next_section;
use crate::format::{self, Kind, ManifestView, OpenError, SectionReader, Subject, section_bytes};
use crate::head::Head;
use crate::ngrams::Ngrams;
use crate::pooling;
use crate::prediction::Class;
use crate::rejection::Rejection;
use crate::vocab::Vocabulary;

/// The most layers of a network; more than one requires a [feature](crate#features).
pub const MAX_LAYERS: usize = if cfg!(feature = "layers") { 4 } else { 1 };

/// A model borrowed from its file, which has been checked in full.
#[derive(Clone, Debug)]
pub struct Model<'a> {
    file: &'a [u8],
    manifest: ManifestView<'a>,
    vocabulary: Vocabulary<'a>,
    embedding: Embedding<'a>,
    layers: Vec<Layer<'a>, MAX_LAYERS>,
    head: Head<'a>,
    #[cfg(feature = "ngrams")]
    ngrams: Option<Ngrams<'a>>,
    #[cfg(feature = "early-exit")]
    early_exit: Option<Rule>,
    #[cfg(feature = "rejection")]
    rejection: Option<Rejection>,
}

impl<'a> Model<'a> {
    /// Checks a model's file, on a 16-byte boundary, and borrows the model in it.
    ///
    /// # Errors
    /// [`OpenError`] with what was found and what was expected.
    pub fn open(file: &'a [u8]) -> Result<Self, OpenError> {
        let mut model = Self::empty();
        model.read_whole(file)?;
        Ok(model)
    }

    /// Like [`Self::open`], in place; after an error the model is unusable.
    ///
    /// # Errors
    /// Like [`Self::open`].
    pub(crate) fn read_whole(&mut self, file: &'a [u8]) -> Result<(), OpenError> {
        format::whole(file)?;
        self.read_region(file)
    }

    /// No model yet.
    pub(crate) fn empty() -> Self {
        Self {
            file: &[],
            manifest: ManifestView::empty(),
            vocabulary: Vocabulary::default(),
            embedding: Embedding::default(),
            layers: Vec::new(),
            head: Head::default(),
            #[cfg(feature = "ngrams")]
            ngrams: None,
            #[cfg(feature = "early-exit")]
            early_exit: None,
            #[cfg(feature = "rejection")]
            rejection: None,
        }
    }

    /// Back to no model.
    pub(crate) fn clear(&mut self) {
        *self = Self::empty();
    }

    /// Becomes, in place, the model at the start of a region; after an error it is unusable.
    ///
    /// # Errors
    /// Like [`Self::open`].
    #[inline(never)]
    pub(crate) fn read_region(&mut self, region: &'a [u8]) -> Result<(), OpenError> {
        let mut reader = self.read_content(region, SectionReader::new(&[], Subject::Manifest));
        reader.rename(Subject::Header);
        reader.fits(format::memory_bytes(self.file) as usize, self.requirements().memory_bytes());
        reader.so_far()
    }

    /// The requirements of a model whose header does not state them yet.
    ///
    /// # Errors
    /// Like [`Self::open`], except for the header's memory.
    #[cfg(feature = "std")]
    pub(crate) fn requirements_of(region: &'a [u8]) -> Result<Requirements, OpenError> {
        let mut model = Self::empty();
        model.read_content(region, SectionReader::new(&[], Subject::Manifest)).so_far()?;
        Ok(model.requirements())
    }

    /// A model laid out for any core, of which only the places of maps may be used.
    ///
    /// # Errors
    /// Like [`Self::open`], without the proofs of maps.
    #[cfg(feature = "std")]
    pub(crate) fn of_any_layout(file: &'a [u8]) -> Result<Self, OpenError> {
        format::whole(file)?;
        let mut model = Self::empty();
        model.read_content(file, SectionReader::new(&[], Subject::Manifest).of_any_layout()).so_far()?;
        Ok(model)
    }

    /// Reads and checks all sections; errors are the reader's.
    #[inline(always)]
    fn read_content(&mut self, region: &'a [u8], mut reader: SectionReader<'a>) -> SectionReader<'a> {
        self.file = format::enter(region, &mut reader);
        self.manifest.take(&mut reader);
        let mut table = self.manifest.table();
        while reader.is_sound() && !table.rest().is_empty() {
            let section = next_section(&mut table);
            match section_bytes(self.file, &section) {
                Ok(bytes) => self.take(section.kind, bytes, &mut reader),
                Err(error) => reader.fail(error),
            }
        }
        self.check_shapes(&mut reader);
        reader
    }

    /// Reads a section; errors are the reader's.
    #[inline(never)]
    fn take(&mut self, kind: u8, bytes: &'a [u8], reader: &mut SectionReader<'a>) {
        reader.enter(bytes, Subject::Vocabulary);
        match kind {
            kind if kind == Kind::Vocabulary as u8 => self.vocabulary = Vocabulary::read(reader),
            kind if kind == Kind::Embedding as u8 || kind == Kind::Folded as u8 => {
                reader.rename(Subject::Embedding);
                // A layer is proven for the embedding that precedes it.
                if !self.layers.is_empty() {
                    reader.fail(OpenError::Content(
                        Subject::SectionTable,
                        kind.into(),
                        [Kind::Layer as u32; 2],
                    ));
                }
                self.embedding = Embedding::read(reader, kind == Kind::Folded as u8);
            }
            kind if kind == Kind::Head as u8 => {
                reader.rename(Subject::Head);
                self.head = Head::read(reader);
            }
            #[cfg(feature = "early-exit")]
            kind if kind == Kind::EarlyExit as u8 => {
                reader.rename(Subject::EarlyExit);
                self.early_exit = Some(Rule::read(reader));
            }
            #[cfg(feature = "rejection")]
            kind if kind == Kind::Rejection as u8 => {
                reader.rename(Subject::Rejection);
                self.rejection = Some(Rejection::read(reader));
            }
            #[cfg(feature = "ngrams")]
            kind if kind == Kind::Ngrams as u8 => {
                reader.rename(Subject::Ngrams);
                self.ngrams = Some(Ngrams::read(reader));
            }
            kind if kind == Kind::Layer as u8 => {
                reader.rename(Subject::Layer);
                let first = self.layers.is_empty();
                if first && self.embedding.count() == 0 {
                    reader.fail(OpenError::Missing(Subject::Embedding));
                }
                reader.need(first || cfg!(feature = "layers"), Subject::Layers);
                let layer = Layer::read(reader, first.then(|| self.embedding.limit()));
                if self.layers.push(layer).is_err() {
                    reader.outside(MAX_LAYERS as u32 + 1, 1, MAX_LAYERS as u32);
                }
            }
            kind => {
                reader.need(kind != Kind::EarlyExit as u8, Subject::EarlyExit);
                reader.need(kind != Kind::Ngrams as u8, Subject::Ngrams);
                reader.need(kind != Kind::Rejection as u8, Subject::Rejection);
                return;
            }
        }
        reader.close();
    }

    /// Checks that every part is there, and that widths of neighbours match.
    #[inline(always)]
    fn check_shapes(&self, reader: &mut SectionReader<'a>) {
        let labels = self.label_lines().count();
        let (vocabulary, embedding, head) = (&self.vocabulary, &self.embedding, &self.head);
        pooling::need(self.manifest.pooling, reader);
        reader.rename(Subject::Vocabulary);
        reader.require(!vocabulary.is_missing());
        reader.rename(Subject::Head);
        reader.require(head.classes() > 0);
        reader.rename(Subject::Layer);
        reader.require(!self.layers.is_empty());
        reader.rename(Subject::Embedding);
        reader.require(embedding.count() > 0);
        reader.fits(embedding.count(), vocabulary.len() as usize + 1);
        let mut width = embedding.width();
        if let (true, Some(first)) = (embedding.is_folded(), self.layers.first()) {
            reader.fits(width, first.cell().gates() * first.hidden());
            width = 0;
        }
        reader.rename(Subject::Layer);
        for layer in &self.layers {
            reader.fits(layer.inputs(), width);
            width = layer.hidden();
        }
        reader.rename(Subject::Head);
        reader.fits(head.inputs(), width);
        reader.fits(head.classes(), labels);
        if let Some(ngrams) = self.ngrams() {
            reader.rename(Subject::Ngrams);
            match ngrams.projected() {
                0 if ngrams.columns() + 1 == labels => {}
                0 => reader.fits(ngrams.columns(), labels),
                classes => reader.fits(classes, labels),
            }
        }
    }

    /// Options, pooling, self-test.
    #[must_use]
    pub const fn manifest_view(&self) -> &ManifestView<'a> {
        &self.manifest
    }

    /// The whole manifest.
    ///
    /// # Errors
    /// None for a model that has been opened.
    #[cfg(feature = "std")]
    pub fn manifest(&self) -> Result<format::Manifest<'a>, OpenError> {
        format::manifest(self.file)
    }

    /// The names of the cargo [features](crate#features) that a reader of the model needs, each once.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn features(&self) -> std::vec::Vec<&'static str> {
        let mut features: std::vec::Vec<_> = self.layers.iter().map(|layer| layer.cell().name()).collect();
        features.sort_unstable();
        features.dedup();
        let more = [
            ("layers", self.layers.len() > 1),
            ("mean", self.manifest.pooling == Pooling::Mean),
            ("max", self.manifest.pooling == Pooling::Max),
            ("hidden", self.head.hidden() > 0),
            ("classes", self.head.classes() > 2),
            ("ngrams", self.ngrams.is_some()),
            ("characters", self.ngrams.is_some_and(|ngrams| ngrams.orders().characters > 0)),
            ("projection", self.ngrams.is_some_and(|ngrams| ngrams.projected() > 0)),
            ("early-exit", self.early_exit().is_some()),
            ("rejection", self.rejection().is_some()),
            ("i4", self.embedding.bits() == 4),
            ("fold", self.embedding.is_folded()),
        ];
        features.extend(more.iter().filter(|(_, needed)| *needed).map(|(name, _)| *name));
        features
    }

    /// The CRC-32 that identifies the model.
    #[must_use]
    pub fn digest(&self) -> u32 {
        format::digest(self.file)
    }

    /// The file.
    #[must_use]
    pub const fn file(&self) -> &'a [u8] {
        self.file
    }

    /// The file's length in bytes.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.file.len()
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
    pub const fn ngrams(&self) -> Option<&Ngrams<'a>> {
        #[cfg(feature = "ngrams")]
        let ngrams = self.ngrams.as_ref();
        #[cfg(not(feature = "ngrams"))]
        let ngrams = None;
        ngrams
    }

    /// The network alone: the same model without its n-grams. Its traces, and so its self-test, differ.
    #[must_use]
    pub fn without_ngrams(&self) -> Self {
        Self {
            #[cfg(feature = "ngrams")]
            ngrams: None,
            ..self.clone()
        }
    }

    /// The early-exit rule, by which the rest of a text need not be read, if the model has one.
    #[must_use]
    pub const fn early_exit(&self) -> Option<Rule> {
        #[cfg(feature = "early-exit")]
        let rule = self.early_exit;
        #[cfg(not(feature = "early-exit"))]
        let rule = None;
        rule
    }

    /// The rejection rule, by which a text is none of the classes, if the model has one.
    #[must_use]
    pub const fn rejection(&self) -> Option<Rejection> {
        #[cfg(feature = "rejection")]
        let rule = self.rejection;
        #[cfg(not(feature = "rejection"))]
        let rule = None;
        rule
    }

    /// The label of a class.
    #[must_use]
    pub fn label(&self, class: Class) -> &'a str {
        core::str::from_utf8(self.label_bytes(class)).unwrap_or("")
    }

    /// The label of a class in UTF-8.
    pub(crate) fn label_bytes(&self, class: Class) -> &'a [u8] {
        self.manifest.label(class)
    }

    /// The labels of all classes, in order.
    pub fn labels(&self) -> impl Iterator<Item = &'a str> + use<'a> {
        self.label_lines().map(|label| core::str::from_utf8(label).unwrap_or(""))
    }

    fn label_lines(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        self.manifest.labels.split(|&byte| byte == b'\n')
    }
}
