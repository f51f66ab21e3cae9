//! Identifies the tensors of a state dict.
//!
//! The names of attributes are the author's; what PyTorch's own modules append to them is not:
//!
//! - `*.weight_ih_l0`, `*.weight_hh_l0`, `*.bias_ih_l0`, `*.bias_hh_l0`, `*_l1` …: `nn.RNN`, `nn.GRU`, `nn.LSTM`
//! - the same without `_l0`: `nn.RNNCell`, `nn.GRUCell`, `nn.LSTMCell`
//! - `*.weight` with two dimensions: `nn.Embedding` if there is no `*.bias` and it has as many rows as
//!   there are words, otherwise `nn.Linear`
//!
//! Rows of `weight_hh` per unit show the cell: 1 rnn, 3 gru, 4 lstm. A layer has both biases or, with `bias=False`,
//! none of them. Several recurrent modules are a stack only by the configuration, or if they are numbered siblings
//! (`nn.ModuleList`) whose widths allow nothing else.
//!
//! PyTorch has no FastGRNN. Layers under the names that `train --save` gives them are read: `weight_ih` and
//! `weight_hh` as above, `bias_gate` and `bias_update` instead of biases, `zeta` and `nu`, none of them missing.
//!
//! Every tensor is either [taken](Mapped::taken), [left out](Mapped::left_out) for a reason, or an error that [names
//! its module](super::unsupported). What no tensor shows is [`Mapped::assumed`].

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, bail, ensure};
use serde::Serialize;

use super::config::{Activation, Description};
use super::state::{State, Tensor, misfit};
use super::unsupported::{Fate, of_other, of_tensor};
use crate::model::{Cell, Config, Pooling};

/// Parameters under the engine's names. The embedding's rows are still in the vocabulary's order.
#[derive(Clone, Debug, PartialEq)]
pub struct Mapped {
    /// The network's shape; `vocab` is the number of the embedding's rows.
    pub config: Config,
    /// Scores that PyTorch's network gives: one a label, or one of the second label alone.
    pub outputs: usize,
    /// The parameters by name.
    pub tensors: BTreeMap<String, Vec<f32>>,
    /// What became of which tensor: (PyTorch's name, the name here).
    pub names: Vec<(String, String)>,
    /// What each tensor was taken as.
    pub taken: Vec<Row>,
    /// What was left out, and why.
    pub left_out: Vec<Row>,
    /// What a state dict cannot tell.
    pub assumed: Vec<Assumption>,
}

/// A line of the table of tensors.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// The tensor's name.
    pub name: String,
    /// Its shape.
    pub shape: Vec<usize>,
    /// What it was taken as, or why it was left out.
    pub meaning: String,
}

/// Something that a state dict cannot tell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Assumption {
    /// What it is about.
    pub what: &'static str,
    /// What was taken.
    pub value: String,
    /// The configuration's key.
    pub key: &'static str,
    /// Whether the configuration set it; otherwise it is the default.
    pub configured: bool,
}

/// A recurrent layer as found.
#[derive(Clone, Debug)]
struct Layer<'s> {
    module: &'s str,
    number: usize,
    /// What follows `weight_ih` in its names.
    suffix: &'s str,
    weight_ih: Option<&'s Tensor>,
    weight_hh: Option<&'s Tensor>,
    bias_ih: Option<&'s Tensor>,
    bias_hh: Option<&'s Tensor>,
    /// `bias_gate`, `bias_update`, `zeta` and `nu`.
    fast: [Option<&'s Tensor>; 4],
}

impl Layer<'_> {
    /// The full name of one of its parameters.
    fn named(&self, what: &str) -> String {
        let dot = if self.module.is_empty() { "" } else { "." };
        format!("{}{dot}{what}{}", self.module, self.suffix)
    }
}

/// What a FastGRNN has beside its weights.
const FAST: [&str; 4] = ["bias_gate", "bias_update", "zeta", "nu"];

