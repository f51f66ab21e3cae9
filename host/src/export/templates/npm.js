/** {{name}}: a text classifier, its model and its engine in one package. See index.d.ts for the contract. */

import { open } from "./telltale.js";

const model = new URL("./model.bin", import.meta.url);

async function bytes(url) {
    if (url.protocol === "file:") {
        const { readFile } = await import("node:fs/promises");
        return readFile(url);
    }
    const response = await fetch(url);
    if (!response.ok) throw new Error(`cannot load ${url}: ${response.status} ${response.statusText}`);
    return response.arrayBuffer();
}

export const labels = Object.freeze({{labels_js}});

export async function load(options) {
    return open(await bytes(model), options);
}
