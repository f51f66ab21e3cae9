//! Finds out which tensor of a state dict is what.
//!
//! The names of attributes are the author's; what PyTorch's own modules append to them is not:
//!
//! - `*.weight_ih_l0`, `*.weight_hh_l0`, `*.bias_ih_l0`, `*.bias_hh_l0`, `*_l1` …: `nn.RNN`, `nn.GRU`, `nn.LSTM`
//! - the same without `_l0`: `nn.RNNCell`, `nn.GRUCell`, `nn.LSTMCell`; several are stacked in order
//! - `*.weight` with two dimensions: `nn.Embedding` if there is no `*.bias` and it has as many rows as
//!   there are words, otherwise `nn.Linear`
//!
//! Rows of `weight_hh` per unit tell the cell: 1 rnn, 3 gru, 4 lstm. Biases that are missing are zeros.
//!
//! PyTorch has no FastGRNN. Layers under the names that `train --save` gives them are read: `weight_ih` and
//! `weight_hh` as above, `bias_gate` and `bias_update` instead of biases, `zeta` and `nu`, none of them missing.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use super::config::Description;
use super::state::{Tensor, misfit};
use crate::model::{Cell, Config};

/// Parameters under the engine's names. The embedding's rows are still in the vocabulary's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapped {
    /// The network's shape; `vocab` is the number of the embedding's rows.
    pub config: Config,
    /// The parameters by name.
    pub tensors: BTreeMap<String, Vec<f32>>,
    /// What became of which tensor: (PyTorch's name, the name here).
    pub names: Vec<(String, String)>,
}

/// A recurrent layer as found.
#[derive(Clone, Debug, Default)]
struct Layer<'s> {
    /// The module's name and the layer's number in it.
    key: (String, usize),
    weight_ih: Option<&'s Tensor>,
    weight_hh: Option<&'s Tensor>,
    bias_ih: Option<&'s Tensor>,
    bias_hh: Option<&'s Tensor>,
    /// `bias_gate`, `bias_update`, `zeta` and `nu`.
    fast: [Option<&'s Tensor>; 4],
}

/// What a FastGRNN has beside its weights.
const FAST: [&str; 4] = ["bias_gate", "bias_update", "zeta", "nu"];

/// Maps a state dict whose vocabulary has `words` lines.
///
/// # Errors
/// Names the tensor that is missing, has no place or another shape than expected.
pub fn map(state: &[Tensor], words: usize, description: &Description) -> Result<Mapped> {
    let (layers, others) = recurrent(state)?;
    let Some(Layer { weight_hh: Some(first), .. }) = layers.first() else {
        bail!(
            "there is no recurrent layer (nn.RNN, nn.GRU, nn.LSTM or their cells): no tensor is named *.weight_hh*"
        );
    };
    let [rows, hidden] = first.shape[..] else { bail!(misfit(first, "two dimensions are expected")) };
    let cell = match rows.checked_div(hidden).filter(|gates| gates * hidden == rows) {
        Some(1) if layers.iter().any(|layer| layer.fast.iter().any(Option::is_some)) => Cell::Fastgrnn,
        Some(1) => Cell::Rnn,
        Some(3) => Cell::Gru,
        Some(4) => Cell::Lstm,
        _ => bail!(misfit(first, "[H, H] (rnn), [3·H, H] (gru) or [4·H, H] (lstm) is expected")),
    };
    let mut mapped = Mapped {
        config: Config {
            cell,
            layers: layers.len(),
            embed: 0,
            hidden,
            vocab: words,
            pooling: description.pooling,
            head_hidden: 0,
            classes: description.labels.len(),
        },
        tensors: BTreeMap::new(),
        names: Vec::new(),
    };
    let mut inputs = None;
    for (number, layer) in layers.iter().enumerate() {
        inputs = Some(mapped.layer(number, layer, inputs)?);
    }
    let linear = mapped.embedding(&others, words)?;
    mapped.head(&linear)?;
    mapped.agree(description)?;
    mapped.config.check()?;
    Ok(mapped)
}

