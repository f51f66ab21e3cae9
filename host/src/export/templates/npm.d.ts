import type { Classifier, Options } from "./telltale.js";

export type { Answer, Classifier, Finished, Options, Word } from "./telltale.js";

/** The labels, in the order of the classes' numbers. */
export const labels: readonly {{labels_js}};

/** One of them. */
export type Label = (typeof labels)[number];

/** Opens the package's model; each classifier has memory of its own. */
export function load(options?: Options): Promise<Classifier<Label>>;
