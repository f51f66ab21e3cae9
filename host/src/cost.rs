//! What a model costs on a board, told without running it there.

use shared::Model;

use crate::board::Board;

/// Why a model cannot be used on a board; `None` if it can.
#[must_use]
pub fn obstacle(model: &Model<'_>, board: &Board) -> Option<String> {
    let needs = model.needs();
    let checks = [
        ("flash for the model", model.bytes() as u64, board.memory.model),
        ("state (UNITS)", needs.units as u64, board.capacity.units),
        ("pooling (POOL)", needs.pool as u64, board.capacity.pool),
        ("activations (INPUT)", needs.input as u64, board.capacity.input),
        ("sums (SUMS)", needs.sums as u64, board.capacity.sums),
    ];
    let missing = checks.iter().find(|(_, needed, there)| needed > there);
    missing.map(|(what, needed, there)| format!("{what}: needs {needed}, has {there}"))
}
