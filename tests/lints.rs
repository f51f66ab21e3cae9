//! What the everyday lints do not see: the code of boards and cores, every feature of the engine alone, the pages of the
//! documentation, and what the crates that this project stands on may be.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

use host::toolchain::{lint, workspace};
use serde_json::Value;

/// Runs cargo in the workspace, which must succeed; its standard output.
fn cargo(arguments: &[&str]) -> Vec<u8> {
    let result = Command::new("cargo")
        .current_dir(workspace().expect("sources"))
        .args(arguments)
        .env_remove("RUSTFLAGS")
        .env("RUSTDOCFLAGS", "--deny warnings --allow rustdoc::private_intra_doc_links --allow rustdoc::redundant_explicit_links")
        .output()
        .expect("cargo runs");
    assert!(result.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&result.stderr));
    result.stdout
}

/// One board for each set of drivers and each core.
#[test]
fn the_code_of_every_board_is_free_of_warnings() {
    let boards = host::board::all().expect("boards");
    let said: Vec<String> =
        boards.iter().filter_map(|board| lint(board).err()).map(|error| error.to_string()).collect();
    assert!(said.is_empty(), "{}", said.join("\n"));
}

/// The engine's features, as `shared/Cargo.toml` has them.
fn features() -> Vec<String> {
    let metadata: Value =
        serde_json::from_slice(&cargo(&["metadata", "--format-version", "1", "--no-deps"])).expect("JSON");
    let packages = metadata["packages"].as_array().expect("packages");
    let engine = packages.iter().find(|package| package["name"] == "telltale").expect("the engine");
    let full = engine["features"]["full"].as_array().expect("a list");
    full.iter().map(|feature| feature.as_str().expect("a name").to_owned()).collect()
}

#[test]
fn the_engine_compiles_with_each_feature_alone_and_with_pairs() {
    let features = features();
    assert!(features.len() > 10, "{features:?}");
    let alone = features.iter().cloned();
    // A sample of pairs: each feature with the one that is seven places further.
    let pairs =
        (0..features.len()).map(|at| [&features[at][..], &features[(at + 7) % features.len()]].join(","));
    // A folder of its own: cargo would wait for the boards' lints.
    let folder = ["--target-dir", "target/lints/features", "--", "--deny", "warnings"];
    for set in std::iter::once(String::new()).chain(alone).chain(pairs) {
        let clippy = ["clippy", "--quiet", "--package", "telltale", "--no-default-features", "--features"];
        cargo(&[&clippy[..], &[&set], &folder].concat());
    }
}

#[test]
fn the_documentation_has_no_broken_link() {
    for package in ["telltale", "telltale-build", "host"] {
        cargo(&["doc", "--quiet", "--no-deps", "--document-private-items", "--lib", "--package", package]);
    }
}

/// Licences that a crate may have; of several that it gives the choice of, one.
const LICENCES: [&str; 11] = [
    "MIT",
    "Apache-2.0",
    "Apache-2.0 WITH LLVM-exception",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "0BSD",
    "Unicode-3.0",
    "CC0-1.0",
    // cbindgen's, which checks a header in a suite and is in no program.
    "MPL-2.0",
];

/// Crates that have no place here: other people's cryptography and networks, and C libraries that a user would have to
/// install.
const BANNED: [&str; 6] = ["openssl-sys", "native-tls", "reqwest", "tokio", "hyper", "libudev-sys"];

/// Whether an SPDX expression without brackets within brackets allows one of the licences.
fn is_allowed(expression: &str) -> bool {
    let plain = expression.replace(['(', ')'], "").replace('/', " OR ");
    plain.split(" AND ").all(|all| all.split(" OR ").any(|one| LICENCES.contains(&one.trim())))
}

#[test]
fn every_crate_may_be_used_and_none_is_banned() {
    assert!(is_allowed("(MIT OR Apache-2.0) AND Unicode-3.0") && is_allowed("Unlicense/MIT"));
    assert!(!is_allowed("GPL-3.0") && !is_allowed("MIT AND GPL-3.0"));
    let metadata: Value =
        serde_json::from_slice(&cargo(&["metadata", "--format-version", "1", "--locked"])).expect("JSON");
    let mut versions = BTreeMap::<&str, BTreeSet<&str>>::new();
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        let licence = package["license"].as_str().unwrap_or("none");
        assert!(is_allowed(licence), "{name}: {licence}");
        assert!(!BANNED.contains(&name), "{name} is banned");
        versions.entry(name).or_default().insert(package["version"].as_str().expect("a version"));
    }
    let several: Vec<_> = versions.iter().filter(|(_, versions)| versions.len() > 1).collect();
    println!("{} crates, {} of them in several versions: {several:?}", versions.len(), several.len());
}
