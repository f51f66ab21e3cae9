//! Assembles header, manifest, sections, self-test.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use heapless::Vec as FixedVec;
use telltale::engine::format::{
    self, ALIGNMENT, HEADER_BYTES, Kind, Manifest, Metrics, Provenance, Section, SelfTest,
};
use telltale::engine::text::Options;
use telltale::{Classifier, Model};

use super::Sections;
use crate::aligned::AlignedBytes;
use crate::bytes::Bytes;
use crate::engine::memory_for;
use crate::model::config::Pooling;

/// The manifest's content beside the sections.
#[derive(Clone, Debug)]
pub struct Description {
    /// The labels in order; none contains a line feed.
    pub labels: Vec<String>,
    /// The tokeniser's options.
    pub text: Options,
    /// Pooling over time.
    pub pooling: Pooling,
    /// The corpus's name.
    pub corpus: String,
    /// Its SHA-256.
    pub digest: [u8; 32],
    /// The seed of everything random.
    pub seed: u64,
    /// Examples trained on.
    pub examples: usize,
    /// The text that the chip reads at start.
    pub self_test: String,
    /// What the model achieved.
    pub metrics: Metrics,
}

/// Assembles a model file, with a self-test computed by the engine itself.
///
/// # Errors
/// If the engine refuses what was written, which names the reason.
pub fn write_blob(description: &Description, vocabulary: &[u8], sections: &Sections) -> Result<AlignedBytes> {
    let draft = assemble(description, vocabulary, sections, 0)?;
    let trace = {
        let model = Model::open(&draft).context("the engine refuses the model that was written")?;
        self_test_trace(&model)?
    };
    let blob = assemble(description, vocabulary, sections, trace)?;
    verify(&blob)?;
    Ok(blob)
}

/// Assembles a model file with its metrics: `measure` receives it without them, and returns them and any other value.
///
/// # Errors
/// As [`write_blob`], and those of `measure`.
pub fn export<T>(
    description: &mut Description,
    vocabulary: &[u8],
    sections: &Sections,
    measure: impl FnOnce(&Model<'_>) -> Result<(Metrics, T)>,
) -> Result<(AlignedBytes, T)> {
    let draft = write_blob(description, vocabulary, sections)?;
    let (metrics, measured) = measure(&Model::open(&draft)?)?;
    description.metrics = metrics;
    Ok((write_blob(description, vocabulary, sections)?, measured))
}

/// Opens a model file with the engine and runs its self-test.
///
/// # Errors
/// If the engine refuses the file.
pub fn verify(blob: &[u8]) -> Result<()> {
    let model = Model::open(blob).context("the engine refuses the model that was written")?;
    Classifier::within(&model, &mut memory_for(&model))?
        .self_test()
        .context("the engine disagrees with itself")?;
    Ok(())
}

/// Writes a model to a file: under a temporary name, read back, verified, then renamed.
///
/// # Errors
/// If the folder cannot be written or what was read back is not what was written.
pub fn install(blob: &[u8], path: &Path) -> Result<()> {
    let context = || format!("cannot write the model {}", path.display());
    if crate::files::is_special(path) {
        return crate::files::write(path, blob);
    }
    let mut file = crate::files::temporary(path).with_context(context)?;
    file.as_file_mut().write_all(blob).with_context(context)?;
    let read = AlignedBytes::read(file.path())?;
    ensure!(*read == *blob, "{}: what was read back is not what was written", path.display());
    verify(&read).with_context(context)?;
    crate::files::persist(file, path)
}

fn self_test_trace(model: &Model<'_>) -> Result<u64> {
    let mut memory = memory_for(model);
    let mut classifier = Classifier::within(model, &mut memory)?;
    classifier.set_tracing(true);
    let mut last = 0;
    classifier.feed(model.manifest_view().self_test, |_, prediction| last = prediction.trace.unwrap_or(0));
    classifier.finish_with(|_, prediction| last = prediction.trace.unwrap_or(0));
    Ok(last)
}

/// A section to be written.
struct Part<'p> {
    kind: u8,
    required: bool,
    bytes: &'p [u8],
}

