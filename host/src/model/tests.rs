//! Whole networks: the pass without a tape against Candle's own operations, and against finite
//! differences.

use candle_core::{Device, Tensor};
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::dropout::dropped;
use super::gradients::{Gradient, Gradients};
use super::network::{Batch, Network, Pass, Seeds};
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
fn reference(network: &Network, batch: &Batch, pass: &Pass) -> Tensor {
    let config = &network.config;
    let var = |name: String| network.vars()[&name].as_tensor();
    let seeds = Seeds::draw(&mut random());
    let ids = Tensor::new(&batch.ids[..], &Device::Cpu).expect("ids");
    let x = var("embed.weight".to_owned()).index_select(&ids, 0).expect("rows");
    let mut x = dropped(&x, pass.dropout_embed, seeds.embed).expect("drops");
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
        x = graph::layer(config.cell, &batch.plan, pass.bptt, &x, &own).expect("runs");
    }
    let pooled = pool::graph(config.pooling, &batch.plan, pass.every_word, &x).expect("pools");
    let pooled = dropped(&pooled, pass.dropout_head, seeds.head).expect("drops");
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

fn dense(network: &Network, gradients: &Gradients, name: &str) -> Vec<f32> {
    match gradients.get(name).expect("a gradient") {
        Gradient::Dense(values) => values.clone(),
        Gradient::Rows(rows) => {
            let mut all = vec![0.0; network.vars()[name].elem_count()];
            for (&id, row) in rows.ids.iter().zip(rows.values.chunks_exact(rows.width)) {
                all[id as usize * rows.width..][..rows.width].copy_from_slice(row);
            }
            all
        }
        Gradient::Tensor(tensor) => tensor.flatten_all().and_then(|t| t.to_vec1()).expect("f32"),
    }
}

fn passes() -> impl Iterator<Item = Pass> {
    [None, Some(4)].into_iter().flat_map(|bptt| {
        [false, true].into_iter().flat_map(move |every_word| {
            [0.0, 0.3].map(|p| Pass { dropout_embed: p, dropout_head: p, bptt, every_word })
        })
    })
}

/// Forward and backward of every cell, with one, two and three layers, padding and truncation.
#[test]
fn a_run_is_the_graph() {
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
            for pass in passes() {
                let what = format!("{cell} ×{layers} {pooling:?} {head_hidden} {pass:?}");
                let logits = reference(&network, &batch, &pass);
                let own = network.run(&batch, &pass, &mut random()).expect("runs");
                let tape = network.forward(&batch, &pass, &mut random()).expect("runs");
                let values =
                    |tensor: &Tensor| tensor.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("f32");
                for ((a, b), c) in own.logits().iter().zip(values(&logits)).zip(values(&tape)) {
                    assert!((a - b).abs() < 2e-6 && (b - c).abs() < 2e-6, "{what}: {a} {b} {c}");
                }
                let mut numbers = random();
                let d: Vec<f32> = own.logits().iter().map(|_| numbers.random_range(-1.0..1.0)).collect();
                let weight = Tensor::from_slice(&d, logits.shape(), &Device::Cpu).expect("fits");
                let store = |logits: &Tensor| {
                    (logits * &weight).and_then(|t| t.sum_all()).and_then(|t| t.backward()).expect("backward")
                };
                let (stores, gradients) =
                    ([store(&logits), store(&tape)], own.backward(&d).expect("backward"));
                for (name, var) in network.vars() {
                    let own = dense(&network, &gradients, name);
                    for store in &stores {
                        let exact = values(store.get(var).expect("a gradient"));
                        let largest = exact.iter().fold(1e-3f32, |largest, value| largest.max(value.abs()));
                        for (a, b) in own.iter().zip(&exact) {
                            assert!((a - b).abs() < 2e-5 * largest, "{what} {name}: {a} {b}");
                        }
                    }
                }
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
            let pass = Pass { dropout_embed: 0.2, dropout_head: 0.2, bptt: None, every_word };
            let run = || network.run(&batch, &pass, &mut random()).expect("runs");
            let mut numbers = random();
            let d: Vec<f32> = run().logits().iter().map(|_| numbers.random_range(-1.0..1.0)).collect();
            let loss =
                || run().logits().iter().zip(&d).map(|(&y, &d)| f64::from(y) * f64::from(d)).sum::<f64>();
            let gradients = run().backward(&d).expect("backward");
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

/// What a GPU does, in tensors on the CPU: the loss, its logits and gradients are those of a run.
#[test]
fn tensors_learn_what_a_run_learns() {
    let batch = batch();
    for cell in CELLS {
        for (layers, pooling, head_hidden) in
            [(1, Pooling::Mean, 0), (2, Pooling::Mean, 7), (2, Pooling::Last, 0), (3, Pooling::Max, 5)]
        {
            let network =
                Network::new(&config(cell, layers, pooling, head_hidden), &Device::Cpu, 5).expect("builds");
            for pass in passes() {
                let what = format!("{cell} ×{layers} {pooling:?} {head_hidden} {pass:?}");
                let run = network.run(&batch, &pass, &mut random()).expect("runs");
                let mut numbers = random();
                let wanted: Vec<f32> = run.logits().iter().map(|_| numbers.random_range(0.0..1.0)).collect();
                let (loss, d_logits) = crate::train::cross_entropy(run.logits(), &wanted, 3);
                let (their_loss, logits, theirs) = network
                    .learn(&batch, &pass, &mut random(), &wanted, &vec![0.0; wanted.len()])
                    .expect("learns");
                assert!(
                    (loss - their_loss).abs() < 1e-5 * loss.abs().max(1.0),
                    "{what}: {loss} {their_loss}"
                );
                let only = network.logits(&batch, &pass, &mut random()).expect("runs");
                for logits in [logits, only] {
                    let logits: Vec<f32> = logits.flatten_all().and_then(|t| t.to_vec1()).expect("f32");
                    for (a, b) in run.logits().iter().zip(logits) {
                        assert!((a - b).abs() < 2e-6, "{what}: {a} {b}");
                    }
                }
                let ours = run.backward(&d_logits).expect("backward");
                for name in network.vars().keys() {
                    let (own, exact) = (dense(&network, &theirs, name), dense(&network, &ours, name));
                    let largest = exact.iter().fold(1e-3f32, |largest, value| largest.max(value.abs()));
                    for (a, b) in own.iter().zip(&exact) {
                        assert!((a - b).abs() < 2e-5 * largest, "{what} {name}: {a} {b}");
                    }
                }
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
    let pass = Pass::default();
    let tensor = network.logits(&batch, &pass, &mut random()).expect("runs");
    assert_eq!(tensor.flatten_all().and_then(|t| t.to_vec1::<f32>()).expect("f32"), bias);
    assert_eq!(network.run(&batch, &pass, &mut random()).expect("runs").logits(), bias);
}
