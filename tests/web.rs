//! The engine in JavaScript: the module, the package and its example, in node and in Chromium, against the PC.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use host::aligned::AlignedBytes;
use host::engine::memory_for;
use host::toolchain::workspace;
use host::web;
use rand::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;
use telltale::{Classifier, Model};
use tests::browser::Browser;
use tests::{assert_lines, folder, nasty_texts, succeed, text, train};

/// Reads the texts of a file, each behind its length, in pieces; prints their lines as `run --trace` does, and to
/// standard error how many words a second `classify` and `read` do.
const READ: &str = r#"
import { readFileSync } from "node:fs";
const [, , script, engine, model, file] = process.argv;
const { open } = await import(script);
const classifier = await open(readFileSync(model), { trace: true, engine: readFileSync(engine) });
const bytes = readFileSync(file);
const texts = [];
for (let at = 0; at < bytes.length; ) {
    const end = at + 4 + bytes.readUInt32LE(at);
    texts.push(bytes.subarray(at + 4, end));
    at = end;
}
const line = (word) =>
    [word.index, word.word, word.id, word.label, word.probability.toFixed(4), word.trace].join("\t") + "\n";
const lines = [];
let turn = 1;
for (const text of texts) {
    const words = [];
    for (let at = 0; at < text.length; ) {
        const end = at + (turn = (turn * 48271) % 2147483647) % 5000 + 1;
        words.push(...classifier.feed(text.subarray(at, end)));
        at = end;
    }
    const answer = classifier.finish();
    words.push(...answer.last);
    for (const word of words) lines.push(line(word));
    lines.push(["=", answer.label, answer.probability.toFixed(4), answer.words, answer.unknown, 0].join("\t") + "\n");
}
process.stdout.write(lines.join(""));
const plain = await open(readFileSync(model), { engine: readFileSync(engine) });
const speed = (read) => {
    let words = 0;
    const start = performance.now();
    for (const text of texts) words += read(text);
    return Math.round((words / (performance.now() - start)) * 1000);
};
const classify = (text) => plain.classify(text).words;
speed(classify);
console.error(`${speed(classify)} words/s, ${speed((text) => classifier.read(text).answer.words)} traced`);
"#;

/// The embedded reviews and texts about order, difficult texts, and texts of which bytes were exchanged.
fn texts(count: usize) -> Vec<Vec<u8>> {
    let data = workspace().expect("sources").join("data");
    let mut texts: Vec<Vec<u8>> =
        nasty_texts().split(|&byte| byte == b'\n').map(|text| [text, b"\nand "].concat()).collect();
    texts.push(nasty_texts());
    for name in ["train.tsv", "test.tsv", "order.csv"] {
        let file = fs::read_to_string(data.join(name)).expect("embedded");
        texts.extend(file.lines().map(|line| line.as_bytes().to_vec()));
    }
    let mut random = Pcg64Mcg::seed_from_u64(1);
    let sound = texts.len();
    while texts.len() < count {
        let mut text = texts[random.random_range(0..sound)].clone();
        for _ in 0..random.random_range(1..4) {
            if !text.is_empty() {
                let at = random.random_range(0..text.len());
                text[at] = random.random();
            }
        }
        texts.push(text);
    }
    texts
}

/// The lines of `run --trace` and the answers, by the engine of the PC.
fn lines_of_the_pc(model: &Path, texts: &[Vec<u8>]) -> String {
    let bytes = AlignedBytes::read(model).expect("a model");
    let model = Model::open(&bytes).expect("sound");
    let mut memory = memory_for(&model);
    let mut classifier = Classifier::within(&model, &mut memory).expect("room");
    classifier.set_tracing(true);
    let mut lines = String::new();
    for text in texts {
        let mut index = 0;
        let mut tell = |word: &telltale::Word, said: telltale::Prediction| {
            let (label, trace) = (model.label(said.class), said.trace.expect("traced"));
            let word = word.as_str();
            lines += &format!("{index}\t{word}\t{}\t{label}\t{}\t{trace:016x}\n", said.id, said.probability);
            index += 1;
        };
        classifier.feed(text, &mut tell);
        let answer = classifier.finish_with(&mut tell);
        let (label, probability) = (answer.label, answer.probability);
        lines += &format!("=\t{label}\t{probability}\t{}\t{}\t0\n", answer.words, answer.unknown);
    }
    lines
}

