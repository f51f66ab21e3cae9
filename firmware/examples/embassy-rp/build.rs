use std::path::Path;
use std::{env, fs};

fn main() {
    telltale_build::include("../../../tests/integrator/sentiment.bin");
    let out = env::var("OUT_DIR").expect("cargo sets it");
    fs::write(Path::new(&out).join("memory.x"), include_str!("memory.x")).expect("cargo's folder can be written");
    println!("cargo:rerun-if-changed=memory.x");
    println!("cargo:rustc-link-search={out}");
    for script in ["link.x", "link-rp.x"] {
        println!("cargo:rustc-link-arg-bins=-T{script}");
    }
}
