//! Chooses the kernel for the target: `cfg(kernel)`, and `cfg(quads)` where it reads maps in quads.
//!
//! ARMv8-M cores have the DSP instructions or not, and the vectors of ARMv8.1-M: `--cfg telltale_dsp`
//! and `--cfg telltale_mve` in RUSTFLAGS say that they do.

#[path = "src/kernel/target.rs"]
mod target;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/kernel/target.rs");
    let kernels = r#""mve", "dsp", "armv7m", "armv6m", "riscv", "x86", "wasm", "portable""#;
    println!("cargo:rustc-check-cfg=cfg(kernel, values({kernels}))");
    println!("cargo:rustc-check-cfg=cfg({}, quads, nodes)", target::CFGS.join(", "));
    let triple = std::env::var("TARGET").unwrap_or_default();
    let set = |name: &str| std::env::var_os(name).is_some();
    let [dsp, mve] = target::CFGS.map(|name| set(&format!("CARGO_CFG_{}", name.to_uppercase())));
    let target::Kernel { name, quads } = target::kernel_of(&triple, dsp, mve, set("CARGO_FEATURE_STD"));
    println!("cargo:rustc-cfg=kernel=\"{name}\"");
    if quads {
        println!("cargo:rustc-cfg=quads");
    }
    // Of the sigmoid, the table of nodes, which is half as large, where blending them is cheap.
    if matches!(name, "dsp" | "portable" | "wasm") {
        println!("cargo:rustc-cfg=nodes");
    }
}