/// The lines by a module in node, and what it says of its speed.
fn lines_of_node(module: &[u8], model: &Path, texts: &[Vec<u8>]) -> (String, String) {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let lengths = texts.iter().map(|text| u32::try_from(text.len()).expect("short").to_le_bytes());
    let file: Vec<u8> = lengths.zip(texts).flat_map(|(length, text)| [&length[..], text].concat()).collect();
    fs::write(path("texts"), file).expect("written");
    fs::write(path("telltale.wasm"), module).expect("written");
    fs::write(path("telltale.mjs"), web::SCRIPT).expect("written");
    fs::write(path("read.mjs"), READ).expect("written");
    let mut node = Command::new("node");
    node.arg(path("read.mjs"))
        .arg(path("telltale.mjs"))
        .arg(path("telltale.wasm"))
        .arg(model)
        .arg(path("texts"));
    let output = node.output().expect("node is installed: `apt-get install nodejs`");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    (String::from_utf8(output.stdout).expect("UTF-8"), said)
}

/// A model of each cell.
fn golden_models() -> Vec<PathBuf> {
    let folder = workspace().expect("sources").join("shared/tests/golden");
    let mut models: Vec<PathBuf> = fs::read_dir(folder)
        .expect("there")
        .map(|entry| entry.expect("readable").path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "bin"))
        .collect();
    models.sort();
    assert!(models.len() >= 5);
    models
}

#[test]
fn node_gives_the_traces_of_the_pc() {
    let folder = folder();
    let model = folder.path().join("model.bin");
    train(&model, &["--cell", "gru"]);
    let many = texts(10_000);
    let (own, speed) = lines_of_node(web::MODULE, &model, &many);
    assert_lines(own.as_bytes(), lines_of_the_pc(&model, &many).as_bytes(), "node");
    println!("{} texts in node: {speed}", many.len());
    let few = texts(1000);
    for model in golden_models() {
        let (own, _) = lines_of_node(web::MODULE, &model, &few);
        assert_lines(own.as_bytes(), lines_of_the_pc(&model, &few).as_bytes(), text(&model));
    }
}

/// The lines that node's are compared with are those of the program.
#[test]
fn the_lines_of_the_pc_are_those_of_run() {
    let model = &golden_models()[0];
    let lines: Vec<Vec<u8>> = texts(1000)
        .into_iter()
        .filter(|text| text.iter().all(|byte| matches!(byte, b'\t' | b' '..0x7F)) && !text.is_empty())
        .collect();
    assert!(lines.len() > 500);
    let printed = succeed(&["run", "--trace", "--model", text(model)], &lines.join(&b'\n'));
    assert_lines(&printed, lines_of_the_pc(model, &lines).as_bytes(), "run");
}

