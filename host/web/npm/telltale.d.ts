/**
 * Telltale: text classification by small recurrent networks, word by word, with the integers of the microcontroller.
 */

/** What the model says after a word. */
export interface Word<L extends string = string> {
    /** Its number in the text, from 0. */
    readonly index: number;
    /** The word as the model sees it: normalised, its first 32 bytes of UTF-8 at most. */
    readonly word: string;
    /** Its number in the vocabulary; the number of known words if it is unknown. */
    readonly id: number;
    /** Whether it is in the vocabulary. */
    readonly known: boolean;
    /** Whether the network read it; otherwise the text had been decided before (early exit). */
    readonly read: boolean;
    /** The label with the highest score so far. */
    readonly label: L;
    /** Its number among the labels. */
    readonly class: number;
    /** Its probability, 0 to 1 in steps of 0.0001. */
    readonly probability: number;
    /** The 64-bit trace hash in 16 hex digits, with `trace: true`: the same on every machine. */
    readonly trace: string | undefined;
}

/** What the model says of a whole text. */
export interface Answer<L extends string = string> {
    readonly label: L;
    readonly class: number;
    /** 0 to 1 in steps of 0.0001. */
    readonly probability: number;
    /** Words of the text. */
    readonly words: number;
    /** Those that are not in the vocabulary. */
    readonly unknown: number;
    /** Whether the text is none of the classes, by the model's rule; label and class are the nearest then. */
    readonly rejected: boolean;
}

/** An answer, and the words that had no end before. */
export interface Finished<L extends string = string> extends Answer<L> {
    readonly last: Word<L>[];
}

export interface Options {
    /** Whether words carry trace hashes; `false` by default. */
    trace?: boolean;
    /**
     * The engine, where telltale.wasm does not lie beside the script: a `WebAssembly.Module`, or its bytes as a
     * Uint8Array or an ArrayBuffer. (`object`, since only the types of a browser or of node know the first.)
     */
    engine?: object;
}

/**
 * Opens a model as `train --export` wrote it. The bytes are copied; each classifier has memory of its own, so that
 * any number of them can be open at once.
 *
 * @throws Error with the engine's sentence if the bytes are no sound model: what was found, what was expected, what to do.
 */
export function open(model: Uint8Array | ArrayBuffer, options?: Options): Promise<Classifier>;

/** The bytes at a `URL`: in node of a file, otherwise fetched. */
export function bytesAt(url: { readonly href: string; readonly protocol: string }): Promise<Uint8Array | ArrayBuffer>;

/** Reads one text after another; `L` are the labels. Made by `open`. */
export class Classifier<L extends string = string> {
    private constructor();
    /** The labels, in the order of the classes. */
    readonly labels: readonly L[];
    /** Takes the next piece of the text, cut anywhere: the words that end in it. */
    feed(text: string | Uint8Array | ArrayBuffer): Word<L>[];
    /** Ends the text: its answer; the next piece starts a new text. */
    finish(): Finished<L>;
    /** Drops the text that was being fed. */
    reset(): void;
    /** The answer to a whole text; one that was being fed is dropped. */
    classify(text: string | Uint8Array | ArrayBuffer): Answer<L>;
    /** All words of a whole text, and the answer; one that was being fed is dropped. */
    read(text: string | Uint8Array | ArrayBuffer): { words: Word<L>[]; answer: Answer<L> };
}
