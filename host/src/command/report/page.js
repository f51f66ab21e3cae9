import { open } from "./telltale.js";

// Labels and texts are data: they enter the page as text nodes and nowhere else.

const data = JSON.parse(document.getElementById("data").textContent);
const { model: about, labels } = data;
const started = performance.now();

/** Words that a text shows, and rows of its trace. */
const SHOWN = 2000;
const ROWS = 500;

/** The most classes whose confusion is a matrix, and the most pairs of classes that are listed where there are more. */
const MATRIX = 40;
const PAIRS = 40;

const percent = (share) => (share === null || Number.isNaN(share) ? "–" : `${(share * 100).toFixed(2)} %`);
const number = (value) => Math.round(value).toLocaleString("en");
const colour = (klass, alpha = 1) => `rgba(var(--c${klass % 8}), ${alpha})`;

function element(name, attributes = {}, ...children) {
    const made = document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) {
        if (value === true) made.setAttribute(key, "");
        else if (value !== false) made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
}

function drawn(name, attributes, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", name);
    for (const [key, value] of Object.entries(attributes)) {
        if (key === "style") made.style.cssText = value;
        else made.setAttribute(key, value);
    }
    made.append(...children);
    return made;
}

/** A label or a word by itself: whatever its direction of writing, what is around it keeps its own. */
const apart = (text) => element("bdi", {}, text);

function styled(made, styles) {
    Object.assign(made.style, styles);
    return made;
}

const cut = (text, most) => {
    const letters = [...text];
    return letters.length > most ? `${letters.slice(0, most - 1).join("")}…` : text;
};

function table(caption, heads, rows) {
    const head = (text, at) => element("th", { scope: "col", class: at === 0 ? "name" : "" }, text);
    const row = (cells) =>
        element("tr", {}, ...cells.map((cell, at) =>
            cell instanceof Node && ["TD", "TH"].includes(cell.nodeName) ? cell
                : at === 0 ? element("th", { scope: "row" }, cell)
                : element("td", {}, cell)));
    const made = element("div", { class: heads.length > 12 ? "scroll many" : "scroll", tabindex: "0" },
        element("table", { "aria-label": caption || false },
            element("thead", {}, element("tr", {}, ...heads.map(head))),
            element("tbody", {}, ...rows.map(row))));
    return caption ? element("div", {}, element("p", { class: "soft" }, caption), made) : made;
}

const isPair = labels.length === 2;

/** Where a prediction lies on the chart: of two classes, how probable the second is; of more, how probable its own. */
const height = ({ class: klass, probability }) => (isPair && klass === 0 ? 1 - probability : probability);

/** How a word moved the answer: to which class, by how much, and whether that changed it. */
function move(before, after) {
    const turn = before.class !== after.class;
    if (isPair) {
        const by = height(after) - height(before);
        return { klass: by < 0 ? 0 : 1, by: Math.abs(by), turn };
    }
    if (turn) return { klass: after.class, by: after.probability, turn };
    const by = after.probability - before.probability;
    return { klass: by < 0 ? 7 : after.class, by: Math.abs(by), turn };
}

/** What the model reads: control characters that the board's line keeps for itself are spaces there, and so here. */
const sanitised = (text) => text.replace(/[\x01-\x07\x11\x13]/g, " ");

/** The answer before the first word. */
let blank;
let classifier;

/** How wide a chart is: no wider than a small screen, so that its texts are not made smaller with it. */
const WIDTH = Math.max(280, Math.min(560, document.documentElement.clientWidth - 64));

const pen = document.createElement("canvas").getContext("2d");
pen.font = "11px system-ui, sans-serif";

/** How wide a text is in a chart. */
const wide = (text) => pen.measureText(text).width;

/** A label as a chart's margin has room for it; the first `same` letters are left out if it is too long. */
function fitted(label, same) {
    const room = WIDTH / 4;
    const rest = same > 0 ? `…${[...label].slice(same).join("")}` : label;
    let text = label;
    for (let most = [...rest].length; wide(text) > room; most -= 1) text = cut(rest, most);
    return text;
}

/** Two labels for a chart's margin: of what both begin with, the last letter stays. */
function sides() {
    const [one, two] = labels.map((label) => [...label]);
    const same = one.findIndex((letter, at) => letter !== two[at]);
    return labels.map((label) => fitted(label, (same < 0 ? one.length : same) - 1));
}

