//! Teachers: soft labels for unlabelled texts from models too large for a chip.

use std::path::{Path, PathBuf};
use std::time::Instant;

use anyhow::{Context, Result};
use candle_core::Device;
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::config::Teacher;
use super::texts::{Texts, lessons, targets};
use crate::bytes::hex;
use crate::console::{human, say};
use crate::evaluate::measures::share;
use crate::logits::{probabilities, top};
use crate::model::{Cell, Config, Network, Pooling};
use crate::ngrams::{NgramTeacher, frequent};
use crate::train::log::Log;
use crate::train::{self, Trainer, TrainingExample, TrainingOptions};

/// The recurrent teacher: GRU over the most frequent words.
const WORDS: usize = 30_000;
const EMBED: usize = 48;
const HIDDEN: usize = 96;
const EPOCHS: usize = 5;

/// The probability of each class, text by text.
type Opinions = Vec<Vec<f32>>;

/// The mean of two teachers is sharpened by this.
const SHARPNESS: f32 = 1.2;

/// The unlabelled texts `others` with a teacher's soft labels, which the folder `cache` keeps for later runs with the
/// same inputs.
///
/// # Errors
/// If the recurrent teacher cannot be trained, or the folder cannot be written.
pub fn with_opinions(
    texts: &Texts,
    mut others: Vec<TrainingExample>,
    classes: usize,
    teacher: Teacher,
    seed: u64,
    cache: Option<&Path>,
) -> Result<Vec<TrainingExample>> {
    let Some(folder) = cache else {
        ask(texts, &mut others, classes, teacher, seed)?;
        return Ok(others);
    };
    let kept = Kept::new(folder, texts, &others, classes, teacher, seed);
    if let Some(opinions) = kept.read(others.len(), classes) {
        say!("teacher: soft labels of {} texts, as kept in {}", opinions.len(), kept.path.display());
        settle(&mut others, opinions);
    } else {
        ask(texts, &mut others, classes, teacher, seed)?;
        kept.write(&others)?;
    }
    Ok(others)
}

/// Trains the teacher and makes its soft labels for `others`.
fn ask(
    texts: &Texts,
    others: &mut [TrainingExample],
    classes: usize,
    teacher: Teacher,
    seed: u64,
) -> Result<()> {
    let started = Instant::now();
    let labels = targets(&texts.train, classes);
    let ngrams = NgramTeacher::fit(&lessons(&texts.train, &labels), classes, seed);
    let opinion = |text: &TrainingExample| ngrams.opinion(&text.hashes);
    let opinions: Opinions = others.par_iter().map(opinion).collect();
    settle(others, opinions);
    let on_valid: Opinions = texts.valid.par_iter().map(opinion).collect();
    say!(
        "teacher: {} n-grams of {} texts, soft labels for {} more{}, {}",
        ngrams.len(),
        texts.train.len(),
        others.len(),
        right(&on_valid, &texts.valid),
        human(started.elapsed())
    );
    if teacher == Teacher::Both {
        let started = Instant::now();
        let (own, own_valid) = recurrent(texts, others, classes, seed)?;
        let both_valid: Opinions = on_valid.iter().zip(&own_valid).map(|(a, b)| mean(a, b)).collect();
        say!(
            "recurrent teacher{}; both{}; {}",
            right(&own_valid, &texts.valid),
            right(&both_valid, &texts.valid),
            human(started.elapsed())
        );
        let both = others.iter().zip(&own).map(|(text, own)| mean(&text.target, own)).collect();
        settle(others, both);
    }
    Ok(())
}

/// Soft labels in a file, named by everything that they depend on.
struct Kept {
    path: PathBuf,
}

impl Kept {
    fn new(
        folder: &Path,
        texts: &Texts,
        others: &[TrainingExample],
        classes: usize,
        teacher: Teacher,
        seed: u64,
    ) -> Self {
        let mut digest = Sha256::new();
        let all = [&texts.train[..], &texts.valid, others].into_iter().flatten();
        for text in all {
            digest.update((text.hashes.len() as u64).to_le_bytes());
            digest.update(text.label.to_le_bytes());
            digest.update(bytemuck::cast_slice::<u32, u8>(&text.hashes));
        }
        let what = format!("{} {classes} {teacher:?} {seed}", env!("CARGO_PKG_VERSION"));
        digest.update(what.as_bytes());
        let name = hex(&digest.finalize()[..8]);
        Self { path: folder.join(format!("opinions-{name}.bin")) }
    }

    /// The soft labels, if the file exists and is whole.
    fn read(&self, count: usize, classes: usize) -> Option<Opinions> {
        let bytes = std::fs::read(&self.path).ok()?;
        let (numbers, sum) = bytes.split_last_chunk::<4>()?;
        let whole = numbers.len() == count * classes * size_of::<f32>()
            && telltale::engine::format::checksum(numbers) == u32::from_le_bytes(*sum);
        let number = |bytes: &[u8; 4]| f32::from_le_bytes(*bytes);
        let rows = numbers.as_chunks::<4>().0.chunks_exact(classes);
        whole.then(|| rows.map(|row| row.iter().map(number).collect()).collect())
    }