fn assemble(
    description: &Description,
    vocabulary: &[u8],
    sections: &Sections,
    trace: u64,
) -> Result<AlignedBytes> {
    let required = |kind: Kind, bytes| Part { kind: kind as u8, required: true, bytes };
    let embedding = if sections.folded { Kind::Folded } else { Kind::Embedding };
    let mut parts = vec![required(Kind::Vocabulary, vocabulary), required(embedding, &sections.embedding)];
    parts.extend(sections.layers.iter().map(|layer| required(Kind::Layer, layer)));
    parts.push(required(Kind::Head, &sections.head));
    parts.extend(sections.ngrams.as_ref().map(|ngrams| required(Kind::Ngrams, ngrams)));
    parts.extend(sections.optional.iter().map(|(kind, bytes)| Part { kind: *kind, required: false, bytes }));
    let labels = description.labels.join("\n");
    let manifest = Manifest {
        labels: &labels,
        text: description.text,
        pooling: description.pooling.engine(),
        provenance: Provenance {
            writer: concat!("telltale ", env!("CARGO_PKG_VERSION")),
            corpus: &description.corpus,
            digest: &description.digest,
            seed: description.seed,
            examples: description.examples as u32,
            metrics: description.metrics,
        },
        self_test: SelfTest { text: &description.self_test, trace: trace.to_le_bytes() },
        sections: FixedVec::new(),
    };
    lay_out(manifest, &parts)
}

/// A copy of a model file in which `bytes` is the only section of `kind`, a required one.
///
/// # Errors
/// If the file is unsound, or the engine refuses the result.
pub fn with_section(blob: &[u8], kind: Kind, bytes: &[u8]) -> Result<AlignedBytes> {
    format::open(blob)?;
    let mut manifest = format::manifest(blob)?;
    let sections = std::mem::take(&mut manifest.sections);
    let mut parts = Vec::new();
    for section in sections.iter().filter(|section| section.kind != kind as u8) {
        let bytes = format::section_bytes(blob, section)?;
        parts.push(Part { kind: section.kind, required: section.required, bytes });
    }
    parts.push(Part { kind: kind as u8, required: true, bytes });
    let written = lay_out(manifest, &parts)?;
    verify(&written)?;
    Ok(written)
}

/// Header, manifest with its section table, and the sections.
fn lay_out(mut manifest: Manifest<'_>, parts: &[Part<'_>]) -> Result<AlignedBytes> {
    // Offsets are varints: their sizes depend on the manifest's length, which depends on them. It
    // only grows from round to round, so it settles.
    let mut start = HEADER_BYTES;
    let encoded = loop {
        manifest.sections = table(parts, start)?;
        let encoded = postcard::to_stdvec(&manifest).context("the manifest cannot be encoded")?;
        if HEADER_BYTES + encoded.len() <= start {
            break encoded;
        }
        start = HEADER_BYTES + encoded.len();
    };
    let mut to = Bytes::default();
    to.bytes(&[0; HEADER_BYTES]);
    to.bytes(&encoded);
    for (part, section) in parts.iter().zip(&manifest.sections) {
        to.pad_to(section.offset as usize);
        to.bytes(part.bytes);
    }
    let mut blob = AlignedBytes::new(&to.into_vec());
    format::seal(&mut blob, encoded.len() as u32);
    Ok(blob)
}

/// The section table of `parts` if they start after `start`.
fn table(parts: &[Part<'_>], start: usize) -> Result<FixedVec<Section, { format::MAX_SECTIONS }>> {
    let mut offset = start.next_multiple_of(ALIGNMENT);
    let mut table = FixedVec::new();
    for &Part { kind, required, bytes } in parts {
        let section = Section { kind, required, offset: offset as u32, length: bytes.len() as u32 };
        ensure!(table.push(section).is_ok(), "more than {} sections", format::MAX_SECTIONS);
        offset = (offset + bytes.len()).next_multiple_of(ALIGNMENT);
    }
    Ok(table)
}
