//! Tensors that are not parameters of an embedding, a recurrent or a linear layer: some are not part of the network and
//! are left out, others belong to modules that the engine does not have, and errors name these.

use super::state::{Other, OtherKind, State, Tensor};

/// What becomes of a tensor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It may be a parameter that the engine has.
    Kept,
    /// It is no part of the network, for this reason.
    LeftOut(String),
    /// It is part of something that the engine does not have.
    Refused(String),
}

impl Fate {
    /// The configuration says that the network does not use it.
    #[must_use]
    pub fn ignored() -> Self {
        Self::LeftOut("`ignore` of the configuration".to_owned())
    }
}

const QUANTISED: &str =
    "it is of a quantised module: import the float model, `import` quantises it (8 bits a weight)";

/// What becomes of something that is no tensor of floats.
#[must_use]
pub fn of_other(other: &Other) -> Fate {
    let own = own(&other.name);
    let packed = other.name.contains("_packed_params") || other.name.contains("_all_weight_values");
    match &other.kind {
        OtherKind::Quantised(_) => Fate::Refused(QUANTISED.to_owned()),
        OtherKind::Whole(_) | OtherKind::Object if packed || own == "zero_point" => {
            Fate::Refused(QUANTISED.to_owned())
        }
        OtherKind::Whole(dtype) if own.contains("weight") || own.starts_with("bias") => {
            Fate::Refused(format!("its numbers are whole ({dtype}); {QUANTISED}"))
        }
        OtherKind::Whole(dtype) => Fate::LeftOut(format!("{dtype}: a counter or buffer")),
        OtherKind::Object => Fate::LeftOut("no tensor".to_owned()),
        OtherKind::Foreign(kind) => Fate::Refused(format!(
            "numbers of the type {kind} are not read (f16, bf16, f32 and f64 are); if the network does not use it, name it under \"ignore\" in the configuration"
        )),
    }
}

/// What becomes of a tensor of floats.
#[must_use]
pub fn of_tensor(tensor: &Tensor, state: &State) -> Fate {
    let name = &tensor.name[..];
    let own = own(name);
    let refused = |what: &str| Fate::Refused(what.to_owned());
    let there = |name: String| {
        state.tensors.iter().any(|tensor| tensor.name == name)
            || state.others.iter().any(|other| other.name == name)
    };
    let beside = |sibling: &str| there(format!("{}{sibling}", name.strip_suffix(own).unwrap_or_default()));
    if own.ends_with("_reverse") {
        return refused(
            "it is of a bidirectional layer, and the engine reads forwards only: it cannot know the end of a text before it reads it",
        );
    }
    if own.starts_with("weight_hr") {
        return refused("it is of an LSTM with a projection (proj_size), which the engine does not have");
    }
    if own.ends_with("_raw") && own.starts_with("weight") {
        return refused(
            "it is of weight drop (AWD-LSTM), which keeps weights twice: save the plain layer, `*_raw` under the name without `_raw`",
        );
    }
    if name.contains("parametrizations.")
        || ["weight_g", "weight_v"].contains(&own)
        || own.ends_with("_g") && beside(&format!("{}_v", own.trim_end_matches("_g")))
        || own.ends_with("_v") && beside(&format!("{}_g", own.trim_end_matches("_v")))
    {
        return refused(
            "it is of weight or spectral normalisation: remove the parametrisation before saving (torch.nn.utils.parametrize.remove_parametrizations, remove_weight_norm)",
        );
    }
    if own.ends_with("_orig")
        || own.ends_with("_mask") && beside(&format!("{}_orig", own.trim_end_matches("_mask")))
    {
        return refused(
            "it is of pruning or spectral normalisation: make it permanent before saving (torch.nn.utils.prune.remove)",
        );
    }
    if ["running_mean", "running_var"].contains(&own) || own == "weight" && beside("running_mean") {
        return refused("it is of a BatchNorm, which the engine does not have");
    }
    if name.contains("_packed_params")
        || name.contains("_all_weight_values")
        || own == "zero_point"
        || own == "scale" && beside("zero_point")
        || own == "SCB"
    {
        return refused(QUANTISED);
    }
    if name.contains("lora_") {
        return refused("it is of a LoRA adapter: merge it into the weights before saving");
    }
    let part = |of: &[&str]| name.to_lowercase().split(['.', '_']).any(|part| of.contains(&part));
    if own.starts_with("in_proj_") || part(&["attn", "attention", "att"]) {
        return refused("it is of an attention, which the engine does not have");
    }
    if part(&["loss", "criterion", "optimizer", "optim"]) {
        return Fate::LeftOut("of the loss or the optimiser, no part of the network".to_owned());
    }
    match (own, &tensor.shape[..]) {
        (_, [] | [1]) if own != "bias" && !["zeta", "nu"].iter().any(|factor| own.starts_with(factor)) => {
            if part(&["epoch", "step", "steps", "best", "acc", "accuracy", "f1", "score", "lr"]) {
                Fate::LeftOut("a single number of the training".to_owned())
            } else if own == "weight" {
                refused("it is of a PReLU or of a normalisation of one unit, which the engine does not have")
            } else {
                refused(
                    "it is a single number, perhaps one that the network learnt: if the network does not use it, name it under \"ignore\" in the configuration",
                )
            }
        }
        ("weight" | "gamma", [_]) => refused(
            "it is of a LayerNorm or another normalisation, which the engine does not have; weights of a loss are named under \"ignore\" in the configuration",
        ),
        ("weight", [_, _, _, ..]) => refused(
            "it is of a convolution or a bilinear layer: embeddings, recurrent and linear layers have weights of two dimensions",
        ),
        ("h0" | "h_0" | "c0" | "c_0" | "hidden" | "init_hidden", _) => {
            refused("it is an initial state that was learnt: the engine starts from zeros")
        }
        ("transitions" | "start_transitions" | "end_transitions", _) => {
            refused("it is of a CRF, which the engine does not have")
        }
        _ => Fate::Kept,
    }
}

/// The last part of a name.
fn own(name: &str) -> &str {
    name.rsplit_once('.').map_or(name, |(_, own)| own)
}
