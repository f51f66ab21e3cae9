//! Chooses the kernel of `matvec` for the target: `kernel` is "dsp", "armv7m", "armv6m", "riscv"
//! or "portable".
//!
//! ARMv8-M cores have the DSP instructions or not: `--cfg telltale_dsp` in RUSTFLAGS says that they do.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!(
        "cargo:rustc-check-cfg=cfg(kernel, values(\"dsp\", \"armv7m\", \"armv6m\", \"riscv\", \"portable\"))"
    );
    println!("cargo:rustc-check-cfg=cfg(telltale_dsp)");
    let target = std::env::var("TARGET").unwrap_or_default();
    let dsp = std::env::var_os("CARGO_CFG_TELLTALE_DSP").is_some();
    let kernel = match target.split('-').next().unwrap_or_default() {
        "thumbv7em" => "dsp",
        "thumbv8m.main" if dsp => "dsp",
        "thumbv7m" | "thumbv8m.main" => "armv7m",
        "thumbv6m" => "armv6m",
        "riscv32im" | "riscv32ima" | "riscv32imac" | "riscv32imc" => "riscv",
        _ => "portable",
    };
    println!("cargo:rustc-cfg=kernel=\"{kernel}\"");
}
