//! From flags to a run's configuration: presets, flags that override them, and their limits.

use anyhow::{Result, ensure};
use clap::{Args as ClapArgs, ValueEnum};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::bytes::hex;
use crate::console;
use crate::corpus;
use crate::model::{Cell, Pooling};
use telltale::engine::ngrams::Orders;

use crate::ngrams;
use crate::quantise::EmbeddingBits;
use crate::train::batches::Keep;
use crate::train::optimiser::Rule;
use crate::train::schedule::Schedule;
use crate::train::{Loss, TrainingOptions};

use super::Args;
use crate::pipeline::{NgramConfig, RunConfig, Source, Teacher};

/// Sizes for two-class texts of many words, and the two models of the PyTorch tutorial that Telltale grew from
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
pub enum Preset {
    /// At most 16 kB
    Nano,
    /// At most 48 kB
    Micro,
    /// At most 96 kB
    Small,
    /// At most 180 kB: fits a micro:bit v1 beside its firmware
    Base,
    /// At most 1 MB
    Large,
    /// 200 words through an RNNCell, Linear 256, ReLU, Linear
    RnnCell,
    /// Embedding 128, nn.RNN of 256 units, dropout, Linear; Adam 1e-4, batch 100
    RnnLayer,
}

impl std::fmt::Display for Preset {
    /// Its name on the command line.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("hidden", |value| value.get_name()))
    }
}

impl Preset {
    /// The largest preset by size that never exceeds `bytes`.
    #[must_use]
    pub fn largest_in(bytes: u64) -> Option<Self> {
        const LIMITS: [(Preset, u64); 5] = [
            (Preset::Large, 1 << 20),
            (Preset::Base, 180 << 10),
            (Preset::Small, 96 << 10),
            (Preset::Micro, 48 << 10),
            (Preset::Nano, 16 << 10),
        ];
        LIMITS.iter().find(|(_, most)| *most <= bytes).map(|(preset, _)| *preset)
    }

    /// Whether it is one of the tutorial's models.
    pub const fn is_tutorial(self) -> bool {
        matches!(self, Self::RnnCell | Self::RnnLayer)
    }
}

/// The model's shape; the preset supplies what is not given.
#[derive(ClapArgs, Clone, Debug, Serialize, Deserialize)]
#[command(next_help_heading = "Model")]
pub struct ShapeArgs {
    /// Recurrent cell [default: gru; fastgrnn for long texts of two classes]
    #[arg(long, value_enum)]
    pub cell: Option<Cell>,
    /// Recurrent layers, 1 to 4 [default: 1]
    #[arg(long, value_name = "N")]
    pub layers: Option<usize>,
    /// Width of a word's embedding [default: 32; 16 for long texts of two classes]
    #[arg(long, value_name = "N")]
    pub embed: Option<usize>,
    /// Units of a recurrent layer [default: 64; for two classes 32, or 48 if their texts are long; for more than 64
    /// classes 96, or 32 if 3000 words cover few of their words]
    #[arg(long, value_name = "N")]
    pub hidden: Option<usize>,
    /// Pooling over time [default: mean; for short texts last, or max for more than two classes]
    #[arg(long, value_enum)]
    pub pooling: Option<Pooling>,
    /// Units of a hidden ReLU layer in the head, 0 for a linear head [default: 0]
    #[arg(long, value_name = "N")]
    pub head_hidden: Option<usize>,
    /// The most words in the vocabulary [default: 3000; 6000 for long texts of two classes; 500 for more than 64
    /// classes if 3000 cover few of their words]
    #[arg(long, value_name = "N")]
    pub vocab: Option<usize>,
    /// How often a word must occur to be in the vocabulary [default: 2]
    #[arg(long, value_name = "N")]
    pub min_freq: Option<u64>,
    /// The most bytes of the model: n-grams fill what the network leaves, unless --ngrams or a preset sets their number
    /// [default: 180000]
    #[arg(long, value_name = "N")]
    pub bytes: Option<usize>,
    /// The most n-grams beside the network, 0 for none [default: as many as --bytes has room for; 0 with --save]
    #[arg(long, value_name = "N", alias = "wide")]
    pub ngrams: Option<usize>,
    /// The most words of an n-gram, 0 to 3 [default: chosen on validation texts; 0 with --ngram-characters N]
    #[arg(long, value_name = "N", alias = "wide-order")]
    pub ngram_words: Option<u8>,
    /// The most characters of an n-gram of characters, 0 to 6 [default: chosen on validation texts; 0 with
    /// --ngram-words N]
    #[arg(long, value_name = "N")]
    pub ngram_characters: Option<u8>,
    /// Whether punctuation, other symbols and emoji are words if they help to predict the class [default: true]
    #[arg(long, value_name = "BOOL")]
    pub punctuation: Option<bool>,
    /// Whether HTML's tags are read as text [default: if tags help to predict the class, as in code]
    #[arg(long, value_name = "BOOL")]
    pub tags: Option<bool>,
    /// Bits of an embedding weight on the chip, 4 or 8 [default: 4]
    #[arg(long, value_name = "BITS")]
    pub embed_bits: Option<u32>,
    /// Fold the first layer's input weights into the words' rows: this saves a third of the multiply-accumulates (for a
    /// layer with twice as many units as the embedding), but a word takes gates · units bytes (GRU 3, LSTM 4 gates)
    #[arg(long, conflicts_with = "embed_bits")]
    #[serde(default)]
    pub fold: bool,
}

