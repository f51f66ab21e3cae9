"""A board whose core is real and whose registers are stubs, with this process' standard streams on its UART.

    python3 unicorn_board.py BOARD.toml PROGRAM.elf [MODEL@ADDRESS]

The memories and the stubs (`runner.stubs`: address and value of registers that read so) are those of `board.toml`;
other registers read as they were last written. No interrupt is delivered: the program polls. Bytes come in one at a
time, and not between the board's XOFF and XON.
"""

import ctypes
import mmap
import os
import select
import struct
import sys
import tomllib

from unicorn import UC_ARCH_ARM, UC_ARCH_RISCV, UC_MODE_MCLASS, UC_MODE_RISCV32, UC_MODE_THUMB, Uc, UcError
from unicorn import UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE, UC_PROT_READ, UC_PROT_WRITE
from unicorn import arm_const, riscv_const

XON, XOFF = 0x11, 0x13
PAGE = 0x1000
# Times that the board asks for input in vain before this process waits for some.
ASKED_IN_VAIN = 200

CORES = {
    "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
    "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
    "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
}
# Cores with a secure state, of which Unicorn asks nobody about mapped registers.
SECURE = {"cortex-m33"}
# Where registers lie: peripherals, and the Cortex-M's own.
REGISTERS = [(0x40000000, 0x20000000), (0xE0000000, 0x100000)]
REGISTERS_RISCV = [(0x60000000, 0x100000)]


class Line:
    """The standard streams, as a serial line sees them."""

    def __init__(self):
        self.waiting = b""
        self.output = bytearray()
        self.paused = False
        self.in_vain = 0

    def ready(self):
        """Whether a byte has come in; waits where the board has nothing else to do."""
        if self.paused:
            return False
        if not self.waiting:
            self.in_vain += 1
            wait = self.in_vain > ASKED_IN_VAIN
            if wait:
                self.flush()
            if select.select([0], [], [], None if wait else 0)[0]:
                self.waiting = os.read(0, 4096)
                if not self.waiting:
                    self.flush()
                    os._exit(0)
                self.in_vain = 0
        return bool(self.waiting)

    def take(self):
        byte, self.waiting = self.waiting[0], self.waiting[1:]
        return byte

    def give(self, byte):
        self.in_vain = 0
        if byte in (XON, XOFF):
            self.paused = byte == XOFF
            return
        self.output.append(byte)
        if byte == 0x0A:
            self.flush()

    def flush(self):
        while self.output:
            del self.output[: os.write(1, self.output)]


class Nrf:
    """RXDRDY, TXDRDY, RXD, TXD."""

    def __init__(self, line):
        self.line = line
        self.sent = 0

    def read(self, offset):
        if offset == 0x108:
            return int(self.line.ready())
        if offset == 0x11C:
            return self.sent
        return self.line.take() if offset == 0x518 else None

    def write(self, offset, value):
        if offset == 0x51C:
            self.line.give(value & 0xFF)
            self.sent = 1
        elif offset == 0x11C:
            self.sent = value


class Stm32:
    """SR, DR."""

    def __init__(self, line):
        self.line = line

    def read(self, offset):
        if offset == 0x00:
            return 0x80 | 0x20 * self.line.ready()
        return self.line.take() if offset == 0x04 else None

    def write(self, offset, value):
        if offset == 0x04:
            self.line.give(value & 0xFF)


class Pl011:
    """DR, FR."""

    def __init__(self, line):
        self.line = line

    def read(self, offset):
        if offset == 0x18:
            return 0 if self.line.ready() else 0x10
        return self.line.take() if offset == 0x00 else None

    def write(self, offset, value):
        if offset == 0x00:
            self.line.give(value & 0xFF)


class Esp32c3:
    """FIFO, STATUS."""

    def __init__(self, line):
        self.line = line

    def read(self, offset):
        if offset == 0x1C:
            return int(self.line.ready())
        return self.line.take() if offset == 0x00 else None

    def write(self, offset, value):
        if offset == 0x00:
            self.line.give(value & 0xFF)