/// Maps a state dict whose vocabulary has `words` rows.
///
/// # Errors
/// Names the tensor that is missing, has no place or another shape than expected, and what it is of.
pub fn map(state: &State, words: usize, description: &Description) -> Result<Mapped> {
    let (kept, left_out) = sift(state, description)?;
    let (layers, others) = recurrent(&kept);
    let layers = in_order(layers, description)?;
    let Some(lowest) = layers.first() else {
        bail!(
            "there is no recurrent layer (nn.RNN, nn.GRU, nn.LSTM or their cells): no tensor is named *.weight_hh*{}",
            beside(state)
        );
    };
    let first = lowest.weight_hh.with_context(|| format!("{} is missing", lowest.named("weight_hh")))?;
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
        outputs: description.labels.len(),
        tensors: BTreeMap::new(),
        names: Vec::new(),
        taken: Vec::new(),
        left_out,
        assumed: Vec::new(),
    };
    let mut inputs = None;
    for (number, layer) in layers.iter().enumerate() {
        let has_biases = layers
            .iter()
            .any(|other| other.module == layer.module && other.bias_ih.or(other.bias_hh).is_some());
        inputs = Some(mapped.layer(number, layer, has_biases, inputs)?);
    }
    let linear = linears(&others)?;
    let linear =
        mapped.embedding(linear, words).with_context(|| format!("the embedding{}", beside(state)))?;
    mapped.head(&linear, state, lowest.module, description)?;
    mapped.agree(description)?;
    mapped.assume(description);
    mapped.activate(description);
    mapped.config.check()?;
    Ok(mapped)
}

/// Where else tensors could be, for an error.
fn beside(state: &State) -> String {
    match &state.beside[..] {
        [] => String::new(),
        keys => format!(" (read from `{}`; beside it lie {})", state.key, keys.join(", ")),
    }
}

