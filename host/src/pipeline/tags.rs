//! Whether HTML's tags help to predict the class, as in code and in web requests: then they are read.

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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tags {
    /// \[C\] texts that have some, and all.
    counts: Vec<[usize; 2]>,
}

impl Tags {
    /// Counts.
    pub fn count(examples: &[Example], classes: usize) -> Self {
        let seen: Vec<(usize, bool)> =
            examples.par_iter().map(|own| (own.label as usize, has_tags(own.text.as_bytes()))).collect();
        let mut counts = vec![[0, 0]; classes];
        for (class, has) in seen {
            counts[class][0] += usize::from(has);
            counts[class][1] += 1;
        }
        Self { counts }
    }

    fn total(&self) -> [usize; 2] {
        self.counts.iter().fold([0, 0], |[some, all], own| [some + own[0], all + own[1]])
    }

    /// The mutual information of class and tags in bits, less three times the mean of chance (Miller, "Note on the bias
    /// of information estimates", 1955).
    fn information(&self) -> f64 {
        let [with, all] = [0, 1].map(|at| self.counts.iter().map(|own| own[at] as u64).collect::<Vec<_>>());
        let chance = freedom(&all) / 2.0;
        (information(&all, &with) - 3.0 * chance) / LN_2 / self.total()[1].max(1) as f64
    }

    /// Whether they should be read.
    pub fn tell(&self) -> bool {
        self.total()[0] >= LEAST_TEXTS && self.information() > TELLING
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
        Some(format!("HTML's tags are {verb}: {some} of {all} training texts have some, {most} and {least}"))
    }
}

/// Whether a text has fewer words if tags vanish.
fn has_tags(text: &[u8]) -> bool {
    let words = |tags: bool| {
        let mut count = 0usize;
        words_of(text, Options { punctuation: true, tags }, |_| count += 1);
        count
    };
    text.contains(&b'<') && words(true) != words(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_what_vanishes() {
        for (text, has) in [("a<br>b", true), ("x < y > z", false), ("&lt;b&gt;", false), ("Vec<u8>", false)]
        {
            assert_eq!(has_tags(text.as_bytes()), has, "{text}");
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
            let tags = Tags { counts };
            assert_eq!(tags.tell(), tell, "{tags:?} {}", tags.information());
        }
    }

    #[test]
    fn what_becomes_of_them_is_said() {
        let tags = Tags { counts: vec![[1, 10], [9, 10]] };
        let labels = ["c".to_owned(), "html".to_owned()];
        assert_eq!(
            tags.describe(&labels, true).expect("some"),
            "HTML's tags are read as text (--tags false leaves them out): 10 of 20 training texts have some, 90.0 % of html and 10.0 % of c"
        );
        assert_eq!(Tags { counts: vec![[0, 10], [0, 10]] }.describe(&labels, false), None);
    }
}
