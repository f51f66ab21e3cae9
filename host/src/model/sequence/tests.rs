//! Gradients: fused and stepwise against Candle's graph, and against finite differences.

use candle_core::{Device, Tensor, Var};
use candle_nn::RNN;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;

use super::*;

/// Largest difference between an operation and the graph, relative to the largest gradient.
const GRAPH_TOLERANCE: f32 = 2e-5;
/// The same of ζ and ν, whose gradients are sums over all units of all rows.
const MIX_TOLERANCE: f32 = 1e-4;

fn random(shape: &[usize], range: f32, seed: u64) -> Tensor {
    let mut random = Pcg64::seed_from_u64(seed);
    let size = shape.iter().product();
    let values: Vec<f32> = (0..size).map(|_| random.random_range(-range..range)).collect();
    Tensor::from_vec(values, shape, &Device::Cpu).expect("shape fits")
}

fn values(tensor: &Tensor) -> Vec<f32> {
    tensor.flatten_all().and_then(|flat| flat.to_vec1()).expect("f32")
}

fn distance(a: &Tensor, b: &Tensor) -> f32 {
    assert_eq!(a.dims(), b.dims());
    values(a).iter().zip(values(b)).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn largest(tensor: &Tensor) -> f32 {
    values(tensor).iter().fold(1e-3, |largest, value| largest.max(value.abs()))
}

const CELLS: [Cell; 4] = [Cell::Rnn, Cell::Gru, Cell::Lstm, Cell::Fastgrnn];
const POOLINGS: [Pooling; 3] = [Pooling::Last, Pooling::Mean, Pooling::Max];

/// x and a layer's W, U and biases, drawn, then a FastGRNN's ζ and ν.
fn drawn(cell: Cell, rows: usize, inputs: usize, width: usize, seed: u64) -> Vec<Tensor> {
    let gates = cell.gates() * width;
    let mut all = vec![
        random(&[rows, inputs], 1.0, seed),
        random(&[gates, inputs], 0.6, seed + 1),
        random(&[gates, width], 0.6, seed + 2),
        random(&[gates], 0.5, seed + 3),
        random(&[gates], 0.5, seed + 4),
    ];
    if cell == Cell::Fastgrnn {
        all.push(Tensor::new(&[0.8f32, 0.3], &Device::Cpu).expect("two numbers"));
    }
    all
}

fn tensors(all: &[Tensor]) -> Tensors<'_> {
    Tensors { weight_ih: &all[1], weight_hh: &all[2], bias_ih: &all[3], bias_hh: &all[4], mix: all.get(5) }
}

fn vars(all: &[Tensor]) -> (Vec<Var>, Vec<Tensor>) {
    let vars: Vec<Var> = all.iter().map(|tensor| Var::from_tensor(tensor).expect("var")).collect();
    let tensors = vars.iter().map(|var| var.as_tensor().clone()).collect();
    (vars, tensors)
}

/// Ragged texts, one of them empty; more rows than a chunk of the backward pass has.
fn ragged() -> Arc<PackedSequence> {
    Arc::new(PackedSequence::new(vec![90, 80, 80, 33, 9, 7, 7, 4, 1, 1, 0]))
}

/// The ways of a layer and a mean that no CPU takes, on the CPU.
fn stepwise(
    cell: Cell,
    packed: &Arc<PackedSequence>,
    bptt: Option<usize>,
    x: &Tensor,
    parameters: &Tensors<'_>,
) -> Tensor {
    let (weights, biases) = parameters.joined().expect("fits");
    let op = stepwise::Stepwise::new(cell, packed.clone(), bptt, [x, &weights, &biases]).expect("runs");
    x.apply_op3(&weights, &biases, op).expect("runs")
}