/// How the model is trained; the preset supplies what is not given.
#[derive(ClapArgs, Clone, Debug, Serialize, Deserialize)]
#[command(next_help_heading = "Training")]
pub struct TrainingArgs {
    /// Teacher for unlabelled texts [default: both; ngrams for the presets nano and micro]
    #[arg(long, value_enum)]
    pub teacher: Option<Teacher>,
    /// Approximate time to train the network, 0.1 to 10000, which sets the number of epochs. It is counted in words, 12
    /// million a minute, so that the same flags give the same model on every machine
    #[arg(long, value_name = "MINUTES", default_value_t = MINUTES, conflicts_with = "epochs")]
    #[serde(default = "minutes")]
    pub minutes: f64,
    /// The most passes over the training texts [default: what --minutes allows, one to ten passes per minute]
    #[arg(long, value_name = "N")]
    pub epochs: Option<usize>,
    /// Texts per step [default: 32]
    #[arg(long, value_name = "N")]
    pub batch: Option<usize>,
    /// The highest learning rate [default: 0.005]
    #[arg(long, value_name = "RATE")]
    pub lr: Option<f32>,
    /// Update rule [default: adamw]
    #[arg(long, value_enum)]
    pub optimiser: Option<Rule>,
    /// Weight decay [default: 0.01]
    #[arg(long, value_name = "RATE")]
    pub weight_decay: Option<f32>,
    /// Learning-rate schedule [default: cosine]
    #[arg(long, value_enum)]
    pub schedule: Option<Schedule>,
    /// Largest norm of a step's gradient [default: 1]
    #[arg(long, value_name = "NORM")]
    pub clip: Option<f32>,
    /// Dropout on embeddings, 0 to 0.9 [default: 0.3]
    #[arg(long, value_name = "SHARE")]
    pub dropout_embed: Option<f32>,
    /// Dropout before the head, 0 to 0.9 [default: 0.3]
    #[arg(long, value_name = "SHARE")]
    pub dropout: Option<f32>,
    /// Share of training words replaced by the unknown word, 0 to 0.9 [default: 0.1]
    #[arg(long, value_name = "SHARE")]
    pub dropout_words: Option<f32>,
    /// Probability moved from the true label to all, 0 to 0.5 [default: 0.05 for two classes, 0.1 for more]
    #[arg(long, value_name = "SHARE")]
    pub smoothing: Option<f32>,
    /// Weight texts by the inverse frequency of their class, so that rare classes count as much as frequent ones
    /// [default: false]
    #[arg(long, value_name = "BOOL", num_args = 0..=1, default_missing_value = "true")]
    #[serde(default)]
    pub balance: Option<bool>,
    /// Largest share of validation texts that may be rejected as none of the classes, 0 to 0.5; the chip, too, then
    /// rejects texts with less probable answers or fewer known words [default: none are]
    #[arg(long, value_name = "SHARE")]
    #[serde(default)]
    pub reject: Option<f64>,
    /// Predictions that the loss covers: the last, or the one after every word [default: every-word; final for short
    /// texts]
    #[arg(long, value_enum)]
    pub loss: Option<Loss>,
    /// Cut back-propagation through time every N words [default: never]
    #[arg(long, value_name = "N")]
    pub bptt: Option<usize>,
    /// Epochs without a better validation accuracy before training stops, 0 for never [default: 0]
    #[arg(long, value_name = "N")]
    pub patience: Option<usize>,
    /// The most words of a text read in training, 0 for all [default: 400]
    #[arg(long, value_name = "N")]
    pub max_len: Option<usize>,
    /// Which end of a longer text is kept [default: tail]
    #[arg(long, value_enum)]
    pub keep: Option<Keep>,
    /// Decay of the running average of weights that is exported, 0 for none [default: 0.998]
    #[arg(long, value_name = "SHARE")]
    pub average: Option<f32>,
}