    fn write(&self, others: &[TrainingExample]) -> Result<()> {
        let mut bytes: Vec<u8> =
            others.iter().flat_map(|text| &text.target).flat_map(|share| share.to_le_bytes()).collect();
        bytes.extend(telltale::engine::format::checksum(&bytes).to_le_bytes());
        if let Some(folder) = self.path.parent() {
            std::fs::create_dir_all(folder)
                .with_context(|| format!("--teacher-cache: cannot make the folder {}", folder.display()))?;
        }
        crate::files::write(&self.path, &bytes)
    }
}

/// Trains a large network on labelled texts and on the soft labels so far. Returns its own for `others` and for the
/// validation texts.
fn recurrent(
    texts: &Texts,
    others: &[TrainingExample],
    classes: usize,
    seed: u64,
) -> Result<(Opinions, Opinions)> {
    let hashes = texts.train.iter().chain(others).flat_map(|text| &text.hashes).copied().collect();
    let known: Vec<u32> = frequent(hashes, 2, WORDS).into_iter().map(|(hash, _)| hash).collect();
    let numbered = |texts: &[TrainingExample]| -> Vec<TrainingExample> {
        let unknown = known.len() as u32;
        let id = |hash: &u32| known.binary_search(hash).map_or(unknown, |at| at as u32);
        let number = |text: &TrainingExample| TrainingExample {
            ids: text.hashes.iter().map(id).collect(),
            label: text.label,
            target: text.target.clone(),
            ..TrainingExample::default()
        };
        texts.par_iter().map(number).collect()
    };
    let (others, valid) = (numbered(others), numbered(&texts.valid));
    let all: Vec<TrainingExample> =
        numbered(&texts.train).into_iter().chain(others.iter().cloned()).collect();
    let config = Config {
        cell: Cell::Gru,
        layers: 1,
        embed: EMBED,
        hidden: HIDDEN,
        vocab: known.len() + 1,
        pooling: Pooling::Mean,
        head_hidden: 0,
        classes,
    };
    let network = Network::new(&config, &Device::Cpu, seed ^ 1)?;
    let options = TrainingOptions::usual(EPOCHS, seed ^ 1);
    Trainer::new(&network, &all, &valid, &options)?
        .run(&Log::new(), &mut |_, _| Ok(std::ops::ControlFlow::Continue(())))?;
    let whole = TrainingOptions { max_len: 0, ..options };
    let opinions = |texts: &[TrainingExample]| -> Result<Opinions> {
        let logits = train::final_logits(&network, texts, &whole)?;
        let shares = |mut logits: Vec<f32>| {
            probabilities(&mut logits);
            logits
        };
        Ok(logits.into_iter().map(shares).collect())
    };
    Ok((opinions(&others)?, opinions(&valid)?))
}

/// Sets soft labels as the texts' targets.
fn settle(texts: &mut [TrainingExample], opinions: Opinions) {
    for (text, opinion) in texts.iter_mut().zip(opinions) {
        text.label = top(&opinion) as u32;
        text.target = opinion;
    }
}

/// The geometric mean of two soft labels, sharpened.
fn mean(a: &[f32], b: &[f32]) -> Vec<f32> {
    let mut logs: Vec<f32> =
        a.iter().zip(b).map(|(a, b)| SHARPNESS * 0.5 * (a.max(1e-6).ln() + b.max(1e-6).ln())).collect();
    probabilities(&mut logs);
    logs
}

/// The accuracy of soft labels on the validation texts, if there are any, for the end of a sentence.
fn right(opinions: &[Vec<f32>], texts: &[TrainingExample]) -> String {
    if texts.is_empty() {
        return String::new();
    }
    let right = opinions.iter().zip(texts).map(|(opinion, text)| top(opinion) == text.label as usize);
    format!(", validation accuracy {:.2} %", 100.0 * share(right))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn opinions_are_kept_whole_or_not_at_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let text = |words: &[u32], target: &[f32]| TrainingExample {
            hashes: words.to_vec(),
            target: target.to_vec(),
            ..TrainingExample::default()
        };
        let texts = Texts { train: vec![text(&[1, 2], &[])], valid: vec![text(&[3], &[])], test: Vec::new() };
        let others = [text(&[4], &[0.25, 0.75]), text(&[5, 6], &[0.5, 0.5])];
        let kept = Kept::new(&folder.path().join("deep"), &texts, &others, 2, Teacher::Both, 1);
        assert_eq!(kept.read(2, 2), None);
        kept.write(&others).expect("written");
        assert_eq!(kept.read(2, 2), Some(vec![vec![0.25, 0.75], vec![0.5, 0.5]]));
        let mut bytes = std::fs::read(&kept.path).expect("read");
        bytes[5] ^= 1;
        std::fs::write(&kept.path, bytes).expect("written");
        assert_eq!(kept.read(2, 2), None);
        for (teacher, seed) in [(Teacher::Ngrams, 1), (Teacher::Both, 2)] {
            let other = Kept::new(&folder.path().join("deep"), &texts, &others, 2, teacher, seed);
            assert_ne!(other.path, kept.path);
        }
    }

    #[test]
    fn two_opinions_make_one() {
        let both = mean(&[0.9, 0.1], &[0.6, 0.4]);
        assert!((both.iter().sum::<f32>() - 1.0).abs() < 1e-6);
        assert!(both[0] > 0.6 && both[0] < 0.9, "{both:?}");
        let apart = mean(&[0.9, 0.1], &[0.1, 0.9]);
        assert!((apart[0] - 0.5).abs() < 1e-6);
    }
}
