//! Whether HTML's tags help to predict the class, as in code and in web requests: then they are read.

use std::collections::HashMap;
use std::f64::consts::LN_2;

use rayon::prelude::*;
use telltale::engine::text::Options;

use crate::corpus::Example;
use crate::vocabulary::{freedom, information, words_of};

/// The least information of having tags about a text's class, in bits.
const TELLING: f64 = 0.01;

/// Fewer texts with tags are not enough evidence.
const LEAST_TEXTS: usize = 5;

/// How many texts of each class have tags.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tags {
    /// \[C\] texts that have some, and all.
    counts: Vec<[usize; 2]>,
    /// What the most telling word of tags tells about the class, in bits.
    of_words: f64,
}

impl Tags {
    /// Counts.
    pub fn count(examples: &[Example], classes: usize) -> Self {
        let seen: Vec<(usize, Option<Vec<u32>>)> =
            examples.par_iter().map(|own| (own.label as usize, words_of_tags(own.text.as_bytes()))).collect();
        let mut counts = vec![[0, 0]; classes];
        let mut words: HashMap<u32, Vec<u64>> = HashMap::new();
        for (class, own) in seen {
            counts[class][0] += usize::from(own.is_some());
            counts[class][1] += 1;
            for word in own.unwrap_or_default() {
                words.entry(word).or_insert_with(|| vec![0; classes])[class] += 1;
            }
        }
        let mut tags = Self { counts, of_words: 0.0 };
        // The best of many words says something by chance.
        let chance = (words.len() as f64).ln();
        let often = words.values().filter(|with| with.iter().sum::<u64>() >= LEAST_TEXTS as u64);
        tags.of_words = often.map(|with| tags.bits(with, chance)).fold(0.0, f64::max);
        tags
    }

    fn total(&self) -> [usize; 2] {
        self.counts.iter().fold([0, 0], |[some, all], own| [some + own[0], all + own[1]])
    }

    /// The mutual information of class and of being among the texts `with` something \[C\] in bits, less three times the
    /// mean of chance (Miller, "Note on the bias of information estimates", 1955) and `more` in nats.
    fn bits(&self, with: &[u64], more: f64) -> f64 {
        let all: Vec<u64> = self.counts.iter().map(|own| own[1] as u64).collect();
        let chance = 1.5 * freedom(&all) + more;
        (information(&all, with) - chance) / LN_2 / self.total()[1].max(1) as f64
    }

    /// What having tags tells about the class, in bits.
    fn information(&self) -> f64 {
        self.bits(&self.counts.iter().map(|own| own[0] as u64).collect::<Vec<_>>(), 0.0)
    }

    /// Whether they should be read: having some, or which they are, tells the class.
    pub fn tell(&self) -> bool {
        self.total()[0] >= LEAST_TEXTS && self.information().max(self.of_words) > TELLING
    }

    /// A line for the user on how they are treated; `None` if there are none.
    pub fn describe(&self, labels: &[String], are_read: bool) -> Option<String> {
        let [some, all] = self.total();
        if some == 0 {
            return None;
        }
        let percent = |[some, all]: [usize; 2]| 100.0 * some as f64 / all.max(1) as f64;
        let mut classes: Vec<usize> = (0..labels.len()).filter(|&class| self.counts[class][1] > 0).collect();
        classes.sort_by(|&a, &b| percent(self.counts[b]).total_cmp(&percent(self.counts[a])));
        let of = |class: Option<&usize>| {
            class.map_or_else(String::new, |&class| {
                format!("{:.1} % of {}", percent(self.counts[class]), labels[class])
            })
        };
        let verb = if are_read {
            "read as text (--tags false leaves them out)"
        } else {
            "left out (--tags true reads them)"
        };
        let (most, least) = (of(classes.first()), of(classes.last()));
        let which = if self.of_words > TELLING { "; which they are tells the classes apart" } else { "" };
        Some(format!(
            "HTML's tags are {verb}: {some} of {all} training texts have some, {most} and {least}{which}"
        ))
    }
}

/// The words, by hash, that a text has only if its tags are read; `None` if it has no tags.
fn words_of_tags(text: &[u8]) -> Option<Vec<u32>> {
    let words = |tags: bool| {
        let mut all = Vec::new();
        words_of(text, Options { punctuation: true, tags }, |word| all.push(word.hash()));
        all
    };
    if !text.contains(&b'<') {
        return None;
    }
    let (mut all, mut rest) = (words(true), words(false));
    if all.len() == rest.len() {
        return None;
    }
    rest.sort_unstable();
    all.retain(|word| rest.binary_search(word).is_err());
    all.sort_unstable();
    all.dedup();
    Some(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_what_vanishes() {
        for (text, has) in [("a<br>b", true), ("x < y > z", false), ("&lt;b&gt;", false), ("Vec<u8>", false)]
        {
            assert_eq!(words_of_tags(text.as_bytes()).is_some(), has, "{text}");
        }
    }

    #[test]
    fn tags_are_read_where_they_tell_classes_apart() {
        for (counts, tell) in [
            (vec![[0, 500], [0, 500]], false),
            (vec![[290, 500], [310, 500]], false),
            (vec![[20, 500], [480, 500]], true),
            // A rare class, in a hundredth of the texts, that always has some.
            (vec![[0, 990], [10, 10]], true),
            // One text of few.
            (vec![[0, 5], [1, 5]], false),
            (vec![[0, 2], [1, 1]], false),
            (vec![[0, 0]], false),
        ] {
            let tags = Tags { counts, of_words: 0.0 };
            assert_eq!(tags.tell(), tell, "{tags:?} {}", tags.information());
        }
    }

    #[test]
    fn what_becomes_of_them_is_said() {
        let tags = Tags { counts: vec![[1, 10], [9, 10]], of_words: 0.0 };
        let labels = ["c".to_owned(), "html".to_owned()];
        assert_eq!(
            tags.describe(&labels, true).expect("some"),
            "HTML's tags are read as text (--tags false leaves them out): 10 of 20 training texts have some, 90.0 % of html and 10.0 % of c"
        );
        let none = Tags { counts: vec![[0, 10], [0, 10]], of_words: 0.0 };
        assert_eq!(none.describe(&labels, false), None);
    }

    #[test]
    fn which_tags_there_are_may_tell_the_class() {
        let examples = |tags: [&str; 2]| -> Vec<Example> {
            let text = |at: usize| format!("{} no {} of many", tags[at % 2], at % 7);
            (0..60).map(|at| Example { text: text(at), label: (at % 2) as u32 }).collect()
        };
        assert!(Tags::count(&examples(["<b>", "<i>"]), 2).tell());
        assert!(!Tags::count(&examples(["<b>", "<b>"]), 2).tell());
        assert!(!Tags::count(&examples(["<b", "<i"]), 2).tell(), "these are none");
    }
}