/// Default limit of a model's bytes: what fits the smallest board.
const BYTES: usize = 180_000;

/// Words per minute of a run's budget, which is in words, so that the same flags give the same model on every machine.
const WORDS_A_MINUTE: f64 = 12e6;

/// Default minutes for the network.
const MINUTES: f64 = 4.0;

/// For checkpoints of runs that had no such flag.
const fn minutes() -> f64 {
    MINUTES
}

/// Texts with fewer words than this on average are short.
const SHORT_TEXT: u64 = 48;

/// The most words and n-grams of a preset.
fn entries(preset: Preset) -> (usize, usize) {
    let config = defaults(Some(preset), 0, 0, Classes::Two, 0, MINUTES);
    (config.vocab, config.ngrams.most.unwrap_or(0))
}

/// A preset, and the share of its words and n-grams.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// The preset for all other defaults.
    pub preset: Preset,
    /// Above 0, at most 1.
    pub share: f64,
}

impl Args {
    /// The same run with a preset and `share` of its words and n-grams, unless a flag sets their numbers.
    #[must_use]
    pub fn sized(&self, size: Size) -> Self {
        let mut args = Self { preset: Some(size.preset), ..self.clone() };
        if size.share < 1.0 {
            let (vocab, ngrams) = entries(size.preset);
            let part = |count: usize| Some((count as f64 * size.share).round() as usize);
            args.shape.vocab = args.shape.vocab.or_else(|| part(vocab));
            if args.save.is_none() {
                args.shape.ngrams = args.shape.ngrams.or_else(|| part(ngrams));
            }
        }
        args
    }

    /// Reads the texts given by the flags.
    ///
    /// # Errors
    /// If they cannot be read, with the reason.
    pub fn source(&self) -> Result<Source> {
        let is_tutorial = self.preset.is_some_and(Preset::is_tutorial);
        let punctuation = self.shape.punctuation.unwrap_or(!is_tutorial);
        let config = self.corpus.config();
        Source::read(&config, self.unlabelled.as_deref(), punctuation, self.shape.tags, self.seed)
    }

    /// A digest of the texts, labelled and not.
    ///
    /// # Errors
    /// Like [`Self::source`].
    pub fn digest(&self) -> Result<String> {
        let config = self.corpus.config();
        let mut digest = Sha256::new_with_prefix(corpus::load(&config, self.seed)?.digest);
        if let Some(path) = &self.unlabelled {
            for text in corpus::unlabelled::read(path, &config)?.0 {
                digest.update((text.len() as u64).to_le_bytes());
                digest.update(text);
            }
        }
        Ok(hex(&digest.finalize()))
    }

