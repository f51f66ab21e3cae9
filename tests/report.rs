//! `report`: the page in Chromium gives the answers of `run`, says nothing to anyone, and shows texts as text.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use tests::browser::Browser;
use tests::{fail, folder, succeed, text, train};

/// Opens a page from the disk; how many milliseconds it took until it was ready.
fn open(browser: &Browser, page: &Path) -> f64 {
    browser.open(&format!("file://{}", text(page)));
    browser.wait_for("return document.documentElement.dataset.ready !== undefined");
    assert_eq!(browser.run("return document.getElementById('failure').textContent"), "");
    let took = browser.run("return document.documentElement.dataset.ready");
    took.as_str().and_then(|took| took.parse().ok()).expect("milliseconds")
}

/// What the page shows of the text in panel `at`: the rows of its trace, and its answer.
fn shown(browser: &Browser, at: usize) -> String {
    let script = format!(
        r#"
        await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        const panel = document.querySelectorAll(".panel.text")[{at}];
        const details = panel.querySelector("details");
        details.open = true;
        await new Promise((done) => setTimeout(done, 50));
        const rows = [...details.querySelectorAll("tbody tr")];
        const lines = rows.map((row) => [...row.children].map((cell) => cell.textContent).join("\t"));
        return [...lines, panel.querySelector(".answer").textContent].join("\n");
        "#
    );
    let script = format!("return (async () => {{ {script} }})()");
    browser.run(&script).as_str().expect("text").to_owned()
}

/// The same by `run`.
fn expected(model: &Path, input: &str) -> String {
    let lines = succeed(&["run", "--trace", "--paragraphs", "--model", text(model)], input.as_bytes());
    let lines = String::from_utf8(lines).expect("UTF-8");
    let (words, answer) = lines.trim_end().rsplit_once('\n').unwrap_or(("", lines.trim_end()));
    let answer: Vec<&str> = answer.split('\t').collect();
    let answer = format!("{} {}  {} words, {} unknown", answer[1], answer[2], answer[3], answer[4]);
    if words.is_empty() { answer } else { format!("{words}\n{answer}") }
}

/// Puts a text into panel `at` as pasting does.
fn paste(browser: &Browser, at: usize, input: &str) {
    let script = format!(
        "const input = document.querySelectorAll('.panel.text textarea')[{at}]; input.value = {}; \
         input.dispatchEvent(new Event('input'))",
        json!(input)
    );
    let _ = browser.run(&script);
}

/// Nothing was complained of, nothing asked for but the page, and no text became a program.
fn assert_quiet(browser: &Browser) {
    assert_eq!(browser.complaints(), [""; 0]);
    let requests = browser.requests();
    let others =
        requests.iter().filter(|address| !address.starts_with("file://") && !address.starts_with("data:"));
    assert_eq!(others.count(), 0, "{requests:?}");
    assert!(requests.iter().filter(|address| address.starts_with("file://")).count() <= 1, "{requests:?}");
    assert_eq!(browser.run("return window.hacked === undefined"), true);
    assert_eq!(browser.run("return document.querySelectorAll('script, img, iframe').length"), 2);
}

#[test]
fn the_page_of_a_run_answers_as_the_program_does() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let (model, page) = (path("model.bin"), path("report.html"));
    train(&model, &["--report", text(&page)]);
    assert!(fs::metadata(&page).expect("written").len() < 1_000_000);
    let browser = Browser::start();
    let took = open(&browser, &page);
    println!("ready after {took} ms");
    assert!(took < 1000.0, "{took} ms");
    // Typed, in an empty field.
    paste(&browser, 0, "");
    let typed = "not a BAD film, but xyzzy was <b>slow</b>";
    browser.type_into("textarea", typed);
    assert_eq!(shown(&browser, 0), expected(&model, typed));
    // Beside it, another.
    let _ = browser.run("document.getElementById('add').click()");
    let long = "a".repeat(10_000);
    for pasted in [
        "<script>window.hacked = 1</script><img src=x onerror='window.hacked = 1'> fine",
        "\u{202e}evil \u{2066}שלום عالم great",
        &long,
        "😀 👍🏽 정말 这部电影 don't É\u{1}x",
        &"the film was not bad but the ending ".repeat(40),
    ] {
        paste(&browser, 1, pasted);
        assert_eq!(shown(&browser, 1), expected(&model, pasted), "{pasted}");
    }
    assert_eq!(shown(&browser, 0), expected(&model, typed));
    // The arrow keys walk through the words.
    browser.type_into(".words", "\u{e014}\u{e014}\u{e014}");
    let status = browser.run("return document.querySelector('.status').textContent");
    assert!(status.as_str().is_some_and(|status| status.starts_with("word 2: bad")), "{status}");
    // Tests and curves are there.
    for (heading, count) in
        [("#tests tbody tr", 4), ("#training svg", 2), ("#size tbody tr", 8), ("#card dt", 8)]
    {
        let found = browser.run(&format!("return document.querySelectorAll('{heading}').length"));
        assert!(found.as_u64().is_some_and(|found| found >= count), "{heading}: {found}");
    }
    assert_quiet(&browser);
}

