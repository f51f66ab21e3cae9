/**
 * Telltale in JavaScript: a thin layer over the engine in telltale.wasm, for browsers and node.
 *
 * Bytes go in, words and answers come out; every number is the engine's. See telltale.d.ts for the contract.
 */

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** Bytes of a word's record before its text, and of an answer's; see host/web/src/lib.rs. */
const WORD = 18;
const ANSWER = 12;

/** Bytes of text that the engine takes at once. */
const INPUT = 1024;

let shared;

/** The compiled engine that lies beside this file; compiled once. A failure is not kept: the next call tries again. */
function engineBesideThisFile() {
    shared ??= bytesAt(new URL("./telltale.wasm", import.meta.url))
        .then((bytes) => WebAssembly.compile(bytes))
        .catch((error) => {
            shared = undefined;
            throw error;
        });
    return shared;
}

/** Node's module for files, under a name that bundlers for browsers do not look up. */
const FILES = ["node:fs", "promises"].join("/");

/** The bytes at an address. */
export async function bytesAt(url) {
    if (url.protocol === "file:") {
        const { readFile } = await import(/* webpackIgnore: true */ /* @vite-ignore */ FILES);
        return readFile(url);
    }
    const response = await fetch(url);
    if (!response.ok) throw new Error(`cannot load ${url}: ${response.status} ${response.statusText}`);
    return response.arrayBuffer();
}

/** Opens a model's file. */
export async function open(model, { trace = false, engine } = {}) {
    const bytes = bytesOf(model, "a model is expected as a Uint8Array or an ArrayBuffer");
    const module = kind(engine) === "WebAssembly.Module" ? engine
        : engine ? await WebAssembly.compile(engine)
        : await engineBesideThisFile();
    return new Classifier(await WebAssembly.instantiate(module), bytes, trace);
}

/** What a value is, also if it comes from another window or context, whose classes are not this one's. */
function kind(value) {
    return Object.prototype.toString.call(value).slice(8, -1);
}

function bytesOf(data, expected) {
    if (kind(data) === "Uint8Array") return data;
    if (kind(data) === "ArrayBuffer") return new Uint8Array(data);
    throw new TypeError(expected);
}

/** A text as a string or as bytes. */
function textOf(text) {
    return typeof text === "string" ? text
        : bytesOf(text, "a text is expected as a string, a Uint8Array or an ArrayBuffer");
}

/** Reads one text after another with one model; made by `open`. */
export class Classifier {
    #engine;
    #input;
    #output;
    #labels;
    #trace;
    /** Words of the text so far. */
    #index = 0;
    /** Half a character that the last string ended with. */
    #half = "";

