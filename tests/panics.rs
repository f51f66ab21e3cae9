//! Promise 4: nothing in the firmware can panic. Its panic handler calls a function that does not exist.

use host::board;
use host::toolchain::{build, build_panicking};

const MISSING: &str = "telltale_a_panic_can_be_reached";

#[test]
fn the_firmware_of_every_board_links_without_a_panic_handler() {
    for board in board::all().expect("boards") {
        let program = build(&board, "classifier", None).expect("no panic can be reached");
        let bytes = std::fs::read(program).expect("built");
        let has = |name: &str| bytes.windows(name.len()).any(|window| window == name.as_bytes());
        assert!(has("telltale") && !has(MISSING), "{}", board.name);
    }
}

/// One board for each architecture.
#[test]
fn a_panic_that_can_be_reached_is_not_linked() {
    for name in ["microbit", "riscv-virt"] {
        let board = board::find(name).expect("known");
        let error = build_panicking(&board).expect_err("a panic can be reached").to_string();
        assert!(error.contains("undefined symbol") && error.contains(MISSING), "{name}: {error}");
    }
}