/// The floats that are parameters of the network, and what is left out.
fn sift<'s>(state: &'s State, description: &Description) -> Result<(Vec<&'s Tensor>, Vec<Row>)> {
    let mut used = BTreeSet::new();
    let mut ignored = |name: &str| {
        let matches = |own: &&String| {
            name.strip_prefix(&own[..]).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        let found = description.ignore.iter().find(matches);
        found.map(|own| used.insert(own.clone())).is_some()
    };
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    let row = |name: &str, shape: &[usize], meaning: String| Row {
        name: name.to_owned(),
        shape: shape.to_vec(),
        meaning,
    };
    for other in &state.others {
        let fate = if ignored(&other.name) { Fate::ignored() } else { of_other(other) };
        match fate {
            Fate::LeftOut(why) => left_out.push(row(&other.name, &other.shape, why)),
            Fate::Refused(why) => bail!("{} {:?} does not fit: {why}", other.name, other.shape),
            Fate::Kept => {}
        }
    }
    for tensor in &state.tensors {
        let fate = if ignored(&tensor.name) { Fate::ignored() } else { of_tensor(tensor, state) };
        match fate {
            Fate::LeftOut(why) => left_out.push(row(&tensor.name, &tensor.shape, why)),
            Fate::Refused(why) => bail!(misfit(tensor, &why)),
            Fate::Kept => {
                let finite = tensor.values.iter().all(|value| value.is_finite());
                ensure!(finite, "{} holds a number that is not finite", tensor.told());
                kept.push(tensor);
            }
        }
    }
    for name in &description.ignore {
        ensure!(used.contains(name), "`ignore` of the configuration: there is no tensor or module `{name}`");
    }
    Ok((kept, left_out))
}

/// The recurrent layers in order, and all other tensors.
fn recurrent<'s>(tensors: &[&'s Tensor]) -> (Vec<Layer<'s>>, Vec<&'s Tensor>) {
    let mut layers: Vec<Layer<'_>> = Vec::new();
    let mut others = Vec::new();
    for &tensor in tensors {
        let (module, own) = tensor.name.rsplit_once('.').unwrap_or(("", &tensor.name));
        let known = ["weight_ih", "weight_hh", "bias_ih", "bias_hh"]
            .into_iter()
            .chain(FAST)
            .find_map(|what| Some((what, own.strip_prefix(what)?)));
        let number = match known {
            Some((_, "")) => Some(0),
            Some((_, rest)) => rest.strip_prefix("_l").and_then(|number| number.parse().ok()),
            None => None,
        };
        let (Some((what, suffix)), Some(number)) = (known, number) else {
            others.push(tensor);
            continue;
        };
        let at = layers.iter().position(|layer| (layer.module, layer.number) == (module, number));
        let at = at.unwrap_or_else(|| {
            layers.push(Layer {
                module,
                number,
                suffix,
                weight_ih: None,
                weight_hh: None,
                bias_ih: None,
                bias_hh: None,
                fast: [None; 4],
            });
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
    (layers, others)
}

/// The layers of all modules as one stack.
fn in_order<'s>(mut layers: Vec<Layer<'s>>, description: &Description) -> Result<Vec<Layer<'s>>> {
    let mut modules: Vec<&str> = Vec::new();
    for layer in &layers {
        if !modules.contains(&layer.module) {
            modules.push(layer.module);
        }
    }
    if let Some(stack) = &description.stack {
        let named: BTreeSet<&str> = stack.iter().map(String::as_str).collect();
        ensure!(
            named == modules.iter().copied().collect() && named.len() == stack.len(),
            "`stack` of the configuration names {}, the recurrent modules are {}",
            quoted(&stack.iter().map(String::as_str).collect::<Vec<_>>()),
            quoted(&modules)
        );
        modules = stack
            .iter()
            .map(String::as_str)
            .filter_map(|name| modules.iter().find(|own| **own == name).copied())
            .collect();
    } else if modules.len() > 1 && !numbered(&layers, &modules) {
        bail!(
            "several recurrent modules, {}: whether they stand side by side or one upon the other, a state dict does not tell. The engine has no layers side by side; if they are a stack, list them in order in the configuration: \"stack\": [{}]; if one is not used, \"ignore\": [\"{}\"]",
            quoted(&modules),
            modules.iter().map(|name| format!("{name:?}")).collect::<Vec<_>>().join(", "),
            modules[1]
        );
    }
    layers.sort_by_key(|layer| (modules.iter().position(|module| *module == layer.module), layer.number));
    for module in modules {
        let numbers = layers.iter().filter(|layer| layer.module == module).map(|layer| layer.number);
        for (expected, number) in numbers.enumerate() {
            ensure!(number == expected, "{module}: layer {expected} is missing, and layer {number} is there");
        }
    }
    Ok(layers)
}

fn quoted(names: &[&str]) -> String {
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

/// Whether modules are numbered siblings, each as wide as the one before has units, and only the first as
/// wide as it is: then the others cannot read what the first reads.
fn numbered(layers: &[Layer<'_>], modules: &[&str]) -> bool {
    let siblings = modules.iter().enumerate().all(|(number, module)| {
        let (parent, own) = module.rsplit_once('.').unwrap_or(("", module));
        let (first, _) = modules[0].rsplit_once('.').unwrap_or(("", modules[0]));
        parent == first && own == number.to_string()
    });
    let width = |module: &&str, of: fn(&Layer<'_>) -> Option<usize>| {
        layers.iter().filter(|layer| layer.module == *module).find_map(of)
    };
    let inputs: Vec<_> = modules
        .iter()
        .map(|module| {
            width(module, |layer| layer.weight_ih.filter(|_| layer.number == 0)?.shape.get(1).copied())
        })
        .collect();
    let units: Vec<_> =
        modules.iter().map(|module| width(module, |layer| layer.weight_hh?.shape.get(1).copied())).collect();
    siblings && inputs[1..] == units[..units.len() - 1] && !inputs[1..].contains(&inputs[0])
}

/// A linear layer or an embedding as found.
#[derive(Clone, Copy, Debug)]
struct Linear<'s> {
    weight: &'s Tensor,
    bias: Option<&'s Tensor>,
}

impl<'s> Linear<'s> {
    fn module(&self) -> &'s str {
        self.weight.name.strip_suffix(".weight").unwrap_or("")
    }

    fn shape(&self) -> [usize; 2] {
        [self.weight.shape[0], self.weight.shape[1]]
    }
}

/// Embeddings and linear layers among tensors that belong to no recurrent layer.
fn linears<'s>(others: &[&'s Tensor]) -> Result<Vec<Linear<'s>>> {
    let mut linear: Vec<Linear<'s>> = Vec::new();
    for &tensor in others {
        if !tensor.name.ends_with(".weight") && tensor.name != "weight" || tensor.shape.len() != 2 {
            continue;
        }
        let name = format!("{}bias", tensor.name.strip_suffix("weight").unwrap_or_default());
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
                "it is of no embedding, recurrent or linear layer, and the engine has no others; if the network does not use it, name it under \"ignore\" in the configuration"
            ));
        }
    }
    Ok(linear)
}

