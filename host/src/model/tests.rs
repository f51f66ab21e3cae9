//! Whole networks: the forward pass and its gradients against Candle's own operations alone, and against finite
//! differences.

use candle_core::{Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::dropout::Dropout;
use super::gradients::{Gradient, Gradients};
use super::network::{Batch, ForwardOptions, Network, Seeds};
use super::sequence::{Tensors, graph, pool};
use super::{Cell, Config, Pooling};

const CELLS: [Cell; 4] = [Cell::Rnn, Cell::Gru, Cell::Lstm, Cell::Fastgrnn];

fn config(cell: Cell, layers: usize, pooling: Pooling, head_hidden: usize) -> Config {
    Config { cell, layers, embed: 6, hidden: 9, vocab: 20, pooling, head_hidden, classes: 3 }
}

/// Ragged texts with an empty one.
fn batch() -> Batch {
    let mut random = Pcg64::seed_from_u64(4);
    let texts: Vec<Vec<u32>> =
        [3, 17, 1, 0, 8, 8].iter().map(|&n| (0..n).map(|_| random.random_range(0..20)).collect()).collect();
    Batch::new(&texts.iter().map(Vec::as_slice).collect::<Vec<_>>())
}

fn random() -> Pcg64 {
    Pcg64::seed_from_u64(11)
}

/// Logits out of Candle's own operations alone.
fn reference(network: &Network, batch: &Batch, options: &ForwardOptions) -> Tensor {
    let config = &network.config;
    let var = |name: String| network.vars()[&name].as_tensor();
    let seeds = Seeds::draw(&mut random());
    let ids = Tensor::new(&batch.ids[..], &Device::Cpu).expect("ids");
    let x = var("embed.weight".to_owned()).index_select(&ids, 0).expect("rows");
    let mut x = Dropout { p: options.dropout_embed, seed: seeds.embed }.on_tape(&x).expect("drops");
    for layer in 0..config.layers {
        let get = |what: &str| var(format!("rnn.{what}_l{layer}"));
        let [bias_ih, bias_hh] = config.cell.biases();
        let factors: Vec<_> = config.cell.factors().iter().map(|what| get(what)).collect();
        let mix = (!factors.is_empty()).then(|| {
            Tensor::cat(&factors, 0).and_then(|raw| candle_nn::ops::sigmoid(&raw)).expect("two numbers")
        });
        let own = Tensors {
            weight_ih: get("weight_ih"),
            weight_hh: get("weight_hh"),
            bias_ih: get(bias_ih),
            bias_hh: get(bias_hh),
            mix: mix.as_ref(),
        };
        x = graph::layer(config.cell, &batch.packed, options.bptt, &x, &own).expect("runs");
    }
    let pooled = pool::graph(config.pooling, &batch.packed, options.every_word, &x).expect("pools");
    let pooled = Dropout { p: options.dropout_head, seed: seeds.head }.on_tape(&pooled).expect("drops");
    let linear = |name: &str, x: &Tensor| {
        let weight = var(format!("{name}.weight")).t().expect("turns");
        x.matmul(&weight).and_then(|y| y.broadcast_add(var(format!("{name}.bias")))).expect("maps")
    };
    if config.head_hidden == 0 {
        linear("fc", &pooled)
    } else {
        linear("fc2", &linear("fc1", &pooled).relu().expect("relu"))
    }
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("f32")
}

fn dense(network: &Network, gradients: &Gradients, name: &str) -> Vec<f32> {
    match gradients.get(name).expect("a gradient") {
        Gradient::Dense(tensor) => values(tensor),
        Gradient::Rows(rows) => values(&rows.to_dense(network.config.vocab).expect("ids are rows")),
    }
}

fn options() -> impl Iterator<Item = ForwardOptions> {
    [None, Some(4)].into_iter().flat_map(|bptt| {
        [false, true].into_iter().flat_map(move |every_word| {
            [0.0, 0.3].map(|p| ForwardOptions { dropout_embed: p, dropout_head: p, bptt, every_word })
        })
    })
}

/// Forward and backward of every cell, with one, two and three layers, padding and truncation.
#[test]
fn a_pass_is_the_graph() {
    let batch = batch();
    for cell in CELLS {
        for (layers, pooling, head_hidden) in [
            (1, Pooling::Mean, 0),
            (2, Pooling::Mean, 0),
            (2, Pooling::Last, 7),
            (2, Pooling::Max, 0),
            (3, Pooling::Max, 20),
        ] {
            let network =
                Network::new(&config(cell, layers, pooling, head_hidden), &Device::Cpu, 5).expect("builds");
            for options in options() {
                let what = format!("{cell} ×{layers} {pooling:?} {head_hidden} {options:?}");
                let graph = reference(&network, &batch, &options);
                let pass = network.forward(&batch, &options, &mut random()).expect("runs");
                for (a, b) in values(&pass.logits).iter().zip(values(&graph)) {
                    assert!((a - b).abs() < 2e-6, "{what}: {a} {b}");
                }
                let mut numbers = random();
                let d: Vec<f32> = (0..graph.elem_count()).map(|_| numbers.random_range(-1.0..1.0)).collect();
                let weight = Tensor::from_slice(&d, graph.shape(), &Device::Cpu).expect("fits");
                let loss = |logits: &Tensor| (logits * &weight).and_then(|t| t.sum_all()).expect("sums");
                let store = loss(&graph).backward().expect("backward");
                let loss = loss(&pass.logits);
                let gradients = pass.backward(&loss).expect("backward");
                for (name, var) in network.vars() {
                    let exact = values(store.get(var).expect("a gradient"));
                    let largest = exact.iter().fold(1e-3f32, |largest, value| largest.max(value.abs()));
                    for (a, b) in dense(&network, &gradients, name).iter().zip(&exact) {
                        assert!((a - b).abs() < 2e-5 * largest, "{what} {name}: {a} {b}");
                    }
                }
            }
        }
    }
}

/// A GPU takes other ways through a layer and a mean than the CPU; needs one.
#[cfg(feature = "cuda")]
#[test]
fn a_gpu_is_the_cpu() {
    let gpu = Device::new_cuda(0).expect("tests of a build with CUDA need a GPU");
    let batch = batch();
    for (cell, (layers, pooling, head_hidden)) in CELLS.into_iter().flat_map(|cell| {
        [(1, Pooling::Mean, 0), (2, Pooling::Last, 7), (2, Pooling::Max, 0)].map(|shape| (cell, shape))
    }) {
        let own = Network::new(&config(cell, layers, pooling, head_hidden), &Device::Cpu, 5).expect("builds");
        let theirs = Network::from_weights(&own.weights().expect("finite"), &gpu).expect("builds");
        for options in options() {
            let what = format!("{cell} ×{layers} {pooling:?} {head_hidden} {options:?}");
            let run = |network: &Network| {
                let pass = network.forward(&batch, &options, &mut random()).expect("runs");
                let logits = values(&pass.logits);
                let loss = pass.logits.sqr().and_then(|t| t.sum_all()).expect("sums");
                let gradients = pass.backward(&loss).expect("backward");
                let names = network.vars().keys();
                (logits, names.map(|name| dense(network, &gradients, name)).collect::<Vec<_>>())
            };
            let ((logits, gradients), (their_logits, their_gradients)) = (run(&own), run(&theirs));
            for (own, theirs) in
                gradients.iter().chain([&logits]).zip(their_gradients.iter().chain([&their_logits]))
            {
                let largest = own.iter().fold(1e-3f32, |largest, value| largest.max(value.abs()));
                assert!(
                    own.iter().zip(theirs).all(|(a, b)| (a - b).abs() < 2e-5 * largest),
                    "{what}: {own:?} {theirs:?}"
                );
            }
        }
    }
}

/// Two layers, every cell, a head without kinks: the slope along each parameter's own gradient is its squared norm.
#[test]
fn gradients_of_two_layers_are_finite_differences() {
    let batch = batch();
    for cell in CELLS {
        for every_word in [false, true] {
            let network = Network::new(&config(cell, 2, Pooling::Mean, 0), &Device::Cpu, 8).expect("builds");
            let options = ForwardOptions { dropout_embed: 0.2, dropout_head: 0.2, bptt: None, every_word };
            let run = || network.forward(&batch, &options, &mut random()).expect("runs");
            let mut numbers = random();
            let pass = run();
            let d: Vec<f32> =
                (0..pass.logits.elem_count()).map(|_| numbers.random_range(-1.0..1.0)).collect();
            let loss = || {
                let logits = values(&run().logits);
                logits.iter().zip(&d).map(|(&y, &d)| f64::from(y) * f64::from(d)).sum::<f64>()
            };
            let weight = Tensor::from_slice(&d, pass.logits.shape(), &Device::Cpu).expect("fits");
            let on_tape = (&pass.logits * weight).and_then(|t| t.sum_all()).expect("sums");
            let gradients = pass.backward(&on_tape).expect("backward");
            for (name, var) in network.vars() {
                let gradient = dense(&network, &gradients, name);
                let norm = gradient.iter().map(|&g| f64::from(g) * f64::from(g)).sum::<f64>().sqrt();
                let direction = Tensor::from_slice(&gradient, var.shape(), &Device::Cpu).expect("fits");
                let start = var.as_tensor().copy().expect("copies");
                let at = |by: f64| {
                    var.set(&(&start + (&direction * (by / norm)).expect("scales")).expect("adds"))
                        .expect("sets");
                    loss()
                };
                let step = 1e-2;
                let slope = (at(step) - at(-step)) / (2.0 * step);
                at(0.0);
                assert!(
                    (slope - norm).abs() < 2e-3 * norm.max(0.5),
                    "{cell} {every_word} {name}: {slope} {norm}"
                );
            }
        }
    }
}

/// Texts without words have logits, too.
#[test]
fn empty_batches_have_the_heads_biases() {
    let network = Network::new(&config(Cell::Gru, 2, Pooling::Mean, 0), &Device::Cpu, 5).expect("builds");
    let batch = Batch::new(&[&[], &[]]);
    let bias = network.vars()["fc.bias"].to_vec1::<f32>().expect("f32").repeat(2);
    let pass = network.forward(&batch, &ForwardOptions::default(), &mut random()).expect("runs");
    assert_eq!(values(&pass.logits), bias);
    assert_eq!(pass.logits.dims(), [2, 3]);
}

/// Only the rows of words that were read have a gradient, whatever the size of the vocabulary.
#[test]
fn the_embeddings_gradient_is_sparse() {
    let network = Network::new(&config(Cell::Gru, 1, Pooling::Mean, 0), &Device::Cpu, 5).expect("builds");
    let batch = Batch::new(&[&[7, 3, 7], &[19]]);
    let pass = network.forward(&batch, &ForwardOptions::default(), &mut random()).expect("runs");
    let loss = pass.logits.sqr().and_then(|t| t.sum_all()).expect("sums");
    let gradients = pass.backward(&loss).expect("backward");
    let Some(Gradient::Rows(rows)) = gradients.get("embed.weight") else { panic!("a dense gradient") };
    assert_eq!(rows.ids, [3, 7, 19]);
    assert_eq!(rows.values.dims(), [3, 6]);
    assert!(values(&rows.values).iter().all(|&value| value != 0.0));
}
