//! A model as a folder that other people's tools take as it is: the library for their cores, the model laid out for
//! each, an example, a licence, and a page that tells what to do.

mod card;
mod folder;
mod source;

pub use folder::Folder;

use anyhow::{Context, Result};
use clap::ValueEnum;
use telltale::Model;

use crate::library::{self, Core, Features};

/// Whose tools the folder is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A C or C++ compiler: header, model, an object a core, a shared library for this PC
    C,
}

/// What to export.
#[derive(Clone, Copy, Debug)]
pub struct Order<'o> {
    /// For whose tools.
    pub form: Form,
    /// What the model is called: an identifier in snake case.
    pub name: &'o str,
    /// The model, as this PC reads it.
    pub model: &'o Model<'o>,
    /// Whether the library reads any model; otherwise this one, and what needs no more.
    pub any_model: bool,
    /// The cores.
    pub cores: &'o [Core],
}

/// Makes the folder; libraries are built where cargo has not built them before.
///
/// # Errors
/// If a library cannot be built, which names the command to run.
pub fn folder(order: &Order<'_>) -> Result<Folder> {
    let features = order.model.features();
    let features = if order.any_model { Features::Full } else { Features::Only(&features) };
    let objects = order.cores.iter().map(|core| {
        library::object(core, features)
            .with_context(|| format!("cannot build the library for {}", core.title))
    });
    let objects = objects.collect::<Result<Vec<_>>>()?;
    let mut folder = Folder::default();
    for (name, licence) in [
        ("LICENSE-MIT", include_str!("../../../LICENSE-MIT")),
        ("LICENSE-APACHE", include_str!("../../../LICENSE-APACHE")),
    ] {
        folder.add(name, licence);
    }
    match order.form {
        Form::C => c(order, &objects, features, &mut folder)?,
    }
    Ok(folder)
}

/// For a C compiler.
fn c(order: &Order<'_>, objects: &[Vec<u8>], features: Features<'_>, folder: &mut Folder) -> Result<()> {
    let name = order.name;
    folder.add("include/telltale.h", library::HEADER);
    folder.add(format!("include/{name}.h"), source::header(order));
    folder.add(format!("src/{name}.c"), source::arrays(order));
    for (core, object) in order.cores.iter().zip(objects) {
        folder.add(format!("lib/{}/telltale.o", core.name), object.clone());
    }
    let shared = format!(
        "lib/{}-{}/{}",
        std::env::consts::OS,
        std::env::consts::ARCH,
        library::shared_name("telltale")
    );
    folder.add(&shared[..], library::shared(features)?);
    folder.add("examples/classify.c", fill(order, include_str!("templates/classify.c")));
    let page = fill(order, include_str!("templates/c.md"))
        .replace("{{shared}}", &format!("| this PC | `{shared}` | |\n"));
    folder.add("README.md", page);
    Ok(())
}

/// A template with the order's words in it.
fn fill(order: &Order<'_>, template: &str) -> String {
    let gcc = order.cores.first().map_or("", |core| {
        if core.name.starts_with("rv32") { "riscv64-unknown-elf-gcc" } else { "arm-none-eabi-gcc" }
    });
    template
        .replace("{{name}}", order.name)
        .replace("{{NAME}}", &order.name.to_uppercase())
        .replace("{{gcc}}", gcc)
        .replace("{{card}}", &card::card(order))
        .replace("{{cores}}", &card::cores(order))
}

/// A name for a model of that file, if none is given.
///
/// # Errors
/// If `name` makes no identifier.
pub fn identifier(name: &str) -> Result<String> {
    let made = telltale_build::file_name(name.as_ref());
    made.with_context(|| {
        format!("{name:?} makes no identifier: give one with --name, such as --name sentiment")
    })
}
