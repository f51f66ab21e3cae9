fn main() {
    telltale_build::include("sentiment.bin");
    println!("cargo:rustc-link-arg-bins=-Tlink.x");
}