const names = isPair ? sides() : [];

/** A chart of lines in the unit square: `lines` are lists of [x, y] with a colour; `marks` are texts at the left, with the whole of those that may be cut. */
function chart(lines, { marks = [], dashes = [], title, below = [], span = [0, 1] }) {
    const [width, tall, right, top, bottom] = [WIDTH, 190, 10, 10, 24];
    const left = Math.max(46, ...marks.map(([, text]) => wide(text) + 10));
    const x = (value) => left + value * (width - left - right);
    const y = (value) => top + (1 - (value - span[0]) / (span[1] - span[0] || 1)) * (tall - top - bottom);
    const made = drawn("svg", { viewBox: `0 0 ${width} ${tall}`, role: "img" });
    made.append(drawn("title", {}, title));
    for (const [at, text, whole = text] of marks) {
        made.append(drawn("line", { class: "axis", x1: left, x2: width - right, y1: y(at), y2: y(at) }));
        made.append(drawn("text", { x: left - 6, y: y(at) + 4, "text-anchor": "end" }, drawn("title", {}, whole), text));
    }
    for (const [at, text, anchor] of below) {
        made.append(drawn("text", { x: x(at), y: tall - 7, "text-anchor": anchor }, text));
    }
    for (const [from, to] of dashes) {
        made.append(drawn("line", { class: "dash", x1: x(from[0]), y1: y(from[1]), x2: x(to[0]), y2: y(to[1]) }));
    }
    for (const { points, stroke, dots } of lines) {
        const path = points.map(([px, py], at) => `${at ? "L" : "M"}${x(px).toFixed(1)} ${y(py).toFixed(1)}`).join("");
        made.append(drawn("path", { class: "curve", d: path, style: `stroke: ${stroke}` }));
        if (dots) {
            for (const [px, py] of points) {
                made.append(drawn("circle", { cx: x(px), cy: y(py), r: 3, style: `fill: ${stroke}` }));
            }
        }
    }
    return made;
}

/** The line of a text's answers: a piece for each stretch of one class. */
function line(words) {
    const said = [blank, ...words];
    const step = Math.max(1, Math.ceil(said.length / 1000));
    const kept = said.map((each, at) => [at, each]).filter(([at]) => at % step === 0 || at === said.length - 1);
    const lines = [];
    for (const [at, each] of kept) {
        const point = [at / Math.max(1, said.length - 1), height(each)];
        const last = lines.at(-1);
        if (last) last.points.push(point);
        if (last?.class !== each.class) {
            const from = last ? [last.points.at(-1)] : [];
            lines.push({ class: each.class, stroke: colour(each.class), points: from.concat(last ? [] : [point]) });
        }
    }
    for (const each of lines) each.dots = words.length <= 60;
    const [low, high] = labels;
    const marks = isPair ? [[0, names[0], low], [0.5, "even"], [1, names[1], high]] : [[0, "0"], [0.5, "½"], [1, "1"]];
    const title = isPair ? `The answer after each word, from ${low} below to ${high} above`
        : "The probability of the leading class after each word";
    const below = [[0, "start", "start"], [1, `word ${words.length}`, "end"]];
    return chart(lines, { marks, title, below });
}

/** Words coloured by how they moved the answer, with a line that tells of the one that is pointed at. */
function explained(words) {
    const status = element("p", { class: "soft status", "aria-live": "polite" });
    const list = element("div", { class: "words", tabindex: "0", role: "group", "aria-label": "words, walk with arrow keys" });
    const nodes = [];
    let before = blank;
    for (const word of words.slice(0, SHOWN)) {
        const { klass, by, turn } = move(before, word);
        const names = ["word", word.known ? "" : "unknown", word.read ? "" : "unread", turn ? "turn" : ""];
        const node = element("bdi", { class: names.filter(Boolean).join(" ") }, word.word);
        const strength = Math.min(1, by / 0.35);
        if (strength > 0.02) node.style.backgroundColor = colour(klass, (0.07 + 0.36 * strength).toFixed(3));
        nodes.push(node);
        list.append(node, " ");
        before = word;
    }
    let here = -1;
    const show = (at) => {
        nodes[here]?.classList.remove("here");
        here = Math.max(0, Math.min(nodes.length - 1, at));
        const word = words[here];
        if (!word) return;
        nodes[here].classList.add("here");
        const notes = [word.known ? "" : ", unknown", word.read ? "" : ", not read: decided before"].join("");
        const was = here === 0 ? blank : words[here - 1];
        status.replaceChildren(`word ${word.index}: `, apart(word.word), `${notes}: `, apart(was.label),
            ` ${was.probability.toFixed(4)} → `, apart(word.label), ` ${word.probability.toFixed(4)}`);
    };
    list.addEventListener("pointerover", (event) => {
        const at = nodes.indexOf(event.target);
        if (at >= 0) show(at);
    });
    list.addEventListener("keydown", (event) => {
        const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
        if (step === undefined) return;
        event.preventDefault();
        show(here + step);
        nodes[here]?.scrollIntoView({ block: "nearest" });
    });
    if (words.length > SHOWN) list.append(element("span", { class: "soft" }, `… and ${number(words.length - SHOWN)} more words, read but not shown`));
    return [list, status];
}