impl Mapped {
    fn put(&mut self, name: &str, tensor: &Tensor, meaning: String) {
        self.names.push((tensor.name.clone(), name.to_owned()));
        self.taken.push(Row { name: tensor.name.clone(), shape: tensor.shape.clone(), meaning });
        self.tensors.insert(name.to_owned(), tensor.values.clone());
    }

    /// Takes zeros for a bias that the module was made without.
    fn without(&mut self, name: &str, theirs: &str, rows: usize) {
        self.taken.push(Row {
            name: theirs.to_owned(),
            shape: Vec::new(),
            meaning: "not there (bias=False): zeros".to_owned(),
        });
        self.tensors.insert(name.to_owned(), vec![0.0; rows]);
    }

    /// Takes a recurrent layer of a module that has biases or not, whose input is `inputs` wide, if that is known; its
    /// output's width.
    fn layer(
        &mut self,
        number: usize,
        layer: &Layer<'_>,
        has_biases: bool,
        inputs: Option<usize>,
    ) -> Result<usize> {
        let Config { cell, hidden, .. } = self.config;
        let rows = cell.gates() * hidden;
        let lost = |what: &str| format!("{} is missing (layer {number}, {cell})", layer.named(what));
        let weight_ih = layer.weight_ih.with_context(|| lost("weight_ih"))?;
        let weight_hh = layer.weight_hh.with_context(|| lost("weight_hh"))?;
        let [_, columns] = weight_ih.shape[..] else {
            bail!(misfit(weight_ih, "two dimensions are expected"));
        };
        let columns = inputs.unwrap_or(columns);
        if number == 0 {
            self.config.embed = columns;
        }
        for (what, tensor, shape) in
            [("weight_ih", weight_ih, vec![rows, columns]), ("weight_hh", weight_hh, vec![rows, hidden])]
        {
            if tensor.shape != shape {
                bail!(misfit(
                    tensor,
                    &format!("{shape:?} is expected (all layers are {cell} of {hidden} units)")
                ));
            }
            let of = if what == "weight_ih" { "input" } else { "recurrent" };
            self.put(
                &format!("rnn.{what}_l{number}"),
                tensor,
                format!("{cell} layer {number}: {of} weights"),
            );
        }
        if cell == Cell::Fastgrnn {
            self.fast(number, layer, rows)?;
            return Ok(hidden);
        }
        if let Some(tensor) = layer.fast.iter().flatten().next() {
            bail!(misfit(tensor, &format!("it is of a fastgrnn, and the layers are {cell}")));
        }
        match [layer.bias_ih, layer.bias_hh] {
            [None, None] => {
                ensure!(
                    !has_biases,
                    "{} and {} are missing, and other layers of `{}` have biases: the state dict is incomplete",
                    layer.named("bias_ih"),
                    layer.named("bias_hh"),
                    layer.module
                );
                for what in ["bias_ih", "bias_hh"] {
                    self.without(&format!("rnn.{what}_l{number}"), &layer.named(what), rows);
                }
            }
            [Some(ih), Some(hh)] => {
                for (what, of, tensor) in [("bias_ih", "input", ih), ("bias_hh", "state", hh)] {
                    if tensor.shape != [rows] {
                        bail!(misfit(tensor, &format!("[{rows}] is expected")));
                    }
                    let meaning = format!("{cell} layer {number}: bias of the {of}");
                    self.put(&format!("rnn.{what}_l{number}"), tensor, meaning);
                }
            }
            [ih, hh] => {
                let lost = if ih.is_none() { "bias_ih" } else { "bias_hh" };
                let there = ih.or(hh).map(Tensor::told).unwrap_or_default();
                bail!(
                    "{} is missing, and {there} is there: PyTorch's recurrent layers have both biases or, with bias=False, none; the state dict is incomplete",
                    layer.named(lost)
                );
            }
        }
        Ok(hidden)
    }

