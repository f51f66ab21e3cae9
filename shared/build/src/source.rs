//! The Rust source that a program includes.

use telltale::Model;

use crate::names::{camel, variants};

/// The source for a model whose files have the name `name`.
pub fn source(name: &str, model: &Model<'_>) -> String {
    let labels: Vec<&str> = model.labels().collect();
    let variants = variants(&labels);
    let (constant, label) = (name.to_uppercase(), format!("{}Label", camel(name)));
    let features: Vec<String> = model.features().iter().map(|feature| format!("{feature:?}")).collect();
    let mut source = format!(
        "// Written by telltale-build. The model needs {} bytes of memory and these features of the engine:\n\
         // telltale = {{ path = \"…/shared\", default-features = false, features = [{}] }}\n\
         ::telltale::include_model!(pub static {constant} = concat!(env!(\"OUT_DIR\"), \"/{name}.bin\"));\n\n\
         /// The labels of `{constant}`, in order.\n\
         #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]\n\
         #[allow(dead_code)]\n\
         pub enum {label} {{\n",
        model.requirements().memory_bytes(),
        features.join(", ")
    );
    for (variant, text) in variants.iter().zip(&labels) {
        source += &format!("    /// {text:?}\n    {variant},\n");
    }
    source += &format!(
        "}}\n\n\
         #[allow(dead_code)]\n\
         impl {label} {{\n    \
             /// All labels, in order.\n    \
             pub const ALL: [Self; {}] = [{}];\n\n    \
             /// The label of a class of `{constant}`; `None` of another model's.\n    \
             #[must_use]\n    \
             pub fn of(class: ::telltale::Class) -> Option<Self> {{\n        \
                 Self::ALL.get(class.index()).copied()\n    \
             }}\n\
         }}\n",
        variants.len(),
        variants.iter().map(|variant| format!("Self::{variant}")).collect::<Vec<_>>().join(", ")
    );
    source
}