function traced(words) {
    const rows = words.slice(0, ROWS).map((word) => [
        String(word.index), element("td", { class: "name" }, apart(word.word)), String(word.id),
        element("td", { class: "name" }, apart(word.label)), word.probability.toFixed(4),
        element("td", { class: "hash" }, word.trace)]);
    const more = words.length > ROWS ? `the first ${ROWS} of ${number(words.length)} words, as ` : "as ";
    return table(`${more}run --trace prints them: the same hash on every machine`,
        ["#", "word", "id", "label", "probability", "trace"], rows);
}

/** A place for the answer to a text, with its chart, its words and its trace, and what reads one text after another into it. */
function reading() {
    const said = element("p", { class: "answer", "aria-live": "polite", "aria-atomic": "true" });
    const shown = element("div");
    const trace = element("details", {}, element("summary", {}, "Trace"));
    let words = [];
    const follow = () => {
        while (trace.children.length > 1) trace.lastChild.remove();
        if (trace.open) trace.append(traced(words));
    };
    trace.addEventListener("toggle", follow);
    const read = (text) => {
        const whole = classifier.read(sanitised(text));
        const { answer } = whole;
        words = whole.words;
        said.replaceChildren(answer.rejected ? "none of the classes; the nearest: " : "",
            styled(element("b", {}, apart(answer.label)), { color: colour(answer.class) }), ` ${answer.probability.toFixed(4)}`,
            element("span", { class: "soft" }, `  ${number(answer.words)} words, ${number(answer.unknown)} unknown`));
        shown.replaceChildren(line(words), ...explained(words));
        follow();
    };
    return { nodes: [said, shown, trace], read };
}

function addText(text) {
    const place = document.getElementById("texts");
    const input = element("textarea", { "aria-label": "text", spellcheck: "false", placeholder: "type or paste a text" });
    input.value = text;
    const { nodes, read } = reading();
    const remove = element("button", { type: "button" }, "Remove");
    const panel = element("div", { class: "panel text" }, input, element("div", { class: "result" }, ...nodes), remove);
    let due = 0;
    input.addEventListener("input", () => {
        cancelAnimationFrame(due);
        due = requestAnimationFrame(() => read(input.value));
    });
    remove.addEventListener("click", () => {
        panel.remove();
        (place.querySelector("textarea") ?? add).focus();
    });
    place.append(panel);
    read(text);
    return input;
}

function tests(place, results) {
    // A ratio of nothing is no number.
    const ratio = (value, whole) => percent(whole > 0 ? value : null);
    place.append(
        element("h2", {}, "Tests"),
        element("p", {}, `${number(results.examples)} texts of `, apart(results.name), ` (${results.split}): accuracy ${percent(results.accuracy)}, macro F1 ${percent(results.macro_f1)}${results.rejection ? `, the nearest class being counted; ${percent(results.rejection.rejected)} are rejected, and of the others ${percent(results.rejection.accuracy)} are right` : ""}. Every text was read by the integer engine.`),
        element("div", { class: "grid" },
            element("div", {}, element("h3", {}, "By class"),
                table("", ["class", "precision", "recall", "F1", "texts"], results.per_class.map((each) => [
                    apart(each.label), ratio(each.precision, each.answered), ratio(each.recall, each.support),
                    ratio(each.f1, each.answered + each.support), number(each.support)]))),
            element("div", {}, element("h3", {}, "Confusion"),
                labels.length > MATRIX ? pairs(results.confusion) : matrix(results.confusion))),
        element("h3", {}, "Calibration"),
        calibration(results.calibration),
        element("h3", {}, "The most confident mistakes"),
        ...mistakes(results));
}

