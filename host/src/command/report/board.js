
/** Bytes of the board's session and of its line, see shared/src/session.rs. */
const [TRACED, END, HELLO, PARAGRAPHS, XON, XOFF] = [0x02, 0x04, 0x05, 0x07, 0x11, 0x13];

/** Bytes that are sent at once: fewer than a board still takes after it has said XOFF. */
const BURST = 16;

/** How long a board may be silent that owes a line, in milliseconds. */
const PATIENCE = 10000;

/** A board on a serial port: sends at its pace, and gives its lines. */
class Board {
    #port;
    #reader;
    #writer;
    #lines = [];
    #wake = () => {};
    #held = false;
    #ended = false;

    constructor(port) {
        this.#port = port;
    }

    async open(baudRate) {
        await this.#port.open({ baudRate });
        this.#writer = this.#port.writable.getWriter();
        this.#reader = this.#port.readable.getReader();
        this.#listen().catch(() => {}).finally(() => {
            this.#ended = true;
            this.#wake();
        });
    }

    /** Gives the port back, so that it can be opened again: each step is taken, whatever became of those before it. */
    async close() {
        const steps = [
            () => this.#reader.cancel(), () => this.#reader.releaseLock(),
            () => this.#writer.abort(), () => this.#writer.releaseLock(), () => this.#port.close()];
        for (const step of steps) {
            try {
                await step();
            } catch {
                // It was never open, or is gone.
            }
        }
    }

    async #listen() {
        const decoder = new TextDecoder();
        let rest = "";
        for (;;) {
            const { value, done } = await this.#reader.read();
            if (done) return;
            const ordinary = value.filter((byte) => byte !== XON && byte !== XOFF);
            for (const byte of value) {
                if (byte === XON || byte === XOFF) this.#held = byte === XOFF;
            }
            const lines = (rest + decoder.decode(ordinary, { stream: true })).split("\n");
            rest = lines.pop();
            this.#lines.push(...lines);
            this.#wake();
        }
    }

    /** Waits until something arrives, or too long. */
    async #news() {
        let timer;
        if (!this.#ended) {
            await new Promise((done, fail) => {
                this.#wake = done;
                timer = setTimeout(() => fail(new Error("the board is silent: is it the right port, and does a Telltale program run on it?")), PATIENCE);
            }).finally(() => clearTimeout(timer));
        }
        if (this.#ended) throw new Error("the port was closed");
    }

    async send(bytes) {
        for (let at = 0; at < bytes.length; at += BURST) {
            while (this.#held) await this.#news();
            await this.#writer.write(Uint8Array.from(bytes.slice(at, at + BURST)));
        }
    }

    async line() {
        while (this.#lines.length === 0) await this.#news();
        return this.#lines.shift();
    }

    /** Ends what was sent before and drops its lines: those that come then belong to what is sent then. */
    async clear() {
        await this.send([END]);
        while (await this.line() !== String.fromCharCode(END)) continue;
    }
}

/** As the board's session says it. */
const lineOf = (word) =>
    [word.index, word.word, word.id, word.label, word.probability.toFixed(4), word.trace].join("\t");

/** Reads a text on the board, and shows its lines beside the page's own. */
async function compared(board, text) {
    const { words, answer } = classifier.read(text);
    await board.clear();
    await board.send([TRACED, PARAGRAPHS, ...new TextEncoder().encode(text), 10, 10]);
    const lines = [];
    let said;
    do {
        said = await board.line();
        if (!said.startsWith("=\t")) lines.push(said);
    } while (!said.startsWith("=\t"));
    const own = words.map(lineOf);
    const count = Math.max(own.length, lines.length);
    const differs = [...Array(count).keys()].find((at) => own[at] !== lines[at]);
    const [, label, probability, read, unknown, lost] = said.split("\t");
    const same = differs === undefined && probability === answer.probability.toFixed(4) && Number(read) === answer.words;
    const verdict = same ? `All ${number(count)} words are the page's, trace by trace.`
        : differs === undefined ? "The words are the page's, the answer is not."
        : `Word ${differs} differs: the board says ${lines[differs] ?? "nothing"}, the page ${own[differs] ?? "nothing"}.`;
    const rows = [...Array(Math.min(count, ROWS)).keys()].map((at) => {
        const [index, word, , , , trace] = (lines[at] ?? "").split("\t");
        return [index, element("td", { class: "name" }, apart(word ?? "")), element("td", { class: "hash" }, trace ?? "–"),
            element("td", { class: "hash" }, words[at]?.trace ?? "–")];
    });
    return [
        element("p", { class: same ? "answer" : "answer error" }, "The board: ", element("b", {}, apart(label)), ` ${probability}`,
            element("span", { class: "soft" }, `  ${read} words, ${unknown} unknown, ${lost} bytes lost`)),
        element("p", { class: "verdict", role: "status" }, verdict),
        table("the board's traces beside the page's", ["#", "word", "board", "page"], rows),
    ];
}

/** The section of a board, where the browser has Web Serial. */
function boards(place) {
    if (!("serial" in navigator)) return;
    const connect = element("button", { type: "button", id: "connect" }, "Connect a board");
    const baud = element("input", { type: "number", "aria-label": "baud", value: "115200", min: "300" });
    const send = element("button", { type: "button", id: "send", disabled: true }, "Read the first text on it");
    const status = element("p", { class: "soft", role: "status", id: "greeting" },
        "A board that runs this model (`host flash`) reads the first text above over its serial port.");
    const result = element("div", { class: "result" });
    let board;
    let greeting;
    // One at a time. After an error the board is where nobody knows: it has to be connected again.
    const tried = (button, action, first = async () => {}) => button.addEventListener("click", async () => {
        connect.disabled = send.disabled = true;
        try {
            const given = await first().catch((error) => error);
            // A port that was not chosen leaves the board as it was.
            if (given instanceof Error) status.textContent = given.message;
            else await action(given);
        } catch (error) {
            await board?.close();
            board = undefined;
            status.textContent = error.message;
        }
        connect.disabled = false;
        send.disabled = !board;
        // A button that is disabled loses the focus.
        if ([document.body, button].includes(document.activeElement)) (send.disabled ? connect : button).focus({ preventScroll: true });
    });
    tried(connect, async (port) => {
        await board?.close();
        board = new Board(port);
        await board.open(Number(baud.value));
        await board.send([HELLO]);
        do greeting = await board.line(); while (!greeting.startsWith("telltale "));
        if (!greeting.includes(`model ${about.digest},`)) throw new Error(`This page is about model ${about.digest}; the board says: ${greeting}`);
        status.replaceChildren(apart(greeting));
    }, () => navigator.serial.requestPort());
    tried(send, async () => {
        const text = sanitised(document.querySelector("#texts textarea")?.value ?? "").replace(/[\r\n]/g, " ");
        result.replaceChildren();
        // What has nothing but spaces and control characters is no text to the board either.
        if (/^[\x00-\x20\x7f]*$/.test(text)) {
            status.textContent = "There is no text to read: type one in the first field above.";
            return;
        }
        status.replaceChildren(apart(greeting));
        result.replaceChildren(...await compared(board, text));
    });
    place.hidden = false;
    place.append(element("h2", {}, "A board"), status, element("p", {}, connect, " ", baud, " ", send), result);
}

if (classifier) boards(document.getElementById("board"));
document.documentElement.dataset.ready = String(Math.round(performance.now() - started));
