// A Raspberry Pi Pico with a program in its flash and this process' standard streams on its UART0.
//
//     node rp2040.mjs PROGRAM.elf [MODEL@ADDRESS]
//
// There is no boot ROM: the second stage of the boot loader runs first, as the ROM would start it. Bytes come in
// when the board's FIFO has taken those before, and not between its XOFF and XON.

import { readFileSync, writeSync } from 'node:fs';
import { createRequire } from 'node:module';

// Where install.sh puts it.
const require = createRequire(new URL('../../target/emulators/', import.meta.url));
const { RP2040, ConsoleLogger, LogLevel } = require('rp2040js');

const FLASH = 0x10000000;
const RAM_END = 0x20042000;
const DATA = 0x00;
const FLAGS = 0x18;
const DMA_CONTROL = 0x48;
const SENT = 1 << 5;
const XON = 0x11;
const XOFF = 0x13;
const BATCH = 20_000;
// Times that the board asks for input in vain before this process waits for some.
const ASKED_IN_VAIN = 500;

const chip = new RP2040();
const { clock } = chip;
chip.logger = new ConsoleLogger(LogLevel.None, true);

const [program, model] = process.argv.slice(2);
const elf = readFileSync(program);
const segments = elf.readUInt32LE(28);
for (let at = 0; at < elf.readUInt16LE(44); at += 1) {
  const [kind, offset, , physical, size] = [0, 4, 8, 12, 16].map((field) => elf.readUInt32LE(segments + 32 * at + field));
  if (kind === 1 && size > 0 && physical >= FLASH) {
    chip.flash.set(elf.subarray(offset, offset + size), physical - FLASH);
  }
}
if (model) {
  const at = model.lastIndexOf('@');
  chip.flash.set(readFileSync(model.slice(0, at)), Number(model.slice(at + 1)) - FLASH);
}

// The emulator leaves the bit of the vector that says Thumb in the program counter.
const enter = chip.core.exceptionEntry.bind(chip.core);
chip.core.exceptionEntry = (number) => {
  enter(number);
  chip.core.PC = (chip.core.PC & ~1) >>> 0;
};

let paused = false;
let inVain = 0;
let output = [];
const uart = chip.uart[0];
uart.onByte = (byte) => {
  if (byte === XOFF) paused = true;
  else if (byte === XON) paused = false;
  else output.push(byte);
  inVain = 0;
};
// The emulator's UART asks for bytes to send at all times. A real one does when one has left, until it is told that
// this was heard (PL011 Technical Reference Manual, section 2.8). And it has no register for DMA (section 3.3.14).
let dma = 0;
uart.checkInterrupts = () => {
  chip.setInterrupt(uart.irq, (uart.interruptStatus & uart.interruptMask) !== 0);
};
const write = uart.writeUint32.bind(uart);
uart.writeUint32 = (offset, value) => {
  write(offset, value);
  if (offset === DMA_CONTROL) dma = value;
  if (offset === DATA) {
    uart.interruptStatus |= SENT;
    uart.checkInterrupts();
  }
};
const read = uart.readUint32.bind(uart);
uart.readUint32 = (offset) => {
  if (offset === DMA_CONTROL) return dma;
  if (offset === FLAGS && uart.rxFIFO.empty) inVain += 1;
  return read(offset);
};

function flush() {
  let bytes = Buffer.from(output);
  output = [];
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(writeSync(1, bytes));
    } catch (error) {
      if (error.code === 'EPIPE') process.exit(0);
      if (error.code !== 'EAGAIN') throw error;
    }
  }
}

const input = [];
let ended = false;
let wake = () => {};
process.stdin.on('data', (chunk) => {
  input.push(...chunk);
  wake();
});
process.stdin.on('end', () => {
  ended = true;
  wake();
});

chip.core.PC = FLASH;
chip.core.SP = RAM_END;
chip.core.LR = 0;
const nanos = 1e9 / 125e6;
let next = 0;
for (;;) {
  for (let count = 0; count < BATCH; count += 1) {
    if (next < input.length && !paused && uart.rxFIFO.empty) {
      uart.feedByte(input[next]);
      next += 1;
      inVain = 0;
    }
    // A core that waits for an event may go on at any time (ARMv6-M Architecture Reference Manual, "WFE"), and does:
    // while it waits, the emulator takes interrupts that are masked.
    chip.core.waiting = false;
    clock.tick(chip.core.executeInstruction() * nanos);
  }
  flush();
  if (next === input.length) {
    input.length = 0;
    next = 0;
    if (inVain > ASKED_IN_VAIN) {
      if (ended) break;
      await new Promise((resolve) => { wake = resolve; });
      inVain = 0;
      continue;
    }
  }
  // What has arrived meanwhile is taken.
  await new Promise((resolve) => { setImmediate(resolve); });
}