    /// The configuration for these texts.
    ///
    /// # Errors
    /// If a flag's value is not possible; names the flag.
    pub fn resolve(&self, source: &Source) -> Result<RunConfig> {
        let (args, words, texts) = (self, source.counts.total(), source.texts_to_learn_from());
        let minutes = args.training.minutes;
        ensure!((0.1..=10_000.0).contains(&minutes), "--minutes {minutes}: 0.1 to 10000 are possible");
        let classes = match source.corpus.labels.len() {
            2 => Classes::Two,
            count if count <= ngrams::MOST_SEPARATE => Classes::Few,
            count => Classes::Many { count, are_words_known: source.counts.coverage(VOCAB) > KNOWN },
        };
        let base = defaults(args.preset, words, texts, classes, args.seed, minutes);
        let (shape, training) = (&args.shape, &args.training);
        let o = base.options;
        let options = TrainingOptions {
            epochs: training.epochs.unwrap_or(o.epochs),
            batch: training.batch.unwrap_or(o.batch),
            rate: training.lr.unwrap_or(o.rate),
            rule: training.optimiser.unwrap_or(o.rule),
            decay: training.weight_decay.unwrap_or(o.decay),
            schedule: training.schedule.unwrap_or(o.schedule),
            clip: training.clip.unwrap_or(o.clip),
            dropout_embed: training.dropout_embed.unwrap_or(o.dropout_embed),
            dropout_head: training.dropout.unwrap_or(o.dropout_head),
            dropout_words: training.dropout_words.unwrap_or(o.dropout_words),
            smoothing: training.smoothing.unwrap_or(o.smoothing),
            loss: training.loss.unwrap_or(o.loss),
            bptt: training.bptt.or(o.bptt).filter(|&steps| steps > 0),
            patience: training.patience.unwrap_or(o.patience),
            max_len: training.max_len.unwrap_or(o.max_len),
            keep: training.keep.unwrap_or(o.keep),
            average: training.average.unwrap_or(o.average),
            seed: args.seed,
        };
        for (flag, share, most) in [
            ("--dropout-embed", options.dropout_embed, 0.9),
            ("--dropout", options.dropout_head, 0.9),
            ("--dropout-words", options.dropout_words, 0.9),
            ("--smoothing", options.smoothing, 0.5),
            ("--average", options.average, 0.99999),
            ("--lr", options.rate, 10.0),
            ("--weight-decay", options.decay, 10.0),
        ] {
            ensure!((0.0..=most).contains(&share), "{flag} {share}: 0 to {most} is possible");
        }
        if let Some(share) = training.reject {
            ensure!((0.0..=0.5).contains(&share), "--reject {share}: 0 to 0.5 is possible");
        }
        ensure!(options.rate > 0.0, "--lr 0: nothing would be learnt; a rate above 0 is expected");
        ensure!(options.clip > 0.0, "--clip {}: a positive norm is expected", options.clip);
        ensure!(options.epochs > 0, "--epochs 0: at least one is needed");
        ensure!(options.batch > 0, "--batch 0: at least one text is needed");
        let vocab = shape.vocab.unwrap_or(base.vocab);
        ensure!(
            (1..=crate::vocabulary::MAX_WORDS).contains(&vocab),
            "--vocab {vocab}: 1 to {} is possible",
            crate::vocabulary::MAX_WORDS
        );
        let ngrams = NgramConfig {
            most: shape.ngrams.or(if args.save.is_some() { Some(0) } else { base.ngrams.most }),
            orders: orders(shape.ngram_words, shape.ngram_characters, base.ngrams.orders),
        };
        if ngrams.most == Some(0) && shape.ngram_words.max(shape.ngram_characters) > Some(0) {
            console::warn(
                "--ngram-words and --ngram-characters have no effect: this model has no n-grams (--ngrams N gives it some)",
            );
        }
        let (words, characters) = ngrams.orders.unwrap_or((1, 1));
        ngrams::check(ngrams.most.unwrap_or(1), Orders { words, characters })?;
        Ok(RunConfig {
            cell: shape.cell.unwrap_or(base.cell),
            layers: shape.layers.unwrap_or(base.layers),
            embed: shape.embed.unwrap_or(base.embed),
            hidden: shape.hidden.unwrap_or(base.hidden),
            pooling: shape.pooling.unwrap_or(base.pooling),
            head_hidden: shape.head_hidden.unwrap_or(base.head_hidden),
            vocab,
            min_freq: shape.min_freq.unwrap_or(base.min_freq),
            bits: match shape.embed_bits {
                None if !shape.fold => base.bits,
                bits => EmbeddingBits::asked(bits.unwrap_or_default(), shape.fold)?,
            },
            bytes: shape.bytes.unwrap_or(base.bytes),
            ngrams,
            teacher: training.teacher.unwrap_or(base.teacher),
            teacher_cache: args.teacher_cache.clone(),
            balance: training.balance.unwrap_or(base.balance),
            reject: training.reject,
            min_freq_yields: shape.min_freq.is_none(),
            reads_whole_texts: base.reads_whole_texts,
            options,
        })
    }
}

