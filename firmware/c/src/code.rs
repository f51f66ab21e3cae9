//! Return values.

use telltale::{OpenError, StateError};

/// The error codes of `telltale.h`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    Null = 1,
    Misaligned = 2,
    Length = 3,
    Overlap = 4,
    NotOpen = 5,
    Busy = 6,
    NoModel = 16,
    ModelVersion = 17,
    ModelDamaged = 18,
    ModelLayout = 19,
    ModelFeature = 20,
    Memory = 21,
    SelfTest = 22,
    Buffer = 32,
    StateLength = 33,
    StateModel = 34,
    StateDamaged = 35,
    Rule = 36,
}

impl Code {
    /// The code for a refused model.
    pub(crate) const fn of_open(error: OpenError) -> Self {
        match error {
            OpenError::TooShort(_) | OpenError::Magic(_) => Self::NoModel,
            OpenError::Misaligned(_) => Self::Misaligned,
            OpenError::Version(_) => Self::ModelVersion,
            OpenError::Layout(_) => Self::ModelLayout,
            OpenError::FeatureDisabled(_) => Self::ModelFeature,
            OpenError::Memory(..) => Self::Memory,
            OpenError::SelfTest(..) => Self::SelfTest,
            _ => Self::ModelDamaged,
        }
    }

    /// The code for a state that could not be saved or restored.
    pub(crate) const fn of_state(error: StateError) -> Self {
        match error {
            StateError::BufferTooSmall(..) => Self::Buffer,
            StateError::Length(..) => Self::StateLength,
            StateError::Model(..) => Self::StateModel,
            _ => Self::StateDamaged,
        }
    }
}
