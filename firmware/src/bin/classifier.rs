//! Reads text from the board's UART and answers with a line per word.
#![cfg_attr(target_os = "none", no_std, no_main)]
#![forbid(unsafe_code)]

#[cfg(target_os = "none")]
firmware::never_panics!();

#[cfg(target_os = "none")]
#[firmware::entry]
fn main() -> ! {
    use firmware::{board, drivers};

    let mut uart = board::uart();
    let footprint = drivers::footprint(board::NAME);
    #[cfg(feature = "deliberate-panic")]
    assert!(footprint.flash > 0, "this build must not be linked");
    let memory = drivers::memory();
    loop {
        // A UART never ends and never fails, so neither does this.
        let _ = telltale::session::serve(&mut uart, drivers::model_region(), memory.as_mut(), &footprint);
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    eprintln!(
        "this program runs on a chip: try `cargo run -p host -- emulate --board microbit --model model.bin`"
    );
}
