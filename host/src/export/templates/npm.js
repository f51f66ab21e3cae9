/** {{name}}: a text classifier, its model and its engine in one package. See index.d.ts for the contract. */

import { bytesAt, open } from "./telltale.js";

const model = new URL("./model.bin", import.meta.url);

export const labels = Object.freeze({{labels_js}});

export async function load(options) {
    return open(await bytesAt(model), options);
}