#[test]
fn operations_are_the_graph_forward_and_backward() {
    let packed = ragged();
    let none = Dropout::default();
    for (cell, (inputs, width)) in CELLS.into_iter().flat_map(|cell| [(cell, (3, 5)), (cell, (16, 35))]) {
        for bptt in [None, Some(1), Some(3)] {
            for (pooling, every_word) in POOLINGS.into_iter().flat_map(|p| [(p, false), (p, true)]) {
                let all = drawn(cell, packed.rows(), inputs, width, 1);
                let all: Vec<Tensor> = all.iter().map(|tensor| (tensor * 0.5).expect("scales")).collect();
                let (vars, all) = vars(&all);
                let rows = if every_word { packed.rows() } else { packed.texts() };
                let weight = random(&[rows, width], 1.0, 9);
                let gradients = |pooled: candle_core::Result<Tensor>| {
                    let loss = pooled.and_then(|pooled| (pooled * &weight)?.sum_all()).expect("sums");
                    loss.backward().expect("backward")
                };
                let theirs = graph::layer(cell, &packed, bptt, &all[0], &tensors(&all)).expect("runs");
                let exact = gradients(pool::graph(pooling, &packed, every_word, &theirs));
                let fused = layer(cell, &packed, bptt, &all[0], &tensors(&all)).expect("runs");
                let stepwise = stepwise(cell, &packed, bptt, &all[0], &tensors(&all));
                let by_product = match pooling {
                    Pooling::Mean => mean::MeanByProduct::new(&packed, every_word, &stepwise)
                        .and_then(|mean| stepwise.apply_op1(mean)),
                    _ => pool::graph(pooling, &packed, every_word, &stepwise),
                };
                let pooled = pooled(pooling, &packed, every_word, none, &fused);
                for (what, ours, pooled) in [("fused", fused, pooled), ("stepwise", stepwise, by_product)] {
                    assert!(distance(&ours, &theirs) < 2e-6, "{what} {cell} {}", distance(&ours, &theirs));
                    let ours = gradients(pooled);
                    for (at, var) in vars.iter().enumerate() {
                        let (a, b) = (ours.get(var).expect("gradient"), exact.get(var).expect("gradient"));
                        let off = distance(a, b) / largest(b);
                        let tolerance = if at == 5 { MIX_TOLERANCE } else { GRAPH_TOLERANCE };
                        assert!(
                            off < tolerance,
                            "{what} {cell} {bptt:?} {pooling:?} {every_word} {at}: {off}"
                        );
                    }
                }
            }
        }
    }
}

/// Look-up and pooling with dropout are Candle's own operations and a product with the mask.
#[test]
fn dropout_is_a_mask() {
    let packed = ragged();
    let dropout = Dropout { p: 0.4, seed: 3 };
    let places: Vec<u32> = (0..packed.rows() as u32).map(|row| row * 7 % 5).collect();
    let rows = Var::from_tensor(&random(&[5, 6], 1.0, 1)).expect("var");
    let index = Tensor::new(&places[..], &Device::Cpu).expect("ids");
    let x = lookup(&rows, places, dropout).expect("looks up");
    let theirs = rows.index_select(&index, 0).and_then(|x| dropout.on_tape(&x)).expect("selects");
    assert_eq!(values(&x), values(&theirs));
    for (pooling, every_word) in POOLINGS.into_iter().flat_map(|p| [(p, false), (p, true)]) {
        let pooled = pooled(pooling, &packed, every_word, dropout, &x).expect("pools");
        let graph = pool::graph(pooling, &packed, every_word, &theirs).expect("pools");
        let graph = dropout.on_tape(&graph).expect("drops");
        assert!(distance(&pooled, &graph) < 1e-6, "{pooling:?} {every_word}");
        let gradient = |pooled: &Tensor| {
            let store = pooled.sqr().and_then(|t| t.sum_all()).and_then(|t| t.backward()).expect("backward");
            store.get(&rows).expect("gradient").clone()
        };
        let (ours, exact) = (gradient(&pooled), gradient(&graph));
        assert!(distance(&ours, &exact) < 1e-5 * largest(&exact), "{pooling:?} {every_word}");
    }
}