function matrix(counts) {
    const largest = counts.flat().reduce((most, count) => Math.max(most, count), 1);
    const cells = (row, truth) => row.map((count, said) => {
        const cell = element("td", {}, String(count));
        return count ? styled(cell, { backgroundColor: colour(truth === said ? 2 : 4, (0.08 + 0.4 * count / largest).toFixed(3)) }) : cell;
    });
    return table("rows: the true label; columns: the answer", ["true label", ...labels.map(apart)],
        counts.map((row, truth) => [apart(labels[truth]), ...cells(row, truth)]));
}

/** The labels that are most often taken for one another, where a matrix of them all would be too large. */
function pairs(counts) {
    const all = counts.flatMap((row, truth) =>
        row.flatMap((count, said) => (count > 0 && said !== truth ? [{ truth, said, count }] : [])));
    if (all.length === 0) return element("p", {}, "None.");
    all.sort((one, other) => other.count - one.count);
    const more = all.length > PAIRS ? `; ${number(all.length - PAIRS)} more are not shown` : "";
    return table(`the pairs of labels that are most often confused${more}`, ["true label", "answer", "texts"],
        all.slice(0, PAIRS).map(({ truth, said, count }) => [
            apart(labels[truth]), element("td", { class: "name" }, apart(labels[said])), number(count)]));
}

function calibration(bins) {
    const used = bins.filter(({ texts }) => texts > 0);
    const points = used.map(({ probability, right, texts }) => [probability, right / texts]);
    const picture = chart([{ points, stroke: "var(--accent)", dots: true }], {
        title: "How often answers of a probability are right", marks: [[0, "0 %"], [0.5, "50 %"], [1, "100 %"]],
        dashes: [[[0, 0], [1, 1]]], below: [[0, "probability 0", "start"], [1, "1", "end"]] });
    const rows = used.map(({ from, to, texts, right, probability }) => [
        `${from.toFixed(1)} to ${to.toFixed(1)}`, number(texts), percent(probability), percent(right / texts)]);
    return element("div", { class: "grid" },
        element("figure", { style: "margin: 0" }, picture, element("figcaption", {}, "Along the dashed line, a probability is as often right as it says.")),
        table("", ["probability", "texts", "mean", "right"], rows));
}

function mistakes(results) {
    if (results.mistakes.length === 0) return [element("p", {}, "None.")];
    const left = results.wrong - results.mistakes.length;
    const list = results.mistakes.map(({ text, truth, said, probability }) => {
        const made = element("details", { class: "mistake" }, element("summary", {},
            apart(labels[said]), ` ${probability.toFixed(4)}, in truth `, apart(labels[truth]), ": ", apart(cut(text, 70))));
        made.addEventListener("toggle", () => {
            if (!made.open || made.children.length > 1) return;
            made.append(element("p", { class: "soft original", dir: "auto" }, text));
            if (!classifier) return;
            const { nodes, read } = reading();
            read(text);
            made.append(...nodes);
        });
        return made;
    });
    return left > 0 ? [...list, element("p", { class: "soft" }, `${number(left)} more are not shown.`)] : list;
}

function training(place, epochs) {
    const across = (at) => (epochs.length > 1 ? at / (epochs.length - 1) : 0.5);
    const curve = (key, stroke) => ({
        stroke, dots: true,
        points: epochs.map((epoch, at) => [across(at), epoch[key]]).filter(([, value]) => Number.isFinite(value)) });
    const figure = (title, keys, show) => {
        const lines = keys.map(([key, stroke]) => curve(key, stroke));
        const values = lines.flatMap(({ points }) => points.map(([, value]) => value));
        const span = [Math.min(...values), Math.max(...values)];
        const marks = span.map((value) => [value, show(value)]);
        const picture = chart(lines, { title, marks, span, below: [[0, "epoch 1", "start"], [1, String(epochs.length), "end"]] });
        return element("figure", { style: "margin: 0" }, picture, element("figcaption", {}, `${title}: `,
            styled(element("b", {}, "training"), { color: colour(0) }), ", ", styled(element("b", {}, "validation"), { color: colour(1) })));
    };
    place.append(element("h2", {}, "Training"),
        element("div", { class: "grid" },
            figure("Accuracy", [["train_accuracy", colour(0)], ["valid_accuracy", colour(1)]], (value) => `${(value * 100).toFixed(1)} %`),
            figure("Loss", [["train_loss", colour(0)], ["valid_loss", colour(1)]], (value) => value.toFixed(3))),
        element("p", { class: "soft" }, "Training figures are those of the network as it learns, with dropout; validation is of final predictions."));
}