UARTS = {"nrf": Nrf, "stm32": Stm32, "pl011": Pl011, "esp32c3": Esp32c3}


def segments(elf):
    """The entry, and the physical address and content of what an ELF file loads."""
    entry, table = struct.unpack_from("<II", elf, 24)
    (count,) = struct.unpack_from("<H", elf, 44)
    parts = []
    for at in range(count):
        kind, offset, _, physical, size = struct.unpack_from("<5I", elf, table + 32 * at)
        if kind == 1 and size:
            parts.append((physical, elf[offset : offset + size]))
    return entry, parts


def main():
    description, program, *rest = sys.argv[1:]
    with open(description, "rb") as file:
        board = tomllib.load(file)
    runner, memory = board["runner"], board["memory"]
    riscv = runner["core"] == "riscv32"
    if riscv:
        chip = Uc(UC_ARCH_RISCV, UC_MODE_RISCV32)
    else:
        chip = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        chip.ctl_set_cpu_model(CORES[runner["core"]])

    spans = [(memory[f"{name}_address"], memory[name]) for name in ("flash", "model", "ram", "rodata", "model_ram") if name in memory]
    if "head" in memory:
        spans.append((memory["head"]["address"], memory["head"]["size"]))
    pages = {page for start, size in spans for page in range(start // PAGE, (start + size + PAGE - 1) // PAGE)}
    for page in sorted(pages):
        chip.mem_map(page * PAGE, PAGE)

    line = Line()
    uart, base = UARTS[runner["uart"]](line), board["serial"]["base"]
    stubs = {address: value for address, value in runner.get("stubs", [])}

    written = {}

    def read(_, offset, __, start):
        address = start + offset
        value = uart.read(address - base) if base <= address < base + PAGE else None
        if value is None:
            value = stubs.get(address, written.get(address, 0))
        return value

    def write(_, offset, __, value, start):
        address = start + offset
        if base <= address < base + PAGE:
            uart.write(address - base, value)
        written[address] = value

    kept = []

    def map_memory(start, size):
        """Registers as memory: a stub reads so until it is written, and only the UART is asked."""
        registers = mmap.mmap(-1, size)
        kept.append(registers)
        address = ctypes.addressof(ctypes.c_char.from_buffer(registers))
        chip.mem_map_ptr(start, size, UC_PROT_READ | UC_PROT_WRITE, address)
        for address, value in stubs.items():
            if start <= address < start + size:
                struct.pack_into("<I", registers, address - start, value)
        if not start <= base < start + size:
            return

        # Behind Unicorn's back, which takes no writes from here.
        def before_read(_, __, address, *___):
            value = uart.read(address - base)
            if value is not None:
                struct.pack_into("<I", registers, address - start, value)

        def on_write(_, __, address, ___, value, ____):
            uart.write(address - base, value)

        chip.hook_add(UC_HOOK_MEM_READ, before_read, None, base, base + PAGE - 1)
        chip.hook_add(UC_HOOK_MEM_WRITE, on_write, None, base, base + PAGE - 1)

    for start, size in REGISTERS_RISCV if riscv else REGISTERS:
        if runner["core"] in SECURE:
            map_memory(start, size)
        else:
            chip.mmio_map(start, size, read, start, write, start)

    with open(program, "rb") as file:
        entry, parts = segments(file.read())
    for address, content in parts:
        chip.mem_write(address, content)
    if rest:
        path, address = rest[0].rsplit("@", 1)
        with open(path, "rb") as file:
            chip.mem_write(int(address, 0), file.read())
    try:
        if riscv:
            chip.emu_start(entry, 0xFFFFFFFF)
        else:
            stack, reset = struct.unpack("<II", chip.mem_read(memory["flash_address"], 8))
            chip.reg_write(arm_const.UC_ARM_REG_SP, stack)
            chip.emu_start(reset | 1, 0xFFFFFFFF)
    except UcError as error:
        line.flush()
        where = chip.reg_read(riscv_const.UC_RISCV_REG_PC if riscv else arm_const.UC_ARM_REG_PC)
        sys.exit(f"{board['title']}: {error} at {where:#010x}")


if __name__ == "__main__":
    main()
