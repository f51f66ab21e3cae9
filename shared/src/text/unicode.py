#!/usr/bin/env python3
"""Writes unicode.rs: which characters make words, and simple lower-casing.

Run it as `python3 unicode.py > unicode.rs`. The facts come from the Unicode
Character Database as shipped with Python's `unicodedata`; the version that was
used is written into the table, so that every build of Telltale tokenises alike
whatever compiler made it.
"""

import unicodedata


def in_word(code):
    """Letters, numbers and the marks that belong to letters."""
    if 0xFE00 <= code <= 0xFE0F or 0x20D0 <= code <= 0x20FF:
        return False  # variation selectors and enclosing marks dress up symbols
    category = unicodedata.category(chr(code))
    return category[0] in "LN" or category in ("Mn", "Mc")


def boundaries(first, last):
    """Code points, less `first`, at which membership changes."""
    out, inside = [], False
    for code in range(first, last + 1):
        if in_word(code) != inside:
            inside = not inside
            out.append(code - first)
    return out


def lower_ranges():
    """(first, last, step, delta) covering every simple lower-case mapping above ASCII."""
    pairs = []
    for code in range(0x80, 0x20000):
        low = chr(code).lower()
        low = ord(low[0]) if low else code  # U+0130 is the only one that grows; its simple mapping is 'i'
        if low != code:
            pairs.append((code, low - code))
    out = []
    for code, delta in pairs:
        if out:
            first, last, step, known = out[-1]
            gap = code - last
            if known == delta and (gap == step or (first == last and gap in (1, 2))):
                out[-1] = (first, code, gap, delta)
                continue
        out.append((code, code, 1, delta))
    return out


def table(name, doc, values, kind):
    print(f"/// {doc}")
    print(f"pub(super) static {name}: [{kind}; {len(values)}] = [")
    line = "   "
    for value in values:
        item = f" {value},"
        if len(line) + len(item) > 100:
            print(line)
            line = "   "
        line += item
    print(line)
    print("];")


print("//! Unicode tables of the tokeniser, written by `unicode.py`.\n")
print("/// The version of the Unicode Character Database behind the tables.")
print(f'pub(super) const VERSION: &str = "{unicodedata.unidata_version}";')
table("WORD_BMP", "Where membership in words flips, plane 0, starting outside.", boundaries(0, 0xFFFF), "u16")
table("WORD_SMP", "The same for plane 1, relative to U+10000.", boundaries(0x10000, 0x1FFFF), "u16")
ranges = lower_ranges()
bmp = [r for r in ranges if r[1] < 0x10000]
smp = [(a - 0x10000, b - 0x10000, s, d) for a, b, s, d in ranges if a >= 0x10000]
for name, part, doc in (
    ("LOWER_BMP", bmp, "Simple lower-casing, plane 0: first, last, step, what to add modulo 65,536."),
    ("LOWER_SMP", smp, "The same for plane 1, relative to U+10000."),
):
    values = [f"({a}, {b}, {s}, {d & 0xFFFF})" for a, b, s, d in part]
    table(name, doc, values, "(u16, u16, u8, u16)")