/// A serial port in the place of the browser's: it says who it is, holds the page up after each burst, and answers the
/// first text with `LINES`.
const PORT: &str = r#"
const [encoder, decoder] = [new TextEncoder(), new TextDecoder()];
let [received, held, say] = ["", 0, () => {}];
const answer = (text) => say(encoder.encode(text));
window.most = 0;
const port = {
    open: async ({ baudRate }) => { window.baudRate = baudRate; },
    readable: new ReadableStream({ start: (to) => { say = (bytes) => to.enqueue(bytes); } }),
    writable: new WritableStream({
        write: (bytes) => {
            if (held === 0) {
                say(Uint8Array.of(0x13));
                setTimeout(() => { held = 0; say(Uint8Array.of(0x11)); }, 5);
            }
            held += bytes.length;
            window.most = Math.max(window.most, held);
            received += decoder.decode(bytes);
            if (received === "\x05") answer("GREETING\n");
            if (received === "\x04") answer("\x04\n");
            if (received.endsWith("\n\n")) { window.received = received; answer(LINES); }
            if ("\x04\x05".includes(received) || received.endsWith("\n\n")) received = "";
        },
    }),
};
Object.defineProperty(navigator, "serial", { value: { requestPort: async () => port } });
"#;

#[test]
fn a_board_is_compared_word_by_word_over_web_serial() {
    let folder = folder();
    let [model, page] = ["model.bin", "report.html"].map(|name| folder.path().join(name));
    train(&model, &["--ngrams", "0"]);
    succeed(&["report", "--model", text(&model), "--out", text(&page)], b"");
    let inspected: Value =
        serde_json::from_slice(&succeed(&["inspect", text(&model), "--json", "-"], b"")).expect("JSON");
    let greeting =
        format!("telltale 0.1.0 on x: model {}, 2 classes", inspected["digest"].as_str().expect("hex"));
    let sentence = &"not a bad film, but slow ".repeat(20)[..];
    let lines = succeed(&["run", "--trace", "--model", text(&model)], sentence.as_bytes());
    let lines = String::from_utf8(lines).expect("UTF-8");
    let word = lines.lines().nth(2).expect("a third word");
    let (trace, rest) = (&word[word.len() - 16..], &word[..word.len() - 16]);
    let other = if trace.ends_with('0') { '1' } else { '0' };
    let wrong = lines.replace(word, &format!("{rest}{}{other}", &trace[..15]));
    for (greeting, lines, expected) in [
        (&greeting[..], &lines[..], "All 120 words are the page's, trace by trace."),
        (&greeting, &wrong, "Word 2 differs"),
        ("telltale 0.1.0 on x: model 00000000, 2 classes", &lines, "This page is about model"),
    ] {
        let browser = Browser::start();
        let port = PORT.replace("\"GREETING\\n\"", &json!(format!("{greeting}\n")).to_string());
        let port = port.replace("LINES", &json!(lines).to_string());
        browser
            .devtools("Page.addScriptToEvaluateOnNewDocument", &json!({ "source": format!("{{ {port} }}") }));
        open(&browser, &page);
        paste(&browser, 0, sentence);
        let _ = browser.run("document.getElementById('connect').click()");
        browser.wait_for("return document.getElementById('greeting').textContent.includes('telltale 0.1.0')");
        if greeting.contains("00000000") {
            browser.wait_for(&format!(
                "return document.getElementById('greeting').textContent.startsWith('{expected}')"
            ));
            continue;
        }
        let _ = browser.run("document.getElementById('send').click()");
        browser.wait_for("return document.querySelector('.verdict') !== null");
        let verdict = browser.run("return document.querySelector('.verdict').textContent");
        assert!(verdict.as_str().is_some_and(|verdict| verdict.starts_with(expected)), "{verdict}");
        assert_eq!(browser.run("return window.received"), format!("\u{2}\u{7}{sentence}\n\n"));
        assert_eq!(browser.run("return window.baudRate"), 115_200);
        // It stops within a few bursts of 16 bytes.
        let most = browser.run("return window.most").as_u64().expect("a number");
        assert!((16..=64).contains(&most), "{most}");
        assert_quiet(&browser);
    }
}

