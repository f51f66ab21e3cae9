//! What a text looks like is what counts: models learn from one spelling and read another, whatever the script.

use std::fmt::Write;
use std::path::Path;

use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64;
use serde_json::Value;
use tests::{folder, succeed, text};

/// A kind of text: words that tell nothing, two words or more that tell the class, and what stands between.
struct Kind {
    name: &'static str,
    filling: &'static [&'static str],
    telling: [&'static [&'static str]; 2],
    between: &'static str,
    /// Other spellings of the same.
    respell: fn(&str) -> String,
}

const ENGLISH: &[&str] = &["film", "scene", "plot", "actor", "was", "the", "and", "story"];

fn same(text: &str) -> String {
    text.to_owned()
}

const KINDS: [Kind; 7] = [
    Kind {
        name: "words of 40 bytes, and the Georgian of more than 11 letters",
        filling: &["фильм", "сцена", "сюжет", "был", "და", "კინო"],
        telling: [&["восхитительнейший", "შთამბეჭდავია"], &["отвратительнейший", "შთამბეჭდავი"]],
        between: " ",
        respell: same,
    },
    Kind {
        name: "Thai, with and without zero width spaces",
        filling: &["หนัง", "เรื่อง", "นี้", "กับ", "เพื่อน", "วัน"],
        telling: [&["ดีมาก"], &["แย่มาก"]],
        between: "",
        respell: |text| text.replace("น", "น\u{200B}"),
    },
    Kind {
        name: "soft hyphens, entities and decomposed accents",
        filling: &["für", "Film", "Musik", "schön", "über"],
        telling: [&["Enttäuschung"], &["Überraschung"]],
        between: " ",
        respell: |text| {
            text.replace("täu", "t&auml;u\u{AD}")
                .replace('Ü', "U\u{308}")
                .replace("sch", "s\u{AD}ch")
                .replace('ü', "&#xfc;")
        },
    },
    Kind {
        name: "apostrophes",
        filling: &["фільм", "сцена", "цей", "був", "і"],
        telling: [&["здоровʼя"], &["нездоровʼя"]],
        between: " ",
        respell: |text| text.replace('ʼ', "`"),
    },
    Kind {
        name: "emoji",
        filling: ENGLISH,
        telling: [&["😍", "❤", "👍"], &["😡", "💔", "👎"]],
        between: " ",
        respell: |text| text.replace('❤', "❤\u{FE0F}"),
    },
    Kind {
        name: "symbols",
        filling: ENGLISH,
        telling: [&[":)", "c++", "+5"], &[":(", "c#", "-5"]],
        between: " ",
        respell: |text| text.replace('5', "５").replace(':', "&#58;"),
    },
    Kind {
        name: "less than",
        filling: &["room", "we", "at", "noon", "today"],
        telling: [&["<clean and", "<bright"], &["<loud or", "<cold"]],
        between: " ",
        respell: |text| text.replace('<', "<br/>&lt;"),
    },
];

/// 300 texts of a kind as CSV.
fn corpus(kind: &Kind, seed: u64, spell: impl Fn(&str) -> String) -> String {
    let mut random = Pcg64::seed_from_u64(seed);
    let mut pick = |of: &[&'static str]| of[random.random_range(0..of.len())];
    let mut csv = "text,label\n".to_owned();
    for row in 0..300 {
        let class = row % 2;
        let mut words: Vec<_> = (0..4).map(|_| pick(kind.filling)).collect();
        words.insert(row / 2 % 5, pick(kind.telling[class]));
        writeln!(csv, "{},{}", spell(&words.join(kind.between)), ["pos", "neg"][class])
            .expect("a string grows");
    }
    csv
}

fn accuracy(model: &Path, data: &Path) -> f64 {
    let output = succeed(&["eval", "--model", text(model), "--data", text(data), "--json", "-"], b"");
    let report: Value = serde_json::from_slice(&output).expect("JSON");
    report["accuracy"].as_f64().expect("a number")
}

#[test]
fn every_spelling_is_learnt_and_read() {
    let folder = folder();
    let [data, model] = ["data.csv", "model.bin"].map(|name| folder.path().join(name));
    for kind in KINDS {
        std::fs::write(&data, corpus(&kind, 1, same)).expect("written");
        succeed(&["train", "--data", text(&data), "--export", text(&model)], b"");
        for (seed, spell) in [(2, same as fn(&str) -> String), (3, kind.respell)] {
            std::fs::write(&data, corpus(&kind, seed, spell)).expect("written");
            let accuracy = accuracy(&model, &data);
            assert!(accuracy >= 0.99, "{}: {accuracy} of seed {seed}", kind.name);
        }
    }
}