    /// Takes what a FastGRNN has beside its weights.
    fn fast(&mut self, number: usize, layer: &Layer<'_>, rows: usize) -> Result<()> {
        if let Some(tensor) = layer.bias_ih.or(layer.bias_hh) {
            bail!(misfit(tensor, "it is of another cell than bias_gate, bias_update, zeta and nu"));
        }
        for (what, found) in FAST.into_iter().zip(layer.fast) {
            let tensor = found
                .with_context(|| format!("{} is missing (layer {number}, fastgrnn)", layer.named(what)))?;
            let shape = [if what.starts_with("bias") { rows } else { 1 }];
            if tensor.shape != shape {
                bail!(misfit(tensor, &format!("{shape:?} is expected")));
            }
            self.put(&format!("rnn.{what}_l{number}"), tensor, format!("fastgrnn layer {number}: {what}"));
        }
        Ok(())
    }

    /// Takes the embedding; the linear layers left, in order.
    fn embedding<'s>(&mut self, mut linear: Vec<Linear<'s>>, words: usize) -> Result<Vec<Linear<'s>>> {
        let embed = self.config.embed;
        let fits = |layer: &Linear<'_>| layer.bias.is_none() && layer.shape() == [words, embed];
        let found: Vec<usize> = (0..linear.len()).filter(|&at| fits(&linear[at])).collect();
        match found[..] {
            [at] => {
                let embedding = linear.remove(at);
                let meaning = "embedding: a row for each word of the vocabulary".to_owned();
                self.put("embed.weight", embedding.weight, meaning);
                Ok(linear)
            }
            [] => bail!("{}", no_embedding(&linear, words, embed)),
            _ => {
                let names: Vec<&str> = found.iter().map(|&at| linear[at].module()).collect();
                bail!(
                    "{} could each be the embedding: [{words}, {embed}] without a bias; name those that are not used under \"ignore\" in the configuration",
                    quoted(&names)
                )
            }
        }
    }

    /// Takes the linear layers.
    fn head(
        &mut self,
        linear: &[Linear<'_>],
        state: &State,
        recurrent: &str,
        description: &Description,
    ) -> Result<()> {
        let Config { hidden, classes, embed, .. } = self.config;
        let (first, last) = match linear {
            [] => bail!("there is no linear layer: a *.weight of [{classes}, {hidden}] is expected"),
            [last] => (None, last),
            [a, b] => {
                let (first, last) = two(a, b, hidden, classes, state, description)?;
                (Some(first), last)
            }
            more => {
                let names: Vec<&str> = more.iter().map(Linear::module).collect();
                bail!(
                    "{} linear layers, {}: the engine has two at most, after the recurrent layer, with ReLU between them; those that the answers do not need are named under \"ignore\" in the configuration",
                    more.len(),
                    quoted(&names)
                )
            }
        };
        let Some(first) = first else {
            if let Some(head) = &description.head {
                bail!(
                    "`head` of the configuration names {}, the only linear layer is {}",
                    quoted(&head.iter().map(String::as_str).collect::<Vec<_>>()),
                    quoted(&[last.module()])
                );
            }
            return self.outputs("fc", last, hidden);
        };
        // With as many units as inputs, it could also stand between embedding and recurrent layer.
        let named = description.head.is_some() || description.activation.is_some();
        if first.shape() == [hidden, embed] && embed == hidden && !named {
            let place = |of: &dyn Fn(&str) -> bool| state.tensors.iter().position(|tensor| of(&tensor.name));
            let before = place(&|name| name == first.weight.name)
                < place(&|name| name.starts_with(recurrent) && name.contains("weight_hh"));
            ensure!(
                state.ordered && !before,
                "{} could stand before the recurrent layer or after it: both are {hidden} wide. The engine has no layer between embedding and recurrent layer; if it is the head's first, say so in the configuration: \"head\": [{:?}, {:?}]",
                first.weight.told(),
                first.module(),
                last.module()
            );
        }
        // A layer that the answers do not need may be as wide as the states, which the scores then fit as well.
        let place = |layer: &Linear<'_>| state.tensors.iter().position(|own| own.name == layer.weight.name);
        let is_late = state.ordered && place(first) > place(last);
        let fits_alone = first.shape() == [hidden, hidden] && !named && description.head_hidden.is_none();
        if fits_alone && (is_late || first.bias.is_none() && last.bias.is_some()) {
            bail!(misfit(
                first.weight,
                &format!(
                    "{} is a head by itself, and this layer {}: if it is the head's first, say so in the configuration: \"head\": [{:?}, {:?}]; if the answers do not need it, name it under \"ignore\"",
                    last.weight.told(),
                    if is_late { "comes behind it" } else { "has no bias, as that has" },
                    first.module(),
                    last.module()
                )
            ));
        }
        let units = first.shape()[0];
        let meaning = format!("head: first linear layer, {units} units");
        self.linear("fc1", first, [units, hidden], &meaning)?;
        self.config.head_hidden = units;
        self.outputs("fc2", last, units)
    }

    /// Takes the layer that gives the scores.
    fn outputs(&mut self, name: &str, last: &Linear<'_>, inputs: usize) -> Result<()> {
        let classes = self.config.classes;
        if last.shape() == [1, inputs] && classes == 2 {
            let meaning = "head: the second label's score against the first's (a sigmoid's)";
            self.linear(name, last, [1, inputs], meaning)?;
            self.outputs = 1;
            // σ(s) is the softmax of (0, s).
            for (part, zeros) in [("weight", inputs), ("bias", 1)] {
                if let Some(values) = self.tensors.get_mut(&format!("{name}.{part}")) {
                    values.splice(0..0, vec![0.0; zeros]);
                }
            }
            return Ok(());
        }
        let [rows, columns] = last.shape();
        if columns == inputs && rows != classes {
            let hint = if rows > classes && rows <= classes + 4 {
                "; torchtext's label vocabulary counts `<unk>` (and `<pad>`), fairseq's more: then these are labels, too, in the order of `LABEL.vocab.itos`"
            } else {
                ""
            };
            bail!(misfit(
                last.weight,
                &format!(
                    "[{classes}, {inputs}] is expected: it has {rows} outputs, `labels` of the configuration has {classes} labels{hint}"
                )
            ));
        }
        self.linear(name, last, [classes, inputs], "head: scores of the labels")
    }

    fn linear(&mut self, name: &str, layer: &Linear<'_>, shape: [usize; 2], meaning: &str) -> Result<()> {
        let [rows, columns] = layer.shape();
        if [rows, columns] != shape {
            let of = self.config.hidden;
            let why = match columns.checked_div(of) {
                Some(times @ 2..) if columns % of == 0 && rows == shape[0] => format!(
                    ": {columns} columns are {times} × {of}, as after torch.cat of two directions, of several poolings or of h and c; the engine gives the head one vector of {of} units"
                ),
                _ => String::new(),
            };
            bail!(misfit(layer.weight, &format!("{shape:?} is expected (outputs × inputs){why}")));
        }
        self.put(&format!("{name}.weight"), layer.weight, format!("{meaning}: weights"));
        let bias = format!("{name}.bias");
        match layer.bias {
            None => self.without(&bias, &format!("{}.bias", layer.module()), rows),
            Some(tensor) if tensor.shape == [rows] => self.put(&bias, tensor, format!("{meaning}: bias")),
            Some(tensor) => bail!(misfit(tensor, &format!("[{rows}] is expected"))),
        }
        Ok(())
    }

    /// Checks the configuration's shape.
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

    /// Lists what a state dict does not tell.
    fn assume(&mut self, description: &Description) {
        let mut assume = |what, key, value: String| {
            let configured = description.given.contains(key);
            self.assumed.push(Assumption { what, value, key, configured });
        };
        if self.config.cell == Cell::Rnn {
            assume("nonlinearity of nn.RNN", "nonlinearity", "tanh".to_owned());
        }
        if self.config.head_hidden > 0 {
            let activation = description.activation.unwrap_or_default();
            assume("between the head's layers", "activation", activation.to_string());
        }
        let pooling = match self.config.pooling {
            Pooling::Last => "the state after the last word",
            Pooling::Mean => "the mean of all states",
            Pooling::Max => "the maximum of each unit",
        };
        assume("what the head reads", "pooling", pooling.to_owned());
        let padded = match description.padded {
            Some(side) => {
                format!("on the {side}, up to {} words; the engine reads none", description.max_len)
            }
            None => "none that the network read".to_owned(),
        };
        assume("padding", "padded", padded);
        let marks = if description.punctuation {
            "with the symbols that the vocabulary has"
        } else {
            "no punctuation"
        };
        assume("tokeniser", "punctuation", format!("the engine's: lower case, {marks}"));
        assume("HTML's tags", "tags", if description.tags { "text" } else { "left out" }.to_owned());
    }

    /// Turns the head's activation into the engine's ReLU, exactly.
    fn activate(&mut self, description: &Description) {
        let Config { hidden, head_hidden: units, .. } = self.config;
        let activation = description.activation.unwrap_or_default();
        if units == 0 || activation == Activation::Relu {
            return;
        }
        let mut take = |name: &str| self.tensors.remove(name).unwrap_or_default();
        let [first, bias, second, out] = ["fc1.weight", "fc1.bias", "fc2.weight", "fc2.bias"].map(&mut take);
        if activation == Activation::None {
            // Two maps are one.
            let map = |row: &[f32]| {
                let column = |at: usize| {
                    row.iter()
                        .zip(first.chunks_exact(hidden))
                        .map(|(w, first)| f64::from(*w) * f64::from(first[at]))
                        .sum::<f64>() as f32
                };
                (0..hidden).map(column).collect::<Vec<_>>()
            };
            let rows = || second.chunks_exact(units);
            let dot =
                |row: &[f32]| row.iter().zip(&bias).map(|(w, b)| f64::from(*w) * f64::from(*b)).sum::<f64>();
            let biases = rows().zip(&out).map(|(row, out)| (dot(row) + f64::from(*out)) as f32).collect();
            self.tensors.insert("fc.weight".to_owned(), rows().flat_map(map).collect());
            self.tensors.insert("fc.bias".to_owned(), biases);
            self.config.head_hidden = 0;
            return;
        }
        // leaky(x) = relu(x) − slope · relu(−x): twice the units.
        let slope = description.negative_slope.unwrap_or(Description::NEGATIVE_SLOPE);
        let both = |values: &[f32]| {
            values.iter().copied().chain(values.iter().map(|value| -value)).collect::<Vec<_>>()
        };
        let wide = second
            .chunks_exact(units)
            .flat_map(|row| row.iter().copied().chain(row.iter().map(|w| -slope * w)));
        let wide = wide.collect();
        self.tensors.insert("fc1.weight".to_owned(), both(&first));
        self.tensors.insert("fc1.bias".to_owned(), both(&bias));
        self.tensors.insert("fc2.weight".to_owned(), wide);
        self.tensors.insert("fc2.bias".to_owned(), out);
        self.config.head_hidden = 2 * units;
    }
}

