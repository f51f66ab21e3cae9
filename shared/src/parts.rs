//! The parts of a network that a reader may be compiled without, to be small: features of this crate.
//!
//! | feature | what it reads |
//! |---|---|
//! | `rnn`, `gru`, `lstm`, `fastgrnn` | layers of that [cell](crate::cell) |
//! | `layers` | more than one layer |
//! | `mean`, `max` | that [pooling](crate::pooling); `last` is always there |
//! | `hidden` | a [head](crate::head) with a hidden layer |
//! | `classes` | more than two classes |
//! | `wide` | the [wide part](crate::wide) |
//! | `early-exit` | a rule of [early exit](crate::early_exit) |
//! | `i4` | an [embedding](crate::embedding) of 4 bits |
//! | `fold` | a [folded](crate::embedding#folded) embedding |
//!
//! All of them are on by default (`parts`). A model that needs a part that is off is refused when it is
//! opened, with [`Error::LeftOut`](crate::blob::Error::LeftOut); what is read gives the same integers whatever else is compiled in.
//! [`Model::parts`](crate::Model::parts) tells what a model needs; `host` builds the firmware of one
//! model with these parts alone.
