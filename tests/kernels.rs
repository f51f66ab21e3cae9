//! Every board's kernel of affine maps against the portable one, on the board.

use host::board;
use host::emulator::Emulator;
use host::toolchain::build;

/// One board for each core.
#[test]
fn every_kernel_gives_the_defined_integers() {
    let boards = board::all().expect("all descriptions are sound");
    for board in boards.into_iter().filter(|board| board.cost_of.is_none()) {
        let program = build(&board, "kernels", None).expect("builds");
        let mut emulator = Emulator::boot(&board, &program, None).expect("boots");
        let said = emulator.line().expect("says what it found");
        // 5 groups and fewer of up to 328 columns, in 4 patterns.
        let maps: u32 = said.strip_prefix("passed ").and_then(|maps| maps.parse().ok()).unwrap_or(0);
        assert!(maps > 500, "{}: {said}", board.name);
    }
}
