//! For Node.js and browsers: a package with the model and the engine as WebAssembly.

use anyhow::{Context, Result};
use serde_json::{Map, Value, json};
use telltale::engine::image::image;
use telltale::engine::kernel::Layout;

use super::{Folder, Request, fill};
use crate::web;

/// Adds the package.
///
/// # Errors
/// If the engine's own `package.json`, from which this one is made, is not what it was.
pub(super) fn package(request: &Request<'_>, folder: &mut Folder) -> Result<()> {
    let name = request.package();
    let labels: Vec<&str> = request.model.labels().collect();
    let labels = serde_json::to_string(&labels)?;
    let filled = |template: &str| fill(request, template, &[("package", &name), ("labels_js", &labels)]);
    folder.add("package.json", manifest(&name)?);
    folder.add("index.js", filled(include_str!("templates/npm.js")));
    folder.add("index.d.ts", filled(include_str!("templates/npm.d.ts")));
    folder.add("example.js", filled(include_str!("templates/npm.example.js")));
    folder.add("README.md", filled(include_str!("templates/npm.md")));
    folder.add("model.bin", image(request.model, Layout::Pairs));
    folder.add("telltale.wasm", web::MODULE);
    folder.add("telltale.js", web::SCRIPT);
    folder.add("telltale.d.ts", web::TYPES);
    Ok(())
}

/// The package's manifest: the engine's, with files of its own.
fn manifest(name: &str) -> Result<String> {
    let mut manifest: Map<String, Value> =
        serde_json::from_str(web::MANIFEST).context("host/web/npm/package.json")?;
    let own = json!({
        "name": name,
        "private": true,
        "description": "A text classifier, word by word: model and engine",
        "exports": "./index.js",
        "types": "./index.d.ts",
        "files": [
            "index.js", "index.d.ts", "example.js", "model.bin", "telltale.js", "telltale.d.ts", "telltale.wasm", "LICENSE-MIT",
            "LICENSE-APACHE",
        ],
    });
    manifest.extend(own.as_object().into_iter().flatten().map(|(key, value)| (key.clone(), value.clone())));
    Ok(format!("{}\n", serde_json::to_string_pretty(&manifest)?))
}