/// The recurrent layers in order, and all other tensors.
fn recurrent(state: &[Tensor]) -> Result<(Vec<Layer<'_>>, Vec<&Tensor>)> {
    let mut layers: Vec<Layer<'_>> = Vec::new();
    let mut others = Vec::new();
    for tensor in state {
        let (module, own) = tensor.name.rsplit_once('.').unwrap_or(("", &tensor.name));
        if own.ends_with("_reverse") {
            bail!(misfit(tensor, "it is of a bidirectional layer, and the engine reads forwards only"));
        }
        if own.starts_with("weight_hr") {
            bail!(misfit(tensor, "it is of an LSTM with proj_size, which the engine does not have"));
        }
        let known = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
            .into_iter()
            .chain(FAST)
            .find_map(|what| Some((what, own.strip_prefix(what)?)));
        let number = match known {
            Some((_, "")) => Some(0),
            Some((_, rest)) => rest.strip_prefix("_l").and_then(|number| number.parse().ok()),
            None => None,
        };
        let (Some((what, _)), Some(number)) = (known, number) else {
            others.push(tensor);
            continue;
        };
        let key = (module.to_owned(), number);
        let at = layers.iter().position(|layer| layer.key == key).unwrap_or_else(|| {
            layers.push(Layer { key, ..Layer::default() });
            layers.len() - 1
        });
        let slot = match what {
            "weight_ih" => &mut layers[at].weight_ih,
            "weight_hh" => &mut layers[at].weight_hh,
            "bias_ih" => &mut layers[at].bias_ih,
            "bias_hh" => &mut layers[at].bias_hh,
            what => {
                let place = FAST.iter().position(|name| *name == what).unwrap_or(0);
                &mut layers[at].fast[place]
            }
        };
        *slot = Some(tensor);
    }
    // Modules as they come, the layers of each by number.
    let modules: Vec<String> = layers.iter().map(|layer| layer.key.0.clone()).collect();
    layers.sort_by_key(|Layer { key: (module, number), .. }| {
        (modules.iter().position(|other| other == module), *number)
    });
    Ok((layers, others))
}

impl Mapped {
    fn put(&mut self, name: &str, tensor: &Tensor) {
        self.names.push((tensor.name.clone(), name.to_owned()));
        self.tensors.insert(name.to_owned(), tensor.values.clone());
    }

    /// Takes a recurrent layer whose input is `inputs` wide, if that is known; its output's width.
    fn layer(&mut self, number: usize, layer: &Layer<'_>, inputs: Option<usize>) -> Result<usize> {
        let Config { cell, hidden, .. } = self.config;
        let rows = cell.gates() * hidden;
        let (module, own) = &layer.key;
        let named = |what: &str| format!("{module}.{what} of layer {own}");
        let weight_ih = layer.weight_ih.with_context(|| format!("{} is missing", named("weight_ih")))?;
        let weight_hh = layer.weight_hh.with_context(|| format!("{} is missing", named("weight_hh")))?;
        let [_, columns] = weight_ih.shape[..] else {
            bail!(misfit(weight_ih, "two dimensions are expected"));
        };
        let columns = inputs.unwrap_or(columns);
        if number == 0 {
            self.config.embed = columns;
        }
        let shapes =
            [("weight_ih", weight_ih, vec![rows, columns]), ("weight_hh", weight_hh, vec![rows, hidden])];
        for (what, tensor, shape) in shapes {
            if tensor.shape != shape {
                bail!(misfit(
                    tensor,
                    &format!("{shape:?} is expected (all layers are {cell} of {hidden} units)")
                ));
            }
            self.put(&format!("rnn.{what}_l{number}"), tensor);
        }
        if cell == Cell::Fastgrnn {
            if let Some(tensor) = layer.bias_ih.or(layer.bias_hh) {
                bail!(misfit(tensor, "it is of another cell than bias_gate, bias_update, zeta and nu"));
            }
            for (what, found) in FAST.into_iter().zip(layer.fast) {
                let tensor = found.with_context(|| format!("{} is missing", named(what)))?;
                let shape = [if what.starts_with("bias") { rows } else { 1 }];
                if tensor.shape != shape {
                    bail!(misfit(tensor, &format!("{shape:?} is expected")));
                }
                self.put(&format!("rnn.{what}_l{number}"), tensor);
            }
            return Ok(hidden);
        }
        if let Some(tensor) = layer.fast.iter().flatten().next() {
            bail!(misfit(tensor, &format!("it is of a fastgrnn, and the layers are {cell}")));
        }
        for (what, bias) in [("bias_ih", layer.bias_ih), ("bias_hh", layer.bias_hh)] {
            let name = format!("rnn.{what}_l{number}");
            match bias {
                None => {
                    self.tensors.insert(name, vec![0.0; rows]);
                }
                Some(tensor) if tensor.shape == [rows] => self.put(&name, tensor),
                Some(tensor) => bail!(misfit(tensor, &format!("[{rows}] is expected"))),
            }
        }
        Ok(hidden)
    }