    constructor(instance, model, trace) {
        if (kind(instance) !== "WebAssembly.Instance") throw new TypeError("a classifier is made by `open`");
        const engine = instance.exports;
        this.#engine = engine;
        const start = engine.tt_reserve(model.length);
        if (start === 0) throw new Error(`no memory for a model of ${model.length} bytes`);
        new Uint8Array(engine.memory.buffer).set(model, start);
        const length = engine.tt_open(model.length, trace ? 1 : 0);
        this.#input = engine.tt_input();
        this.#output = engine.tt_output();
        if (length < 0) throw new Error(sentence(this.#bytes(-length)));
        this.#labels = Object.freeze(decoder.decode(this.#bytes(length)).split("\n"));
        this.#trace = trace;
    }

    get labels() {
        return this.#labels;
    }

    feed(text) {
        const piece = textOf(text);
        const words = [];
        if (typeof piece === "string") {
            this.#feedString(piece, words);
        } else {
            this.#feedBytes(encoder.encode(this.#takeHalf()), words);
            this.#feedBytes(piece, words);
        }
        return words;
    }

    finish() {
        const words = [];
        if (this.#half !== "") this.#feedBytes(encoder.encode(this.#takeHalf()), words);
        const length = this.#engine.tt_finish() - ANSWER;
        this.#take(length, words);
        const view = new DataView(this.#engine.memory.buffer, this.#output + length, ANSWER);
        this.#index = 0;
        const klass = view.getUint16(0, true);
        const said = view.getUint16(2, true);
        return {
            label: this.#labels[klass],
            class: klass,
            probability: (said & 0x7fff) / 10000,
            rejected: said > 0x7fff,
            words: view.getUint32(4, true),
            unknown: view.getUint32(8, true),
            last: words,
        };
    }

    reset() {
        this.#half = "";
        this.#engine.tt_finish();
        this.#index = 0;
    }

    classify(text) {
        return this.read(text).answer;
    }

    read(text) {
        const whole = textOf(text);
        this.reset();
        const words = this.feed(whole);
        const { last, ...answer } = this.finish();
        return { words: words.concat(last), answer };
    }

    #bytes(length) {
        return new Uint8Array(this.#engine.memory.buffer, this.#output, length);
    }

    #takeHalf() {
        const half = this.#half;
        this.#half = "";
        return half;
    }

    /** Strings may be cut between the halves of a character, which are only a character together. */
    #feedString(text, words) {
        let rest = this.#takeHalf() + text;
        const end = rest.charCodeAt(rest.length - 1);
        if (end >= 0xd800 && end < 0xdc00) {
            this.#half = rest.slice(-1);
            rest = rest.slice(0, -1);
        }
        const input = new Uint8Array(this.#engine.memory.buffer, this.#input, INPUT);
        for (let at = 0; at < rest.length; ) {
            // No code unit takes more than three bytes.
            let end = at + INPUT / 3 | 0;
            const unit = rest.charCodeAt(end - 1);
            if (unit >= 0xd800 && unit < 0xdc00) end -= 1;
            const { written } = encoder.encodeInto(rest.slice(at, end), input);
            this.#feedInput(written, words);
            at = end;
        }
    }

    #feedBytes(bytes, words) {
        const input = new Uint8Array(this.#engine.memory.buffer, this.#input, INPUT);
        for (let at = 0; at < bytes.length; at += INPUT) {
            const piece = bytes.subarray(at, at + INPUT);
            input.set(piece);
            this.#feedInput(piece.length, words);
        }
    }

    #feedInput(length, words) {
        this.#take(this.#engine.tt_feed(length), words);
    }

    /** Words from the first so many bytes of the output. */
    #take(length, words) {
        const bytes = this.#bytes(length);
        const view = new DataView(bytes.buffer, bytes.byteOffset, length);
        for (let at = 0; at < length; ) {
            const flags = view.getUint8(at + 16);
            const klass = view.getUint16(at + 12, true);
            const end = at + WORD + view.getUint8(at + 17);
            words.push({
                index: this.#index++,
                word: decoder.decode(bytes.subarray(at + WORD, end)),
                id: view.getUint32(at, true),
                known: (flags & 1) !== 0,
                read: (flags & 2) !== 0,
                label: this.#labels[klass],
                class: klass,
                probability: view.getUint16(at + 14, true) / 10000,
                trace: this.#trace ? hex(view.getUint32(at + 8, true)) + hex(view.getUint32(at + 4, true)) : undefined,
            });
            at = end;
        }
    }
}

/** The sentence that the engine prints for an error. */
function sentence(bytes) {
    const view = new DataView(bytes.buffer, bytes.byteOffset);
    const [there, found, least, most] = [0, 4, 8, 12].map((at) => view.getUint32(at, true));
    const [text, advice] = decoder.decode(bytes.subarray(16)).split("\n");
    const range = least === most ? least : `${least} to ${most}`;
    return `${text}${there & 1 ? `: found ${found}` : ""}${there & 2 ? `, expected ${range}` : ""}; ${advice}`;
}

function hex(number) {
    return number.toString(16).padStart(8, "0");
}
