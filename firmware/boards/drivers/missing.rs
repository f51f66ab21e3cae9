//! What no program has.

mod link {
    unsafe extern "C" {
        /// Defined nowhere: the linker names it when a panic can be reached.
        pub fn telltale_a_panic_can_be_reached() -> !;
    }
}

/// Cannot be linked.
pub fn a_panic_can_be_reached() -> ! {
    // SAFETY: a program with this call in it is never linked, so it never runs.
    unsafe { link::telltale_a_panic_can_be_reached() }
}
