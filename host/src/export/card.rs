//! The description of a model, and of the objects that read it.

use telltale::engine::format::{Manifest, Provenance};

use super::Request;
use crate::bytes::hex;
use crate::console::is_obeyed;

/// The model's card, in Markdown.
pub(super) fn card(request: &Request<'_>) -> String {
    let (model, requirements) = (request.model, request.model.requirements());
    // A model that has been opened has a sound manifest.
    let Ok(manifest) = model.manifest() else { return String::new() };
    let labels: Vec<String> = model.labels().map(code).collect();
    let Manifest { provenance, .. } = &manifest;
    let share = |units: Option<u16>| {
        units.map_or_else(|| "not measured".to_owned(), |units| format!("{:.2} %", f64::from(units) / 100.0))
    };
    let metrics = &provenance.metrics;
    let training: String =
        training(provenance).iter().map(|(what, is)| format!("| {what} | {} |\n", plain(is))).collect();
    format!(
        "## The model\n\n\
         | | |\n|---|---|\n\
         | labels | {} |\n\
         | bytes | {} |\n\
         | memory, bytes | {} (and the handle) |\n\
         | texts of no class | {} |\n\
         | HTML's tags | {} |\n\
         | digest | {:08x} |\n\
         | accuracy on validation texts | {} |\n\
         | accuracy on test texts | {} |\n\
         {training}\
         | written by | {} |\n",
        labels.join(", "),
        model.bytes(),
        requirements.memory_bytes(),
        if model.rejection().is_some() { "rejected: `rejected` says so" } else { "answered like others" },
        if manifest.text.tags { "read as text" } else { "left out of texts" },
        model.digest(),
        share(metrics.quantised_valid),
        share(metrics.quantised_test),
        plain(provenance.writer),
    )
}

/// Where a model is from: what, and what that is. One that was imported has seen no text here, but for those that it was
/// calibrated and measured on.
#[must_use]
pub fn training(
    Provenance { corpus, digest, seed, examples, .. }: &Provenance<'_>,
) -> Vec<(&'static str, String)> {
    let (is_imported, sha) = (*examples == 0, hex(digest));
    let mut all = vec![match is_imported {
        true => ("origin", (*corpus).to_owned()),
        false => ("trained on", format!("{corpus} ({examples} texts), seed {seed}")),
    }];
    if digest.iter().any(|byte| *byte != 0) {
        all.push((
            if is_imported {
                "SHA-256 of the texts of calibration and test"
            } else {
                "SHA-256 of the corpus"
            },
            sha,
        ));
    }
    all
}

/// The objects, in Markdown.
pub(super) fn cores(request: &Request<'_>) -> String {
    let rows = request
        .cores
        .iter()
        .map(|core| format!("| {} | `lib/{}` | `{}` |\n", core.title, core.name, core.gcc));
    format!("| core | object in | gcc |\n|---|---|---|\n{}", rows.collect::<String>())
}

/// A text from a file as code in a table of Markdown.
fn code(text: &str) -> String {
    let shown: String = text.chars().filter(|c| !c.is_control() && !is_obeyed(*c)).collect();
    let shown = shown.replace('|', "\\|");
    // A fence is longer than any run of its own character within (CommonMark 6.1).
    let longest = shown.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let (fence, blank) = ("`".repeat(longest + 1), if longest > 0 { " " } else { "" });
    format!("{fence}{blank}{shown}{blank}{fence}")
}

/// Of a text from a file, what stands in a table without being taken for Markdown.
fn plain(text: &str) -> String {
    let is_plain =
        |c: &char| !c.is_control() && !is_obeyed(*c) && !matches!(c, '`' | '|' | '<' | '>' | '[' | ']');
    text.chars().filter(is_plain).collect()
}

#[cfg(test)]
mod tests {
    use super::{code, plain};

    #[test]
    fn labels_turn_nothing_around() {
        assert_eq!(code("a\u{202E}|<c>\n"), "`a\\|<c>`");
        assert_eq!(code("`d"), "`` `d ``");
        assert_eq!(code("``<b>"), "``` ``<b> ```");
        assert_eq!(plain("a\u{202E}b\u{2066}|<c>\n`d"), "abcd");
    }
}
