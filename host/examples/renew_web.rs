//! Builds the committed WebAssembly module anew, after a change of the engine.

fn main() -> anyhow::Result<()> {
    let bytes = host::web::renew()?;
    println!("host/web/npm/telltale.wasm: {bytes} bytes");
    Ok(())
}