/// Words of the network's vocabulary.
const VOCAB: usize = 3000;

/// If these are a smaller share of the training texts, the network reads too little to be worth its bytes.
const KNOWN: f64 = 0.6;

/// The number of classes, as far as defaults depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Classes {
    Two,
    Few,
    /// Too many for a number per class in every n-gram.
    Many {
        /// How many.
        count: usize,
        /// Whether a vocabulary of [`VOCAB`] words covers most words of the texts.
        are_words_known: bool,
    },
}

/// The most units that leave n-grams room beside the scores of so many classes.
fn units_for(classes: usize) -> usize {
    const WEIGHTS: usize = 30_000;
    [96, 64, 48].into_iter().find(|units| classes * units <= WEIGHTS).unwrap_or(32)
}

fn defaults(
    preset: Option<Preset>,
    words: u64,
    texts: usize,
    classes: Classes,
    seed: u64,
    minutes: f64,
) -> RunConfig {
    let short = words < SHORT_TEXT * texts as u64;
    let two = classes == Classes::Two;
    let passes = WORDS_A_MINUTE * minutes / words.max(1) as f64;
    let epochs = passes.round().clamp(minutes.max(1.0), 10.0 * minutes.max(1.0)) as usize;
    let usual = TrainingOptions::usual(epochs, seed);
    let (hidden, vocab) = match classes {
        // Half of the units take half of the time, and separate two classes just as well.
        Classes::Two if short => (32, VOCAB),
        Classes::Two | Classes::Few => (64, VOCAB),
        Classes::Many { are_words_known: true, count } => (units_for(count), VOCAB),
        Classes::Many { are_words_known: false, .. } => (32, VOCAB / 6),
    };
    let plain = RunConfig {
        cell: Cell::Gru,
        layers: 1,
        embed: 32,
        hidden,
        // After a sentence or two the last state still holds everything; long texts need a mean.
        pooling: match (short, two) {
            (true, true) => Pooling::Last,
            (true, false) => Pooling::Max,
            (false, _) => Pooling::Mean,
        },
        head_hidden: 0,
        vocab,
        min_freq: 2,
        bits: EmbeddingBits::Four,
        bytes: BYTES,
        ngrams: NgramConfig { most: None, orders: None },
        teacher: Teacher::Both,
        teacher_cache: None,
        balance: false,
        reject: None,
        min_freq_yields: true,
        reads_whole_texts: !preset.is_some_and(Preset::is_tutorial),
        options: TrainingOptions {
            smoothing: if two { usual.smoothing } else { 0.1 },
            // A short text's first words often say the opposite of its end.
            loss: if short { Loss::Final } else { usual.loss },
            ..usual
        },
    };
    let tutorial = |rate, batch, dropout_head| TrainingOptions {
        epochs: 10,
        batch,
        rate,
        rule: Rule::Adam,
        decay: 0.0,
        schedule: Schedule::Constant,
        dropout_embed: 0.0,
        dropout_head,
        dropout_words: 0.0,
        smoothing: 0.0,
        loss: Loss::Final,
        max_len: 200,
        average: 0.0,
        ..plain.options.clone()
    };
    // Beside n-grams, a FastGRNN is as accurate as a GRU, with less than half of the instructions.
    let sized = |ngrams, vocab, embed, hidden, bits| RunConfig {
        cell: if hidden < 96 { Cell::Fastgrnn } else { Cell::Gru },
        teacher: if ngrams < 10_000 { Teacher::Ngrams } else { Teacher::Both },
        embed,
        hidden,
        vocab,
        bits,
        // A small number of n-grams has no room for long ones.
        ngrams: NgramConfig { most: Some(ngrams), orders: Some((if ngrams < 20_000 { 2 } else { 3 }, 0)) },
        ..plain.clone()
    };
    match preset {
        // In long texts, word order adds little to n-grams.
        None if two && !short => {
            RunConfig { ngrams: plain.ngrams, ..sized(26_000, 6000, 16, 48, EmbeddingBits::Four) }
        }
        None => plain,
        Some(Preset::Nano) => sized(3600, 720, 8, 16, EmbeddingBits::Four),
        Some(Preset::Micro) => sized(8400, 2000, 16, 24, EmbeddingBits::Four),
        Some(Preset::Small) => sized(16_800, 4000, 16, 32, EmbeddingBits::Four),
        Some(Preset::Base) => sized(31_000, 8000, 16, 48, EmbeddingBits::Four),
        Some(Preset::Large) => sized(65_000, 20_000, 32, 96, EmbeddingBits::Eight),
        Some(Preset::RnnCell) => RunConfig {
            cell: Cell::Rnn,
            embed: 128,
            hidden: 256,
            pooling: Pooling::Last,
            head_hidden: 256,
            bits: EmbeddingBits::Eight,
            ngrams: NgramConfig { most: Some(0), orders: None },
            options: tutorial(1e-4, 100, 0.0),
            ..plain
        },
        Some(Preset::RnnLayer) => RunConfig {
            cell: Cell::Rnn,
            embed: 128,
            hidden: 256,
            pooling: Pooling::Last,
            bits: EmbeddingBits::Eight,
            ngrams: NgramConfig { most: Some(0), orders: None },
            options: tutorial(1e-4, 100, 0.5),
            ..plain
        },
    }
}