/// Why no tensor is the embedding.
fn no_embedding(linear: &[Linear<'_>], words: usize, embed: usize) -> String {
    let expected = format!(
        "an embedding of [{words}, {embed}] is expected: {words} rows by the vocabulary, {embed} inputs of the first layer"
    );
    let bare = || linear.iter().filter(|layer| layer.bias.is_none());
    let between = bare().filter(|layer| layer.shape()[0] == words).find_map(|table| {
        let fits = |layer: &&Linear<'_>| {
            layer.weight.name != table.weight.name && layer.shape() == [embed, table.shape()[1]]
        };
        Some((table, linear.iter().find(fits)?))
    });
    if let Some((table, layer)) = between {
        return format!(
            "{} stands between the embedding {} and the recurrent layer, which has {embed} inputs: the engine has no linear layer there. Without an activation, multiply it into the embedding's rows before saving",
            layer.weight.told(),
            table.weight.told()
        );
    }
    let near = bare().find(|layer| layer.shape()[1] == embed).or_else(|| bare().next());
    match near {
        Some(layer) => {
            let lacks =
                layer.shape()[1] == embed && (1..=2).contains(&layer.shape()[0].saturating_sub(words));
            let hint =
                "; are the rows for padding and unknown words (<pad>, <unk>) missing in the vocabulary?";
            misfit(layer.weight, &expected).to_string() + if lacks { hint } else { "" }
        }
        None => format!("there is no embedding: a *.weight of [{words}, {embed}] without a bias is expected"),
    }
}

