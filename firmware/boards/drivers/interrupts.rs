//! The interrupts' part of the vector table: nothing enables one, and one that comes all the same stops the
//! program. The linker script wants a first entry; there are no others to keep the table short.

unsafe extern "C" {
    fn DefaultHandler();
}

/// The entry of interrupt 0.
// SAFETY: cortex-m-rt looks for the table under this name and in this section.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
#[used]
static __INTERRUPTS: [unsafe extern "C" fn(); 1] = [DefaultHandler];