/// The most words and characters of an n-gram, by the two flags. One flag alone means only n-grams of its kind; one
/// that is 0, only those of the other kind.
fn orders(words: Option<u8>, characters: Option<u8>, usual: Option<(u8, u8)>) -> Option<(u8, u8)> {
    match (words, characters) {
        (None, None) => usual,
        (None, Some(0)) => Some((usual.map_or(ngrams::OF_WORDS.words, |(words, _)| words), 0)),
        (Some(0), None) => Some((0, ngrams::OF_CHARACTERS.characters)),
        (words, characters) => Some((words.unwrap_or(0), characters.unwrap_or(0))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_survive_a_checkpoint() {
        let presets = Preset::value_variants().iter().copied().map(Some).chain([None]);
        for (preset, classes) in presets.flat_map(|preset| [(preset, Classes::Two), (preset, Classes::Few)]) {
            let config = defaults(preset, 123_456, 1000, classes, 7, 0.3);
            let config = RunConfig { reject: Some(0.1), balance: true, ..config };
            let kept = serde_json::to_string(&config).expect("encodes");
            assert_eq!(serde_json::from_str::<RunConfig>(&kept).expect("decodes"), config);
        }
    }

    #[test]
    fn orders_of_ngrams_are_those_of_the_flags() {
        for (words, characters, expected) in [
            (None, None, None),
            (Some(2), None, Some((2, 0))),
            (None, Some(4), Some((0, 4))),
            (None, Some(0), Some((3, 0))),
            (Some(0), None, Some((0, 5))),
            (Some(0), Some(0), Some((0, 0))),
        ] {
            assert_eq!(orders(words, characters, None), expected);
        }
        assert_eq!(orders(None, Some(0), Some((2, 0))), Some((2, 0)), "a preset's");
    }
}
