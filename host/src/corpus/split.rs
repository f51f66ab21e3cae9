//! Deterministic, stratified splits.

use std::collections::HashMap;

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_pcg::Pcg64;

use super::Example;

/// Cuts examples into train, valid and test: of each label the given shares, chosen by `seed`; equal
/// texts stay together. Of labels that are too rare for their share to be a text, some give one all the same, so that
/// the shares hold for all of them together; a label's last text stays in train. The order within each part is that of
/// the input.
pub fn split(examples: Vec<Example>, classes: usize, valid: f64, test: f64, seed: u64) -> [Vec<Example>; 3] {
    // Equal texts form a group; the first one's label decides about its stratum.
    let mut groups: Vec<Vec<Vec<usize>>> = vec![Vec::new(); classes];
    let mut place: HashMap<&str, (usize, usize)> = HashMap::new();
    for (index, example) in examples.iter().enumerate() {
        let stratum = example.label as usize;
        let (stratum, group) = *place.entry(&example.text).or_insert_with(|| {
            groups[stratum].push(Vec::new());
            (stratum, groups[stratum].len() - 1)
        });
        groups[stratum][group].push(index);
    }
    let mut part = vec![0usize; examples.len()];
    let mut random = Pcg64::seed_from_u64(seed);
    let wanted = |count: usize, share: f64| (count as f64 * share).round() as usize;
    let size = |groups: &[Vec<usize>]| groups.iter().map(Vec::len).sum::<usize>();
    let shares = [(2, test), (1, valid)];
    for stratum in &mut groups {
        stratum.shuffle(&mut random);
        let count = size(stratum);
        let mut rest = stratum.iter().take(stratum.len().saturating_sub(1));
        for (number, share) in shares {
            let mut taken = 0;
            while taken < wanted(count, share) {
                let Some(group) = rest.next() else { break };
                group.iter().for_each(|&index| part[index] = number);
                taken += group.len();
            }
        }
    }
    for (number, share) in shares {
        let mut rare: Vec<&Vec<Vec<usize>>> =
            groups.iter().filter(|groups| wanted(size(groups), share) == 0).collect();
        let all: usize = rare.iter().map(|groups| size(groups)).sum();
        rare.shuffle(&mut random);
        for groups in rare.into_iter().filter(|groups| groups.len() > 1).take(wanted(all, share)) {
            let mut left = groups.iter().filter(|group| group.first().is_some_and(|&index| part[index] == 0));
            if let (Some(group), Some(_)) = (left.next(), left.next()) {
                group.iter().for_each(|&index| part[index] = number);
            }
        }
    }
    let mut parts = [Vec::new(), Vec::new(), Vec::new()];
    for (example, part) in examples.into_iter().zip(part) {
        parts[part].push(example);
    }
    parts
}