#[test]
fn gradients_are_finite_differences() {
    let packed = Arc::new(PackedSequence::new(vec![6, 3, 1]));
    for cell in CELLS {
        let inputs = drawn(cell, packed.rows(), 3, 4, 5);
        let weight = random(&[packed.texts(), 4], 1.0, 13);
        let loss = |inputs: &[Tensor]| {
            let h = layer(cell, &packed, None, &inputs[0], &tensors(inputs)).expect("runs");
            let pooled = pooled(Pooling::Mean, &packed, false, Dropout::default(), &h).expect("pools");
            (pooled * &weight).and_then(|t| t.sum_all()).expect("sums")
        };
        let (vars, all) = vars(&inputs);
        let gradients = loss(&all).backward().expect("backward");
        for (at, var) in vars.iter().enumerate() {
            let gradient = values(gradients.get(var).expect("gradient"));
            for (index, &exact) in gradient.iter().enumerate() {
                let step = 2e-2f32;
                let shifted = |by: f32| {
                    let mut moved = inputs.clone();
                    let mut numbers = values(&inputs[at]);
                    numbers[index] += by;
                    moved[at] = Tensor::from_vec(numbers, inputs[at].shape(), &Device::Cpu).expect("fits");
                    loss(&moved).to_scalar::<f32>().expect("scalar")
                };
                let measured = (shifted(step) - shifted(-step)) / (2.0 * step);
                assert!((measured - exact).abs() < 2e-3, "{cell} input {at}[{index}]: {measured} {exact}");
            }
        }
    }
}

/// Candle's own layers use PyTorch's gate orders and names; ours must give the same states.
#[test]
fn fused_is_candles_own_layer() {
    let (texts, steps, embed, width) = (3, 7, 6, 5);
    let packed = Arc::new(PackedSequence::new(vec![steps; texts]));
    let x = random(&[texts, steps, embed], 1.0, 11);
    // By time: row (t, b).
    let by_time =
        x.transpose(0, 1).and_then(|x| x.contiguous()).and_then(|x| x.reshape((texts * steps, embed)));
    let by_time = by_time.expect("reshapes");
    for cell in [Cell::Gru, Cell::Lstm] {
        let rows = cell.gates() * width;
        let w = random(&[rows, embed], 0.5, 12);
        let u = random(&[rows, width], 0.5, 13);
        let (b, c) = (random(&[rows], 0.5, 14), random(&[rows], 0.5, 15));
        let tensors = [("weight_ih_l0", &w), ("weight_hh_l0", &u), ("bias_ih_l0", &b), ("bias_hh_l0", &c)];
        let tensors = tensors.into_iter().map(|(name, tensor)| (name.to_owned(), tensor.clone())).collect();
        let builder = candle_nn::VarBuilder::from_tensors(tensors, candle_core::DType::F32, &Device::Cpu);
        let theirs = match cell {
            Cell::Gru => {
                let layer =
                    candle_nn::gru(embed, width, candle_nn::GRUConfig::default(), builder).expect("layer");
                layer.states_to_tensor(&layer.seq(&x).expect("runs")).expect("stacks")
            }
            _ => {
                let layer =
                    candle_nn::lstm(embed, width, candle_nn::LSTMConfig::default(), builder).expect("layer");
                layer.states_to_tensor(&layer.seq(&x).expect("runs")).expect("stacks")
            }
        };
        let own = Tensors { weight_ih: &w, weight_hh: &u, bias_ih: &b, bias_hh: &c, mix: None };
        let ours = layer(cell, &packed, None, &by_time, &own).expect("runs");
        let ours = ours.reshape((steps, texts, width)).and_then(|h| h.transpose(0, 1)).expect("reshapes");
        let theirs = theirs.reshape((texts, steps, width)).expect("reshapes");
        assert!(distance(&ours, &theirs) < 1e-5, "{cell}");
    }
}
