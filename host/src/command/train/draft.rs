//! Models that have learnt nothing yet: as large and as slow as the ones that training would give.

use anyhow::Result;
use candle_core::Device;
use telltale::engine::format::Metrics;
use telltale::engine::ngrams::Orders;

use super::Args;
use super::data::{Source, frequent};
use super::plan::{Plan, Preset};
use crate::aligned::AlignedBytes;
use crate::model::{Config, Network};
use crate::ngrams::{self, Ngrams};
use crate::quantise::{self, Description};
use crate::vocabulary::{Built, sample};

/// A preset, and the share of its words and n-grams.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Size {
    /// What the rest of the defaults comes from.
    pub preset: Preset,
    /// Above 0, at most 1.
    pub share: f64,
}

/// What drafts on a corpus are made from.
pub struct Drafts {
    source: Source,
    /// The n-grams to choose from, by their most words and characters.
    eligible: Option<(Orders, Vec<u32>)>,
}

impl Drafts {
    /// Reads the corpus.
    ///
    /// # Errors
    /// Says what was wrong with it.
    pub fn new(args: &Args) -> Result<Self> {
        Ok(Self { source: Source::read(args)?, eligible: None })
    }

    /// The blob that training with `args` would give, but for what is learnt: its size is off by some bytes.
    ///
    /// # Errors
    /// If a flag is wrong.
    pub fn draft(&mut self, args: &Args) -> Result<AlignedBytes> {
        let classes = self.source.corpus.labels.len();
        let plan = Plan::new(
            args,
            self.source.counts.total(),
            self.source.corpus.train.len() + self.source.unlabelled.len(),
            classes,
        )?;
        let frequent = frequent(args, &self.source.corpus, &self.source.counts, &plan)?;
        let vocabulary = Built::new(&frequent)?;
        let config = Config {
            cell: plan.cell,
            layers: plan.layers,
            embed: plan.embed,
            hidden: plan.hidden,
            vocab: vocabulary.words.len() + 1,
            pooling: plan.pooling,
            head_hidden: plan.head_hidden,
            classes,
        };
        let weights = Network::new(&config, &Device::Cpu, args.seed)?.weights()?;
        let ranges = quantise::calibrate(&weights, std::iter::empty());
        let mut sections = quantise::quantise(&weights, &ranges, plan.bits)?;
        let (words, characters) = plan.ngrams.orders.unwrap_or((2, 0));
        let orders = Orders { words, characters };
        let most = plan.ngrams.most.unwrap_or(0);
        if most > 0 {
            let mut known = self.eligible(orders).to_vec();
            known.truncate(most);
            sections.ngrams = Some(quantise::ngrams(&Ngrams::untrained(&known, classes, orders)?, 1.0)?);
        }
        let corpus = &self.source.corpus;
        let description = Description {
            labels: corpus.labels.clone(),
            text: self.source.text,
            pooling: plan.pooling,
            corpus: corpus.name.clone(),
            digest: corpus.digest,
            seed: args.seed,
            examples: corpus.train.len(),
            self_test: sample(&frequent),
            metrics: Metrics::default(),
        };
        quantise::write_blob(&description, vocabulary.section(), &sections)
    }

    fn eligible(&mut self, orders: Orders) -> &[u32] {
        if self.eligible.as_ref().is_none_or(|(own, _)| *own != orders) {
            let Source { corpus, unlabelled, text, .. } = &self.source;
            let labelled = corpus.train.iter().map(|example| &example.text[..]);
            let texts: Vec<&str> = labelled.chain(unlabelled.iter().map(String::as_str)).collect();
            self.eligible = Some((orders, ngrams::eligible(&texts, *text, orders)));
        }
        self.eligible.as_ref().map_or(&[], |(_, known)| known)
    }
}
