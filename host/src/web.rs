//! The engine as WebAssembly: the committed module, its sources, and how to rebuild it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use sha2::{Digest, Sha256};

use crate::bytes::hex;
use crate::{files, toolchain};

/// The committed module.
pub const MODULE: &[u8] = include_bytes!("../web/npm/telltale.wasm");

/// The JavaScript around it.
pub const SCRIPT: &str = include_str!("../web/npm/telltale.js");

/// Its contract, in TypeScript.
pub const TYPES: &str = include_str!("../web/npm/telltale.d.ts");

/// The package's manifest.
pub const MANIFEST: &str = include_str!("../web/npm/package.json");

/// The most bytes that a module may have.
pub const MOST_BYTES: usize = 40_000;

/// The command that builds the committed module anew.
pub const RENEW: &str = "cargo run -p host --example renew_web";

const TARGET: &str = "wasm32-unknown-unknown";

/// Binaryen's flags: for size, with the compiler's default features and the kernels' SIMD.
const OPTIMISE: [&str; 6] = [
    "-Os",
    "--enable-simd",
    "--enable-bulk-memory",
    "--enable-sign-ext",
    "--enable-mutable-globals",
    "--enable-nontrapping-float-to-int",
];

/// The digest of the sources of the committed module.
const BUILT_FROM: &str = include_str!("../web/built-from.sha256");

/// A module's sources: files, and folders with all their contents.
const SOURCES: [&str; 6] = [
    "shared/Cargo.toml",
    "shared/build.rs",
    "shared/src",
    "host/web/Cargo.toml",
    "host/web/build.rs",
    "host/web/src",
];

/// Builds the module with this machine's tools.
///
/// # Errors
/// If no compiler or `wasm-opt` is found, with the command to run, or if the build fails, with its output.
pub fn build() -> Result<Vec<u8>> {
    let root = toolchain::workspace()?;
    let folder = root.join("target/web");
    let mut cargo = toolchain::bare_metal_cargo(TARGET)?;
    cargo.current_dir(&root).args(["build", "--package", "web", "--profile", "web", "--target", TARGET]);
    cargo.arg("--target-dir").arg(&folder);
    toolchain::built(cargo, &folder, &format!("{TARGET}/web/web.wasm"), "the module")?;
    let folder = folder.join(TARGET).join("web");
    let (linked, file) = (folder.join("web.wasm"), folder.join("optimised.wasm"));
    let optimised = Command::new("wasm-opt").args(OPTIMISE).arg(&linked).arg("-o").arg(&file).output().context(
        "cannot run wasm-opt of Binaryen: `apt-get install binaryen`, or install it from https://github.com/WebAssembly/binaryen",
    )?;
    ensure!(optimised.status.success(), "wasm-opt fails:\n{}", String::from_utf8_lossy(&optimised.stderr));
    let module = files::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    ensure!(module.len() <= MOST_BYTES, "the module has {} bytes, {MOST_BYTES} are the most", module.len());
    Ok(module)
}

/// Rebuilds the committed module and records its sources. Returns its size in bytes.
///
/// # Errors
/// As for [`build`], or if a file cannot be written.
pub fn renew() -> Result<usize> {
    let (module, folder) = (build()?, toolchain::workspace()?.join("host/web"));
    files::write(&folder.join("npm/telltale.wasm"), &module)?;
    files::write(&folder.join("built-from.sha256"), format!("{}\n", digest()?).as_bytes())?;
    Ok(module.len())
}

/// Checks that the committed module was built from the current sources.
///
/// # Errors
/// If the sources cannot be read, or have changed, with the command to run.
pub fn check() -> Result<()> {
    let (now, then) = (digest()?, BUILT_FROM.trim());
    ensure!(
        now == then,
        "the engine's sources have the digest {now}, host/web/npm/telltale.wasm was built from {then}: `{RENEW}` \
         builds it anew"
    );
    Ok(())
}

/// The SHA-256 of the sources: of each file, in the order of their names, the name and the content.
fn digest() -> Result<String> {
    let root = toolchain::workspace()?;
    let mut paths = Vec::new();
    for source in SOURCES {
        collect(&root.join(source), &mut paths)?;
    }
    paths.sort();
    let mut hash = Sha256::new();
    for path in &paths {
        let content = files::read(path).with_context(|| path.display().to_string())?;
        let name = path.strip_prefix(&root).unwrap_or(path).to_string_lossy();
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update((content.len() as u64).to_le_bytes());
        hash.update(&content);
    }
    Ok(hex(&hash.finalize()))
}

fn collect(path: &Path, to: &mut Vec<PathBuf>) -> Result<()> {
    if !path.is_dir() {
        to.push(path.to_owned());
        return Ok(());
    }
    for entry in std::fs::read_dir(path).with_context(|| path.display().to_string())? {
        collect(&entry.with_context(|| path.display().to_string())?.path(), to)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_module_is_that_of_the_sources() {
        check().expect("is of these sources");
        assert!(MODULE.starts_with(b"\0asm") && MODULE.len() <= MOST_BYTES);
    }
}
