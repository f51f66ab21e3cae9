//! The single table of kernels by core, with the layout of maps that each reads. The build script of this crate
//! compiles it, too.

/// The kernel that a target is compiled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The value of `cfg(kernel)`.
    pub name: &'static str,
    /// Whether it reads maps in quads; otherwise in pairs.
    pub quads: bool,
}

/// The `--cfg` that a program for an ARMv8-M core with the DSP or the MVE extension sets.
pub const CFGS: [&str; 2] = ["telltale_dsp", "telltale_mve"];

/// The kernel for a target triple; `dsp` and `mve` name extensions of an ARMv8-M core, which its triple does not show;
/// `std` means that a PC's vector instructions can be detected.
#[must_use]
pub fn kernel_of(target: &str, dsp: bool, mve: bool, std: bool) -> Kernel {
    let (name, quads) = match target.split('-').next().unwrap_or_default() {
        "thumbv7em" => ("dsp", false),
        "thumbv8m.main" if mve => ("mve", false),
        "thumbv8m.main" if dsp => ("dsp", false),
        "thumbv7m" | "thumbv8m.main" => ("armv7m", true),
        "thumbv6m" => ("armv6m", true),
        "riscv32im" | "riscv32ima" | "riscv32imac" | "riscv32imc" => ("riscv", true),
        "wasm32" => ("wasm", false),
        "x86_64" if std => ("x86", false),
        _ => ("portable", false),
    };
    Kernel { name, quads }
}
