//! For cargo: a crate with the model and the engine's sources.

use std::fmt::Write;
use std::path::Path;

use anyhow::{Context, Result};
use telltale::engine::image::image;
use telltale::engine::kernel::Layout;
use toml::{Table, Value};

use super::{Folder, Request, fill};
use crate::toolchain::workspace;

/// Adds the crate.
///
/// # Errors
/// If the engine's sources are gone.
pub(super) fn package(request: &Request<'_>, folder: &mut Folder) -> Result<()> {
    let labels: Vec<&str> = request.model.labels().collect();
    let variants = telltale_build::variants(&labels);
    let (mut lines, mut arms, mut all) = (Vec::new(), Vec::new(), Vec::new());
    for (variant, label) in variants.iter().zip(&labels) {
        lines.push(format!("    /// {label:?}\n    {variant},"));
        arms.push(format!("            Self::{variant} => {label:?},"));
        all.push(format!("Self::{variant}"));
    }
    let (lines, arms, all) = (lines.join("\n"), arms.join("\n"), all.join(", "));
    let filled = |template: &str| {
        fill(
            request,
            template,
            &[("crate", request.name), ("variants", &lines), ("texts", &arms), ("all", &all)],
        )
    };
    let engine = |file: &str| -> Result<Table> {
        let path = workspace()?.join(file);
        let text = std::fs::read_to_string(&path).with_context(|| path.display().to_string())?;
        toml::from_str(&text).with_context(|| path.display().to_string())
    };
    let (root, shared) = (engine("Cargo.toml")?, engine("shared/Cargo.toml")?);
    let common = |kind: &str, name: &str| -> Result<&Value> {
        let found = root.get("workspace").and_then(|all| all.get(kind)).and_then(|kind| kind.get(name));
        found.with_context(|| {
            format!("Cargo.toml: no {name} in [workspace.{kind}]; take a checkout of the project as it was")
        })
    };
    folder.add(
        "Cargo.toml",
        format!(
            "[package]\nname = {:?}\nversion = \"0.1.0\"\nedition = {}\nrust-version = {}\nlicense = {}\npublish = \
             false\n\n[dependencies]\ntelltale = {{ package = {:?}, path = \"telltale\", default-features = false, \
             features = {:?} }}\n",
            request.package(),
            inline(common("package", "edition")?),
            inline(common("package", "rust-version")?),
            inline(common("package", "license")?),
            engine_name(request),
            if request.any_model { vec!["full"] } else { request.model.features() },
        ),
    );
    folder.add("src/lib.rs", filled(include_str!("templates/lib.rs")));
    folder.add("examples/classify.rs", filled(include_str!("templates/classify.rs")));
    folder.add("README.md", filled(include_str!("templates/rust.md")));
    folder.add("model.pairs.bin", image(request.model, Layout::Pairs));
    folder.add("model.quads.bin", image(request.model, Layout::Quads));
    folder.add("telltale/Cargo.toml", manifest(&shared, &engine_name(request), common)?);
    let sources = workspace()?.join("shared");
    add(&sources, "build.rs", folder)?;
    add_all(&sources, "src", folder)
}

/// What the engine's package is called: a program may have several models, each with the engine that it needs.
fn engine_name(request: &Request<'_>) -> String {
    format!("telltale-{}", request.package())
}

/// The engine's manifest without the workspace that it comes from, of which `common` gives what it takes.
fn manifest<'r>(
    shared: &Table,
    package: &str,
    common: impl Fn(&str, &str) -> Result<&'r Value>,
) -> Result<String> {
    let mut text = "[lib]\nname = \"telltale\"\n\n".to_owned();
    for section in ["package", "features", "dependencies"] {
        let _ = writeln!(text, "[{section}]");
        for (name, value) in shared.get(section).and_then(Value::as_table).into_iter().flatten() {
            let resolved = match value.as_table() {
                Some(own) if own.contains_key("workspace") => {
                    let mut table = match common(section, name)? {
                        Value::Table(table) => table.clone(),
                        plain if own.len() == 1 => {
                            let _ = writeln!(text, "{name} = {}", inline(plain));
                            continue;
                        }
                        version => Table::from_iter([("version".to_owned(), version.clone())]),
                    };
                    let more = own.iter().filter(|(key, _)| *key != "workspace");
                    table.extend(more.map(|(key, value)| (key.clone(), value.clone())));
                    Value::Table(table)
                }
                _ => value.clone(),
            };
            let resolved = if section == "package" && name == "name" { package.into() } else { resolved };
            let _ = writeln!(text, "{name} = {}", inline(&resolved));
        }
        text.push('\n');
    }
    Ok(text)
}

/// A value on one line.
fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", ")),
        Value::Table(table) => {
            let pairs: Vec<String> =
                table.iter().map(|(key, value)| format!("{key} = {}", inline(value))).collect();
            format!("{{ {} }}", pairs.join(", "))
        }
        Value::String(text) => format!("{text:?}"),
        Value::Boolean(flag) => flag.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Datetime(time) => time.to_string(),
    }
}

/// Adds one of the engine's sources.
fn add(sources: &Path, path: &str, folder: &mut Folder) -> Result<()> {
    let file = sources.join(path);
    let text = std::fs::read(&file).with_context(|| file.display().to_string())?;
    folder.add(format!("telltale/{path}"), text);
    Ok(())
}

/// Adds all of the engine's sources in a folder and in those below it.
fn add_all(sources: &Path, path: &str, folder: &mut Folder) -> Result<()> {
    let place = sources.join(path);
    for entry in std::fs::read_dir(&place).with_context(|| place.display().to_string())? {
        let entry = entry.with_context(|| place.display().to_string())?;
        let name = format!("{path}/{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            add_all(sources, &name, folder)?;
        } else if name.ends_with(".rs") {
            add(sources, &name, folder)?;
        }
    }
    Ok(())
}