function size(place) {
    const most = Math.max(...about.parts.map(({ bytes }) => bytes));
    place.append(element("h2", {}, "Bytes and boards"),
        table(`${number(about.bytes)} bytes of flash, ${number(about.memory_bytes)} bytes of RAM`, ["part", "bytes", "share"],
            about.parts.map(({ part, bytes }) => [part, number(bytes),
                styled(element("td", {}, styled(element("div", { class: "share" }), { width: `${(bytes / most) * 100}%` })), { width: "40%" })])),
        element("h3", {}, "Boards"),
        table("Instructions are estimated; words a second assume one instruction a clock, which is the best that a core does.",
            ["board", "fits", "instructions a word", "MHz", "words a second"],
            about.boards.map((board) => [board.board,
                element("td", { class: "name" }, board.fits ? "yes" : board.reason),
                board.instructions_per_word === null ? "–" : number(board.instructions_per_word),
                number(board.clock_hz / 1e6),
                board.words_per_second_at_best === null ? "–" : number(board.words_per_second_at_best)])));
}

function card(place) {
    const rule = about.rejection;
    const one = rule
        ? `One label per text, or none: it rejects a text without words, with an answer less probable than ${rule.probability.toFixed(4)}, or of which it knows less than ${percent(rule.known)} of the words.`
        : "One label per text, always one of the classes above, whatever the text is about.";
    const layers = about.layers.map(({ cell, hidden }) => `${cell} ${hidden}`).join(" → ");
    const head = about.head_hidden ? ` → relu ${about.head_hidden}` : "";
    const rows = [
        ["model", `${about.digest}, ${number(about.bytes)} bytes, by ${about.writer}`],
        ["classes", `${labels.length}`],
        ["network", `embedding ${about.embed} (i${about.embed_bits}) → ${layers} → ${about.pooling}${head} → ${labels.length}`],
        ["vocabulary", `${number(about.words)} words${about.punctuation ? ", symbols among them" : ""}${about.tags ? "; HTML's tags are text" : ""}`],
        ["trained on", `${about.corpus}, ${number(about.examples)} texts, seed ${about.seed}`],
        ["corpus SHA-256", about.corpus_sha256],
        ["accuracy, quantised", `validation ${percent(about.quantised_valid_accuracy)}, test ${percent(about.quantised_test_accuracy)}`],
        ["agreement with float", percent(about.agreement)],
        ["limits", `${one} Words that it has not learnt are unknown to it; n-grams may still know parts of them. It knows its corpus, and what that leaves out or gets wrong.`],
    ];
    place.append(element("h2", {}, "Model card"),
        element("dl", {}, ...rows.flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, apart(value))])));
}

document.getElementById("summary").replaceChildren(
    apart(about.corpus), `: ${labels.length} classes, ${number(about.bytes)} bytes, test accuracy ${percent(about.quantised_test_accuracy)}`);
size(document.getElementById("size"));
card(document.getElementById("card"));
if (data.epochs) {
    document.getElementById("training").hidden = false;
    training(document.getElementById("training"), data.epochs);
}
const decoded = (text) => Uint8Array.from(atob(text), (unit) => unit.charCodeAt(0));
try {
    classifier = await open(decoded(data.bytes), { trace: true, engine: decoded(data.engine) });
} catch (error) {
    const failure = document.getElementById("failure");
    failure.textContent = `The engine does not run here: ${error.message}`;
    failure.hidden = false;
}
const add = document.getElementById("add");
add.hidden = !classifier;
if (classifier) {
    blank = classifier.classify("");
    addText(data.example);
    add.addEventListener("click", () => addText("").focus());
}
if (data.tests) {
    document.getElementById("tests").hidden = false;
    tests(document.getElementById("tests"), data.tests);
}