#[test]
fn a_module_built_from_the_sources_gives_the_same_traces() {
    web::check().expect("the committed module is of these sources");
    let built = web::build().expect("builds");
    let texts = texts(500);
    for model in golden_models() {
        let (own, _) = lines_of_node(&built, &model, &texts);
        assert_lines(own.as_bytes(), lines_of_the_pc(&model, &texts).as_bytes(), text(&model));
    }
    // A panic that can be reached would be an import.
    let script = "const m = new WebAssembly.Module(require('fs').readFileSync(0)); \
                  console.log(WebAssembly.Module.imports(m).length)";
    for module in [&built[..], web::MODULE] {
        let mut node = Command::new("node");
        let node = node.args(["-e", script]).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut node = node.expect("node is installed");
        node.stdin.take().expect("a pipe").write_all(module).expect("node reads");
        let output = node.wait_with_output().expect("node ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "0");
    }
}

/// Runs a program in a folder; what it prints.
fn ran(program: &str, arguments: &[&str], folder: &Path) -> String {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.unwrap_or_else(|error| panic!("{program} is installed: {error}"));
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// The first JavaScript of a page.
fn example(page: &str) -> String {
    let page = fs::read_to_string(workspace().expect("sources").join(page)).expect("there");
    let example =
        page.split_once("```js\n").and_then(|(_, rest)| rest.split_once("```")).expect("an example").0;
    assert!(example.lines().count() <= 10, "{example}");
    example.to_owned()
}

#[test]
fn the_package_is_installed_and_imported() {
    let root = workspace().expect("sources");
    let folder = folder();
    let model = golden_models().into_iter().find(|path| path.ends_with("gru.bin")).expect("there");
    fs::copy(&model, folder.path().join("model.bin")).expect("copied");
    let package = root.join("host/web/npm");
    let packed = ran("npm", &["pack", "--silent", "--pack-destination", text(folder.path())], &package);
    fs::write(folder.path().join("package.json"), "{}").expect("written");
    ran("npm", &["install", "--offline", "--no-audit", "--no-fund", packed.trim()], folder.path());
    for name in ["LICENSE-MIT", "LICENSE-APACHE"] {
        let of = |folder: &Path| fs::read(folder.join(name)).expect("there");
        assert_eq!(of(&root), of(&folder.path().join("node_modules/telltale")), "{name}");
    }
    for page in ["README.md", "host/web/npm/README.md"] {
        fs::write(folder.path().join("example.mjs"), example(page)).expect("written");
        let said = ran("node", &["example.mjs"], folder.path());
        let expected = answer_of_the_pc(&model);
        assert!(said.starts_with(&expected), "{page}: {said} {expected}");
    }
}

/// Label and probability of "slow, but superb", as JavaScript prints them.
fn answer_of_the_pc(model: &Path) -> String {
    let lines = lines_of_the_pc(model, &[b"slow, but superb".to_vec()]);
    let answer: Vec<&str> = lines.lines().last().expect("an answer").split('\t').collect();
    format!("{} {}", answer[1], answer[2].trim_end_matches('0'))
}

#[test]
fn an_exported_package_is_installed_and_classifies() {
    let folder = folder();
    let model = golden_models().into_iter().find(|path| path.ends_with("gru.bin")).expect("there");
    let (package, program) = (folder.path().join("package"), folder.path().join("program"));
    succeed(
        &["export", "--as", "npm", "--name", "film_mood", "--model", text(&model), "--out", text(&package)],
        b"",
    );
    fs::create_dir(&program).expect("made");
    fs::write(program.join("package.json"), r#"{ "type": "module" }"#).expect("written");
    let packed = ran("npm", &["pack", "--silent", "--pack-destination", text(&program)], &package);
    ran("npm", &["install", "--offline", "--no-audit", "--no-fund", packed.trim()], &program);
    fs::copy(package.join("example.js"), program.join("example.js")).expect("copied");
    let (said, expected) = (ran("node", &["example.js"], &program), answer_of_the_pc(&model));
    assert!(said.starts_with(&expected), "{said} {expected}");
    fs::write(
        program.join("labels.js"),
        "import { labels, load } from \"film-mood\";\nconst own = (await load()).labels;\n\
         console.log(labels.join() === own.join(), labels.length);\n",
    )
    .expect("written");
    assert_eq!(ran("node", &["labels.js"], &program).trim(), "true 2");
}

#[test]
fn several_classifiers_strings_in_pieces_and_errors() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let models = golden_models();
    for (name, content) in [("telltale.mjs", web::SCRIPT.as_bytes()), ("telltale.wasm", web::MODULE)] {
        fs::write(path(name), content).expect("written");
    }
    fs::copy(&models[0], path("a.bin")).expect("copied");
    fs::copy(&models[1], path("b.bin")).expect("copied");
    fs::write(
        path("check.mjs"),
        r#"
import { strictEqual, deepStrictEqual, rejects, throws } from "node:assert";
import { readFileSync } from "node:fs";
import { open } from "./telltale.mjs";
const [a, b] = [readFileSync("a.bin"), readFileSync("b.bin")];
const [one, two, three] = [await open(a, { trace: true }), await open(b, { trace: true }), await open(a, { trace: true })];
const text = "not a bad film 😀 at all, café " + "é".repeat(5000) + " 😀😀";
const expected = [one.read(text), two.read(text)];
const words = [[], [], []];
for (const unit of text.split("")) [one, two, three].forEach((each, at) => words[at].push(...each.feed(unit)));
[one, two, three].forEach((each, at) => {
    const { last, ...answer } = each.finish();
    deepStrictEqual({ words: [...words[at], ...last], answer }, expected[at % 2]);
});
one.feed("terrible terri");
one.reset();
deepStrictEqual(one.read(text), expected[0]);
deepStrictEqual(one.read(new TextEncoder().encode(text)), expected[0]);
strictEqual(one.classify("").words, 0);
throws(() => one.feed(7), TypeError);
const damaged = Uint8Array.from(a);
damaged[damaged.length - 1] ^= 1;
const errors = [];
for (const bytes of [damaged, a.subarray(0, 7), new Uint8Array(100), a.subarray(0, 100)]) {
    errors.push(await open(bytes).then(() => "none", (error) => error.constructor.name + ": " + error.message));
}
console.log(errors.join("\n"));
"#,
    )
    .expect("written");
    let said = ran("node", &["check.mjs"], folder.path());
    let model = fs::read(&models[0]).expect("a model");
    let mut damaged = model.clone();
    *damaged.last_mut().expect("a byte") ^= 1;
    let files = [&damaged[..], &model[..7], &[0; 100][..], &model[..100]];
    let expected =
        files.map(|file| format!("Error: {}", Model::open(&AlignedBytes::new(file)).expect_err("unsound")));
    assert_eq!(said.lines().collect::<Vec<_>>(), expected);
}

/// Serves the files of a folder on a port of this machine, until the test ends.
fn serve(folder: PathBuf) -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = listener.local_addr().expect("bound").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            let mut request = [0; 4096];
            let Ok(length) = stream.read(&mut request) else { continue };
            let request = String::from_utf8_lossy(&request[..length]).into_owned();
            let name = request.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').to_owned();
            let kind = match name.rsplit('.').next() {
                Some("js") => "text/javascript",
                Some("html") => "text/html; charset=utf-8",
                _ => "application/octet-stream",
            };
            let (status, content) = match fs::read(folder.join(&name)) {
                Ok(content) => ("200 OK", content),
                Err(_) => ("404 Not Found", Vec::new()),
            };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                content.len()
            );
            let _ = stream.write_all(&[head.as_bytes(), &content].concat());
        }
    });
    port
}

