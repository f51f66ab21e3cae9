//! Which core runs which kernel, and which layout of maps that reads: the only table of it. The build script of
//! this crate compiles it, too.

/// What a target is compiled with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// The value of `cfg(kernel)`.
    pub name: &'static str,
    /// Whether it reads maps in quads; otherwise in pairs.
    pub quads: bool,
}

/// What a program for a core of ARMv8-M sets, by `--cfg`, where the core has the DSP or the MVE extension.
pub const CFGS: [&str; 2] = ["telltale_dsp", "telltale_mve"];

/// The kernel for a target triple; `dsp` and `mve` tell of a core of ARMv8-M what its triple does not, `std`
/// that a PC's vector instructions can be detected.
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