/// The comparison of pages with the program can fail.
#[test]
fn a_page_of_another_model_is_noticed() {
    let folder = folder();
    let [own, other] = ["own", "other"].map(|name| folder.path().join(name));
    let page = folder.path().join("report.html");
    train(&own, &["--ngrams", "0"]);
    train(&other, &["--ngrams", "0", "--seed", "2"]);
    succeed(&["report", "--model", text(&own), "--out", text(&page)], b"");
    let browser = Browser::start();
    open(&browser, &page);
    paste(&browser, 0, "a good film");
    let shown = shown(&browser, 0);
    assert_eq!(shown, expected(&own, "a good film"));
    assert_ne!(shown, expected(&other, "a good film"));
}

#[test]
fn labels_and_texts_of_a_corpus_stay_texts() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let labels =
        ["<script>window.hacked=1</script>", "<img src=x onerror=window.hacked=1>", "שלום \u{202e}x"];
    let topics = ["goal match team", "shares profit bank", "rain wind storm"];
    let mut csv = String::from("text,label\n");
    for at in 0..240 {
        let (label, topic) = (labels[at % 3], topics[at % 3]);
        // A few texts are labelled wrongly: the page has mistakes to show.
        let label = if at % 20 == 0 { labels[(at + 1) % 3] } else { label };
        csv += &format!("\"{topic} </script><script>window.hacked={at}</script> number {at}\",\"{label}\"\n");
    }
    let data = path("data.csv");
    fs::write(&data, csv).expect("written");
    let (model, json, page) = (path("model.bin"), path("run.json"), path("report.html"));
    let data = ["--data", text(&data)];
    let run = ["train", "--epochs", "3", "--ngrams", "0", "--export", text(&model), "--json", text(&json)];
    succeed(&[&run[..], &data].concat(), b"");
    let report = ["report", "--model", text(&model), "--train-json", text(&json), "--split", "all", "--out"];
    succeed(&[&report[..], &[text(&page)], &data].concat(), b"");
    let browser = Browser::start();
    open(&browser, &page);
    let sentence = "goal match team number 1";
    paste(&browser, 0, sentence);
    assert_eq!(shown(&browser, 0).lines().count(), expected(&model, sentence).lines().count());
    let script = "document.querySelectorAll('.mistake').forEach((each) => { each.open = true; }); \
                  return [...document.querySelectorAll('#tests tbody th')].map((each) => each.textContent)";
    let names = browser.run(script);
    let names: Vec<&str> = names.as_array().expect("names").iter().filter_map(Value::as_str).collect();
    for label in labels {
        assert!(names.iter().filter(|name| **name == label).count() >= 2, "{label}: {names:?}");
    }
    browser.wait_for("return document.querySelectorAll('.mistake .words').length > 0");
    assert_quiet(&browser);
}

#[test]
fn no_input_is_overwritten_and_wrong_files_are_named() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let model = path("model.bin");
    train(&model, &["--ngrams", "0"]);
    let before = fs::read(&model).expect("there");
    let model = text(&model);
    assert!(fail(&["report", "--model", model, "--out", model]).contains("read as --model"));
    assert_eq!(fs::read(model).expect("there"), before);
    let out = path("report.html");
    let json = path("run.json");
    fs::write(&json, "{\"epochs\": 3}").expect("written");
    let error = fail(&["report", "--model", model, "--train-json", text(&json), "--out", text(&out)]);
    assert!(error.contains("run.json: `epochs` with losses and accuracies are expected"), "{error}");
    let other = path("other.csv");
    fs::write(&other, format!("text,label\n{}", "good,yes\nbad,no\n".repeat(20))).expect("written");
    let data = ["--data", text(&other), "--split", "all"];
    let error = fail(&[&["report", "--model", model, "--out", text(&out)][..], &data].concat());
    assert!(error.contains("is unknown to the model, which knows neg, pos"), "{error}");
    assert!(!out.exists());
}
