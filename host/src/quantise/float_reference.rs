//! The optional section that holds the network in f32.

use telltale::engine::float_reference::KIND;

use crate::bytes::Bytes;
use crate::model::weights::Weights;

/// Kind and content of the section with the weights as they are, see [`telltale::engine::float_reference`].
#[must_use]
pub fn float_reference(weights: &Weights) -> (u8, Vec<u8>) {
    let mut to = Bytes::default();
    let mut write = |numbers: &[f32]| numbers.iter().for_each(|number| to.bytes(&number.to_le_bytes()));
    write(weights.get("embed.weight"));
    for layer in 0..weights.config.layers {
        let [first, second] = weights.config.cell.biases();
        for what in [first, second, "weight_ih", "weight_hh"] {
            write(weights.layer(what, layer));
        }
        write(&weights.mix(layer)[..weights.config.cell.factors().len()]);
    }
    let head: &[&str] = if weights.config.head_hidden == 0 { &["fc"] } else { &["fc1", "fc2"] };
    for map in head {
        write(weights.get(&format!("{map}.bias")));
        write(weights.get(&format!("{map}.weight")));
    }
    (KIND, to.into_vec())
}

#[cfg(test)]
mod tests {
    use telltale::Model;
    use telltale::engine::fixed::Score;
    use telltale::engine::float_reference::{Memory, Network};

    use super::*;
    use crate::engine::{memory_for, state_in};
    use crate::model::config::{Cell, Config, Pooling};
    use crate::model::weights::Ranges;
    use crate::quantise::tests::{blob_with, config, random_weights, texts};

    /// How far a logit of the chip's float step may be from the PC's: approximated exponentials.
    const FLOAT_TOLERANCE: f32 = 0.01;
    /// How far it may be from the integer engine's: i8 weights besides.
    const INTEGER_TOLERANCE: f32 = 0.06;

    /// Every cell, pooling and head, one and two layers: the three implementations agree after every word.
    #[test]
    fn the_float_step_agrees_with_the_integer_engine() {
        for cell in [Cell::Rnn, Cell::Gru, Cell::Lstm, Cell::Fastgrnn] {
            for (layers, pooling, head_hidden) in
                [(1, Pooling::Last, 0), (2, Pooling::Mean, 0), (1, Pooling::Max, 9), (2, Pooling::Last, 5)]
            {
                let weights = random_weights(&config(cell, layers, pooling, head_hidden), 3);
                let blob = blob_with(&weights, vec![float_reference(&weights)]);
                let (float, integer) = distances(&weights, &blob);
                let name = format!("{cell} ×{layers} {pooling:?} {head_hidden}");
                assert!(float < FLOAT_TOLERANCE && integer < INTEGER_TOLERANCE, "{name}: {float} {integer}");
                assert!(float > 0.0 && integer > 0.0, "{name}: approximations cannot be exact");
            }
        }
    }

    fn distances(weights: &Weights, blob: &[u8]) -> (f32, f32) {
        let model = Model::open(blob).expect("opens");
        let network = Network::open(&model, blob).expect("the section is there");
        let mut memory = memory_for(&model);
        let mut state = state_in(&model, &mut memory).expect("fits");
        let (mut float, mut integer) = (0.0f32, 0.0f32);
        for ids in texts(11, 12, 80) {
            let mut memory = Memory::<280>::new();
            network.check(&memory).expect("fits");
            let mut reference = weights.start();
            let mut ranges = Ranges::default();
            state.reset();
            for id in ids {
                network.step(id, &mut memory);
                weights.step(id, &mut reference, &mut ranges);
                model.read_known(id, &mut state);
                let exact = weights.logits(&reference, &mut ranges);
                let scores = model.scores(&mut state);
                for ((&own, exact), &score) in network.scores(&mut memory).iter().zip(exact).zip(scores) {
                    float = float.max((own - exact).abs());
                    integer = integer.max((own - Score::from_bits(score).to_num::<f32>()).abs());
                }
            }
        }
        (float, integer)
    }

    #[test]
    fn a_section_of_another_size_is_refused() {
        let weights = random_weights(&config(Cell::Gru, 1, Pooling::Mean, 0), 3);
        let open = |section: Vec<(u8, Vec<u8>)>| {
            let blob = blob_with(&weights, section);
            let model = Model::open(&blob).expect("the section may be skipped");
            let result = Network::open(&model, &blob);
            result.map(|_| ()).map_err(|error| error.to_string())
        };
        let (kind, mut bytes) = float_reference(&weights);
        bytes.extend([0; 4]);
        assert!(open(vec![(kind, bytes.clone())]).expect_err("longer").contains("malformed"));
        bytes.truncate(bytes.len() - 8);
        assert!(open(vec![(kind, bytes)]).expect_err("shorter").contains("malformed"));
        assert!(open(Vec::new()).expect_err("none").contains("missing"));
        let other = random_weights(&Config { hidden: 21, ..weights.config.clone() }, 3);
        assert!(open(vec![float_reference(&other)]).expect_err("another").contains("malformed"));
    }

    #[test]
    fn memory_that_is_too_small_is_refused() {
        let weights = random_weights(&config(Cell::Lstm, 2, Pooling::Mean, 0), 3);
        let blob = blob_with(&weights, vec![float_reference(&weights)]);
        let model = Model::open(&blob).expect("opens");
        let network = Network::open(&model, &blob).expect("opens");
        // Units of two layers, pooled units, sums.
        assert!(network.check(&Memory::<{ 80 + 20 + 80 }>::new()).is_ok());
        assert!(network.check(&Memory::<179>::new()).is_err());
    }
}