#[test]
fn chromium_gives_the_traces_of_the_pc() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    let model = &golden_models()[0];
    let texts: Vec<Vec<u8>> =
        texts(2000).into_iter().filter(|text| std::str::from_utf8(text).is_ok()).collect();
    assert!(texts.len() > 1000);
    let strings: Vec<&str> = texts.iter().map(|text| std::str::from_utf8(text).expect("UTF-8")).collect();
    fs::copy(model, path("model.bin")).expect("copied");
    fs::write(path("telltale.wasm"), web::MODULE).expect("written");
    fs::write(path("telltale.js"), web::SCRIPT).expect("written");
    fs::write(path("texts.json"), serde_json::to_vec(&strings).expect("JSON")).expect("written");
    fs::write(
        path("index.html"),
        r#"<!doctype html><link rel="icon" href="data:,"><script type="module">
import { open } from "./telltale.js";
const get = async (name) => (await fetch(name)).arrayBuffer();
const classifier = await open(await get("model.bin"), { trace: true });
const texts = JSON.parse(new TextDecoder().decode(await get("texts.json")));
const lines = [];
for (const text of texts) {
    const { words, answer } = classifier.read(text);
    for (const word of words)
        lines.push([word.index, word.word, word.id, word.label, word.probability.toFixed(4), word.trace].join("\t"));
    lines.push(["=", answer.label, answer.probability.toFixed(4), answer.words, answer.unknown, 0].join("\t"));
}
window.lines = lines.join("\n") + "\n";
</script>"#,
    )
    .expect("written");
    let port = serve(folder.path().to_owned());
    let browser = Browser::start();
    browser.open(&format!("http://127.0.0.1:{port}/index.html"));
    browser.wait_for("return typeof window.lines === 'string'");
    let own = browser.run("return window.lines");
    assert_lines(
        own.as_str().expect("text").as_bytes(),
        lines_of_the_pc(model, &texts).as_bytes(),
        "Chromium",
    );
    assert_eq!(browser.complaints(), [""; 0]);
}
