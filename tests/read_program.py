"""Whether a program's ELF, Intel HEX and UF2 files hold the same bytes, by readers that others wrote.

    python3 read_program.py FOLDER     program.elf, program.hex and, if there is one, program.uf2
"""

import os
import sys

from adafruit_uf2 import uf2conv
from intelhex import IntelHex

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../firmware/emulators"))
from unicorn_board import segments

folder = sys.argv[1]
with open(os.path.join(folder, "program.elf"), "rb") as file:
    _, parts = segments(file.read())
expected = {address + at: byte for address, content in parts for at, byte in enumerate(content)}
hexadecimal = IntelHex(os.path.join(folder, "program.hex"))
assert {address: hexadecimal[address] for address in hexadecimal.addresses()} == expected, "the HEX file differs"
path = os.path.join(folder, "program.uf2")
if os.path.exists(path):
    with open(path, "rb") as file:
        content = uf2conv.convert_from_uf2(file.read())
    first = uf2conv.appstartaddr
    assert first == min(expected), f"the UF2 file starts at {first:#x}"
    for address, byte in expected.items():
        assert content[address - first] == byte, f"the UF2 file differs at {address:#x}"
print(f"{len(expected)} bytes agree")
