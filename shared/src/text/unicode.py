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


FIRST, END = 0x80, 0x20000  # the code points that the tables know: neither ASCII nor beyond plane 1


def boundaries():
    """Code points at which membership changes, starting outside."""
    out, inside = [], False
    for code in range(FIRST, END):
        if in_word(code) != inside:
            inside = not inside
            out.append(code)
    return out


def lower_ranges():
    """(first, last, step, delta) covering every simple lower-case mapping."""
    pairs = []
    for code in range(FIRST, END):
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


def nibbles(number):
    """Three bits each, the lowest first; the top bit tells that more follow."""
    out = []
    while number > 7:
        out.append(number & 7 | 8)
        number >>= 3
    return out + [number]


def pack(entries, run):
    """Entries (code point up to which they lead, numbers) as bytes, the low nibble first, and of each `run`
    of entries where it starts: the code point before it in the upper 17 bits, its first nibble in the lower."""
    out, starts, last = [], [], FIRST - 1
    for at, (code, numbers) in enumerate(entries):
        if at % run == 0:
            starts.append(last << 15 | len(out))
        for number in numbers:
            out += nibbles(number)
        last = code
    out += [0] * (len(out) % 2)
    return [low | high << 4 for low, high in zip(out[::2], out[1::2])], starts


def words():
    """How far it is to each code point at which membership changes; beyond the last one, none follows."""
    last, entries = FIRST - 1, []
    for code in boundaries() + [2 * END]:
        entries.append((code, [code - last - 1]))
        last = code
    return pack(entries, 64)


def lower():
    """Of each range how far it is to its first, then twice its steps, odd if every other code point is in it,
    then what to add, twice, as an odd number if it is negative."""
    before, entries = FIRST - 1, []
    for first, last, step, delta in lower_ranges() + [(2 * END, 2 * END, 1, 0)]:
        add = 2 * delta if delta >= 0 else -2 * delta - 1
        entries.append((last, [first - before - 1, (last - first) // step * 2 + step - 1, add]))
        before = last
    return pack(entries, 16)


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


print("//! Unicode tables of the tokeniser, written by `unicode.py`: numbers in nibbles, see there.\n")
print("/// The version of the Unicode Character Database behind the tables.")
print(f'pub(super) const VERSION: &str = "{unicodedata.unidata_version}";')
packed, starts = words()
table("WORD", "How far it is from one flip of membership in words to the next, starting outside.", packed, "u8")
table("WORD_STARTS", "Where each run of 64 flips starts.", starts, "u32")
packed, starts = lower()
table("LOWER", "Simple lower-casing: of each range the way to it, its extent, what to add.", packed, "u8")
table("LOWER_STARTS", "Where each run of 16 ranges starts.", starts, "u32")