/// The head's two linear layers in their order.
fn two<'l, 's>(
    a: &'l Linear<'s>,
    b: &'l Linear<'s>,
    hidden: usize,
    classes: usize,
    state: &State,
    description: &Description,
) -> Result<(&'l Linear<'s>, &'l Linear<'s>)> {
    if let Some(head) = &description.head {
        let order =
            [(a, b), (b, a)].into_iter().find(|(first, last)| head[..] == [first.module(), last.module()]);
        return order.with_context(|| {
            format!(
                "`head` of the configuration names {}, the linear layers are {}",
                quoted(&head.iter().map(String::as_str).collect::<Vec<_>>()),
                quoted(&[a.module(), b.module()])
            )
        });
    }
    let scores = |last: &Linear<'_>, inputs: usize| {
        let [outputs, columns] = last.shape();
        columns == inputs && (outputs == classes || outputs == 1 && classes == 2)
    };
    let fits = |first: &Linear<'_>, last: &Linear<'_>| {
        let [units, inputs] = first.shape();
        inputs == hidden && scores(last, units)
    };
    match (fits(a, b), fits(b, a)) {
        (true, true) if !state.ordered => bail!(
            "{} and {} fit in both orders, and a .safetensors file has none: say it in the configuration: \"head\": [{:?}, {:?}]",
            a.weight.told(),
            b.weight.told(),
            a.module(),
            b.module()
        ),
        (false, true) => Ok((b, a)),
        (false, false) => {
            let (heads, others): (Vec<&Linear<'_>>, Vec<_>) =
                [a, b].into_iter().partition(|layer| scores(layer, hidden));
            if let ([head], [other]) = (&heads[..], &others[..]) {
                bail!(misfit(
                    other.weight,
                    &format!(
                        "{} is the head by itself, and the engine has no other layer beside it; if the answers do not need `{}`, name it under \"ignore\" in the configuration",
                        head.weight.told(),
                        other.module()
                    )
                ));
            }
            if let [first, second] = heads[..] {
                bail!(
                    "{} and {} could each be the head; name the one that the answers do not need under \"ignore\" in the configuration",
                    first.weight.told(),
                    second.weight.told()
                );
            }
            Ok(if a.shape()[1] != hidden && b.shape()[1] == hidden { (b, a) } else { (a, b) })
        }
        _ => Ok((a, b)),
    }
}
