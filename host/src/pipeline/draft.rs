//! Untrained models, as large and as slow as the trained ones would be.

use anyhow::Result;
use candle_core::Device;
use telltale::engine::ngrams::Orders;

use super::config::RunConfig;
use super::data::{Source, frequent};
use super::finish::describe;
use crate::aligned::AlignedBytes;
use crate::model::Network;
use crate::ngrams::{self, Ngrams};
use crate::quantise;
use crate::vocabulary::Built;

/// What drafts on a corpus are made from.
pub struct Drafts {
    source: Source,
    /// The n-grams to choose from, by their most words and characters.
    eligible: Option<(Orders, Vec<u32>)>,
}

impl Drafts {
    /// From texts that have been read.
    #[must_use]
    pub const fn new(source: Source) -> Self {
        Self { source, eligible: None }
    }

    /// The texts.
    #[must_use]
    pub const fn source(&self) -> &Source {
        &self.source
    }

    /// The model file before training; its size is off by some bytes.
    ///
    /// # Errors
    /// If no word is left for the vocabulary, or a number does not fit the format.
    pub fn draft(&mut self, config: &RunConfig) -> Result<AlignedBytes> {
        let (classes, seed) = (self.source.corpus.labels.len(), config.options.seed);
        let frequent = frequent(&self.source.corpus, &self.source.counts, config)?;
        let vocabulary = Built::new(&frequent)?;
        let network = config.network(vocabulary.words.len(), classes);
        let weights = Network::new(&network, &Device::Cpu, seed)?.weights()?;
        let ranges = quantise::calibrate(&weights, std::iter::empty());
        let mut sections = quantise::quantise(&weights, &ranges, config.bits)?;
        let (words, characters) = config.ngrams.orders.unwrap_or((2, 0));
        let orders = Orders { words, characters };
        let most = config.ngrams.most.unwrap_or(0);
        if most > 0 {
            let mut known = self.eligible(orders).to_vec();
            known.truncate(most);
            // If no n-gram occurs twice, training leaves them out, too.
            if !known.is_empty() {
                let ngrams = Ngrams::untrained(&known, classes, orders)?;
                sections.ngrams = Some(quantise::ngrams(&ngrams, 1.0)?);
            }
        }
        let description = describe(&self.source.corpus, self.source.text, config, &frequent);
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
