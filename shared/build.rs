//! Chooses the kernel of `matvec` for the target: `kernel` is "mve", "dsp", "armv7m", "armv6m",
//! "riscv", "x86" (on a PC, with the feature `std`) or "portable"; some read maps in quads.
//!
//! ARMv8-M cores have the DSP instructions or not, and the vectors of ARMv8.1-M: `--cfg telltale_dsp`
//! and `--cfg telltale_mve` in RUSTFLAGS say that they do.

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    let kernels = r#""mve", "dsp", "armv7m", "armv6m", "riscv", "x86", "portable""#;
    println!("cargo:rustc-check-cfg=cfg(kernel, values({kernels}))");
    println!("cargo:rustc-check-cfg=cfg(telltale_dsp, telltale_mve)");
    let target = std::env::var("TARGET").unwrap_or_default();
    let std = std::env::var_os("CARGO_FEATURE_STD").is_some();
    let mve = std::env::var_os("CARGO_CFG_TELLTALE_MVE").is_some();
    let dsp = std::env::var_os("CARGO_CFG_TELLTALE_DSP").is_some();
    let kernel = match target.split('-').next().unwrap_or_default() {
        "thumbv7em" => "dsp",
        "thumbv8m.main" if mve => "mve",
        "thumbv8m.main" if dsp => "dsp",
        "thumbv7m" | "thumbv8m.main" => "armv7m",
        "thumbv6m" => "armv6m",
        "riscv32im" | "riscv32ima" | "riscv32imac" | "riscv32imc" => "riscv",
        "x86_64" if std => "x86",
        _ => "portable",
    };
    println!("cargo:rustc-cfg=kernel=\"{kernel}\"");
    // The layout of maps, also for the build script of the firmware.
    println!("cargo:rustc-check-cfg=cfg(quads)");
    let quads = matches!(kernel, "armv7m" | "armv6m" | "riscv");
    if quads {
        println!("cargo:rustc-cfg=quads");
    }
    println!("cargo:layout={}", u8::from(quads));
    // Of the sigmoid, the table of nodes, which is half as large, where blending them is cheap.
    println!("cargo:rustc-check-cfg=cfg(nodes)");
    if matches!(kernel, "dsp" | "portable") {
        println!("cargo:rustc-cfg=nodes");
    }
}