    /// Takes the embedding from tensors that belong to no recurrent layer; the linear layers left, in order.
    fn embedding<'s>(&mut self, others: &[&'s Tensor], words: usize) -> Result<Vec<Linear<'s>>> {
        let mut linear: Vec<Linear<'s>> = Vec::new();
        for &tensor in others {
            let Some(module) = tensor.name.strip_suffix(".weight") else { continue };
            if tensor.shape.len() != 2 {
                bail!(misfit(
                    tensor,
                    "embeddings, recurrent and linear layers have weights of two dimensions"
                ));
            }
            let name = format!("{module}.bias");
            let bias = others.iter().find(|other| other.name == name).copied();
            linear.push(Linear { weight: tensor, bias });
        }
        for &tensor in others {
            let taken = linear.iter().any(|layer| {
                layer.weight.name == tensor.name || layer.bias.is_some_and(|bias| bias.name == tensor.name)
            });
            if !taken {
                bail!(misfit(
                    tensor,
                    "it is of no embedding, recurrent or linear layer, and the engine has no others"
                ));
            }
        }
        let embed = self.config.embed;
        let at = linear
            .iter()
            .position(|layer| layer.bias.is_none() && layer.weight.shape == [words, embed])
            .with_context(|| {
                let near = linear.iter().find(|layer| layer.bias.is_none() && layer.weight.shape[1] == embed);
                match near.or_else(|| linear.iter().find(|layer| layer.bias.is_none())) {
                    Some(layer) => misfit(
                        layer.weight,
                        &format!(
                            "an embedding of [{words}, {embed}] is expected: {words} lines in the vocabulary, {embed} inputs of the first layer"
                        ),
                    )
                    .to_string(),
                    None => format!("there is no embedding: a *.weight of [{words}, {embed}] without a bias is expected"),
                }
            })?;
        let embedding = linear.remove(at);
        self.put("embed.weight", embedding.weight);
        Ok(linear)
    }

    /// Takes the linear layers.
    fn head(&mut self, linear: &[Linear<'_>]) -> Result<()> {
        let Config { hidden, classes, .. } = self.config;
        let (first, last) = match linear {
            [] => bail!("there is no linear layer: a *.weight of [{classes}, {hidden}] is expected"),
            [last] => (None, last),
            // A file without order may have them the other way round.
            [a, b] if a.weight.shape[1] != hidden || b.weight.shape[1] != a.weight.shape[0] => (Some(b), a),
            [a, b] => (Some(a), b),
            [_, _, third, ..] => {
                bail!(misfit(
                    third.weight,
                    "the engine has two linear layers at most, with ReLU between them"
                ))
            }
        };
        let mut inputs = hidden;
        if let Some(first) = first {
            let units = first.weight.shape[0];
            self.linear("fc1", first, units, hidden, "the recurrent layer's units")?;
            self.config.head_hidden = units;
            inputs = units;
        }
        let name = if first.is_some() { "fc2" } else { "fc" };
        if last.weight.shape == [1, inputs] && classes == 2 {
            self.linear(name, last, 1, inputs, "")?;
            // σ(s) is the softmax of (0, s).
            for (part, zeros) in [("weight", inputs), ("bias", 1)] {
                if let Some(values) = self.tensors.get_mut(&format!("{name}.{part}")) {
                    values.splice(0..0, vec![0.0; zeros]);
                }
            }
            return Ok(());
        }
        self.linear(name, last, classes, inputs, "labels × what comes before")
    }

    fn linear(
        &mut self,
        name: &str,
        layer: &Linear<'_>,
        rows: usize,
        columns: usize,
        why: &str,
    ) -> Result<()> {
        if layer.weight.shape != [rows, columns] {
            bail!(misfit(layer.weight, &format!("[{rows}, {columns}] is expected ({why})")));
        }
        self.put(&format!("{name}.weight"), layer.weight);
        let bias = format!("{name}.bias");
        match layer.bias {
            None => {
                self.tensors.insert(bias, vec![0.0; rows]);
            }
            Some(tensor) if tensor.shape == [rows] => self.put(&bias, tensor),
            Some(tensor) => bail!(misfit(tensor, &format!("[{rows}] is expected"))),
        }
        Ok(())
    }

    /// What the configuration says of the shape must be so.
    fn agree(&self, description: &Description) -> Result<()> {
        let own = &self.config;
        let sizes = [
            ("layers", description.layers, own.layers),
            ("embed", description.embed, own.embed),
            ("hidden", description.hidden, own.hidden),
            ("head_hidden", description.head_hidden, own.head_hidden),
        ];
        for (name, said, is) in sizes {
            ensure!(
                said.is_none_or(|said| said == is),
                "`{name}` is {} in the configuration, {is} in the weights",
                said.unwrap_or(0)
            );
        }
        if let Some(said) = description.cell {
            ensure!(said == own.cell, "`cell` is {said} in the configuration, {} in the weights", own.cell);
        }
        Ok(())
    }
}

/// A linear layer as found.
#[derive(Clone, Copy, Debug)]
struct Linear<'s> {
    weight: &'s Tensor,
    bias: Option<&'s Tensor>,
}
