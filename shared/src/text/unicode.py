#!/usr/bin/env python3
"""Writes unicode.rs: which characters make words, single mappings, composition.

Run it as `python3 unicode.py > unicode.rs`. The facts come from the Unicode
Character Database as shipped with Python's `unicodedata`; the version that was
used is written into the table, so that every build of Telltale tokenises alike
whatever compiler made it.
"""

import unicodedata

FIRST, END = 0x80, 0x20000  # what the single mappings cover: neither ASCII nor beyond plane 1
PLANE = 0x10000  # the end of plane 0: beyond it, `characters.rs` tells words by blocks


def in_word(code):
    """Letters, numbers and the marks that belong to letters."""
    category = unicodedata.category(chr(code))
    return category[0] in "LN" or category in ("Mn", "Mc")


def boundaries():
    """Code points at which membership changes, starting outside. One that is not assigned, or of a
    kind, goes with those before it, so that there are fewer changes."""
    out, inside = [], False
    for code in range(FIRST, PLANE):
        if unicodedata.category(chr(code)) == "Cn" or kind(code) is not None:
            continue
        if in_word(code) != inside:
            inside = not inside
            out.append(code)
    return out


IGNORED, SPACE, APOSTROPHE, QUOTE, DASH, ALONE, MARK, COMBINING = range(8)  # as in `characters.rs`

# Default_Ignorable_Code_Point of UAX #44 (unicodedata does not have it), but for the zero width joiner and what
# is not assigned; then tatweel, enclosing marks, and annotations
IGNORABLE = [
    (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5), (0x180B, 0x180F),
    (0x200B, 0x200C), (0x200E, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0x3164, 0x3164), (0xFE00, 0xFE0F),
    (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFF8),
    (0x640, 0x640), (0x20D0, 0x20FF), (0xFFF9, 0xFFFB),
]
# Line_Break=SA of UAX #14: Thai, Lao, Myanmar, Khmer, Tai Le, New Tai Lue, Tai Tham, Tai Viet and extensions
SPACELESS = [
    (0xE00, 0xEFF), (0x1000, 0x109F), (0x1780, 0x17FF), (0x1950, 0x19DF), (0x1A20, 0x1AAF), (0xA9E0, 0xA9FF),
    (0xAA60, 0xAADF),
]
# Han with its iteration mark and zero, hiragana, katakana
IDEOGRAPHS = [
    (0x3005, 0x3005), (0x3007, 0x3007), (0x3041, 0x3096), (0x309D, 0x309F), (0x30A1, 0x30FA), (0x30FC, 0x30FF),
    (0x31F0, 0x31FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF),
]
# confusables of UTS #39 (geresh and gershayim among them), and the quotes and dashes of Windows-1252 where that was taken for Latin-1
APOSTROPHES = [
    (0x91, 0x92), (0xB4, 0xB4), (0x2B9, 0x2B9), (0x2BB, 0x2BF), (0x2C8, 0x2C8), (0x5F3, 0x5F3), (0x2018, 0x201B), (0x2032, 0x2032),
    (0x2035, 0x2035),
]
QUOTES = [(0x93, 0x94), (0x2BA, 0x2BA), (0x5F4, 0x5F4), (0x201C, 0x201F), (0x2033, 0x2033), (0x2036, 0x2036)]
DASHES = [(0x96, 0x97), (0x2010, 0x2015), (0x2212, 0x2212), (0xFE58, 0xFE58), (0xFE63, 0xFE63)]


def kind(code):
    """What a code point of plane 0 is that is more than a letter or a symbol, or None."""
    known = [(IGNORED, IGNORABLE), (APOSTROPHE, APOSTROPHES), (QUOTE, QUOTES), (DASH, DASHES), (ALONE, IDEOGRAPHS)]
    for of, ranges in known:
        if any(first <= code <= last for first, last in ranges):
            return of
    character = chr(code)
    category = unicodedata.category(character)
    if category in ("Cc", "Zs", "Zl", "Zp"):
        return SPACE
    if unicodedata.combining(character):
        return COMBINING
    if any(first <= code <= last for first, last in SPACELESS):
        # SARA AM and its like in Lao are SpacingMark in UAX #29, table 2
        if category in ("Mn", "Mc") or code in (0xE33, 0xEB3):
            return MARK
        if category[0] == "L":
            return ALONE
    return None


def kinds():
    """Of each range of one kind how far it is to its first, its length less 1, and the kind. What is not
    assigned goes with what is before it."""
    ranges, last = [], None
    for code in range(FIRST, PLANE):
        of = kind(code)
        if unicodedata.category(chr(code)) == "Cn" and of is None:
            of = last
        if of is not None and of == last:
            ranges[-1][1] = code
        elif of is not None:
            ranges.append([code, code, of])
        last = of
    before, entries = FIRST - 1, []
    for first, end, of in ranges + [(2 * PLANE, 2 * PLANE, 0)]:
        entries.append((end, [first - before - 1, end - first, of]))
        before = end
    return entries


def lower(code):
    """The simple lower-case mapping; U+0130 is the only one whose full mapping is longer."""
    low = chr(code).lower()
    return ord(low[0])


def decomposition(code):
    """(kind, code points): the kind is empty for canonical decompositions."""
    fields = unicodedata.decomposition(chr(code)).split()
    kind = fields.pop(0) if fields and fields[0][0] == "<" else ""
    return kind, [int(field, 16) for field in fields]


# micro sign, dotless i, long s (with dot), final sigma; s and t with a cedilla or a comma, kaf and yeh of Persian and of Arabic
OTHERS = {
    0xB5: 0x3BC, 0x131: 0x69, 0x17F: 0x73, 0x1E9B: 0x1E61, 0x3C2: 0x3C3,
    0x15E: 0x219, 0x15F: 0x219, 0x162: 0x21B, 0x163: 0x21B, 0x6A9: 0x643, 0x6CC: 0x64A,
}


def fold(code):
    """The single character that stands for another; itself if there is none."""
    if code < PLANE and kind(code) not in (None, COMBINING) or 0xFF01 <= code <= 0xFF9F:
        return code  # full-width ASCII and half-width kana have a rule; so have kinds
    form, parts = decomposition(code)
    if len(parts) == 1 and (form in ("", "<narrow>") or form == "<font>" and code < 0x2140):
        code = parts[0]
    return 0x27 if code == 0x60 or code < PLANE and kind(code) == APOSTROPHE else OTHERS.get(code, lower(code))


def fold_ranges():
    """(first, last, step, delta) covering every mapping."""
    out = []
    for code in range(FIRST, END):
        delta = fold(code) - code
        if delta == 0:
            continue
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


def signed(number):
    """A number of either sign as one without: twice it, as an odd number if it is negative."""
    return 2 * number if number >= 0 else -2 * number - 1


def joined(out):
    """Nibbles as bytes, the low nibble first."""
    out = out + [0] * (len(out) % 2)
    return [low | high << 4 for low, high in zip(out[::2], out[1::2])]


def pack(entries, run):
    """Entries (code point up to which they lead, numbers) as bytes, and of each `run` of entries where it
    starts: the code point before it in the upper 17 bits, its first nibble in the lower."""
    out, starts, last = [], [], FIRST - 1
    for at, (code, numbers) in enumerate(entries):
        if at % run == 0:
            starts.append(last << 15 | len(out))
        for number in numbers:
            out += nibbles(number)
        last = code
    return joined(out), starts


def words():
    """How far it is to each code point at which membership changes; beyond the last one, none follows."""
    last, entries = FIRST - 1, []
    for code in boundaries() + [2 * PLANE]:
        entries.append((code, [code - last - 1]))
        last = code
    return pack(entries, 64)


def folds():
    """Of each range how far it is to its first, then twice its steps, odd if every other code point is in it,
    then what to add, signed."""
    before, entries = FIRST - 1, []
    for first, last, step, delta in fold_ranges() + [(2 * END, 2 * END, 1, 0)]:
        entries.append((last, [first - before - 1, (last - first) // step * 2 + step - 1, signed(delta)]))
        before = last
    return pack(entries, 16)


def pairs():
    """By mark, the composed characters of plane 0 and their bases, lower-case: canonical compositions, those that
    UAX #15 excludes among them, but for Hangul syllables, relations (U+0338), Balinese and marks on marks; and the
    vowels of Thai and Lao that look like two characters. Each group is sorted by the composed characters: how far
    it is to each, how far from one base to the next, signed; 0 ends the group. Groups are in the order of the
    marks' canonical combining classes."""
    groups = {}
    for code in range(FIRST, PLANE):
        form, parts = decomposition(code)
        if form and code not in (0xE33, 0xEB3) or len(parts) != 2:
            continue
        base, mark = parts
        if mark in (0x338, 0x1B35) or unicodedata.combining(chr(base)):
            continue
        assert groups.setdefault(mark, {}).setdefault(fold(code), fold(base)) == fold(base)
    out, starts = [], []
    marks = sorted(groups, key=lambda mark: (unicodedata.combining(chr(mark)), mark))
    for mark in marks:
        starts.append(mark << 16 | len(out))
        before, base_before = 0, 0
        for code, base in sorted(groups[mark].items()):
            out += nibbles(code - before) + nibbles(signed(base - base_before))
            before, base_before = code, base
        out += [0]
    assert unicodedata.combining(chr(marks[-1])) == 240 != unicodedata.combining(chr(marks[-2])) == 230
    above = next(at for at, mark in enumerate(marks) if unicodedata.combining(chr(mark)) == 230)
    return joined(out), starts, above


def forms():
    """The letters of Arabic Presentation Forms-A and -B in their order: how far it is from one letter to the
    next, signed, and how many forms it has less 1."""
    letters = []
    for code in [*range(0xFB50, 0xFBB2), *range(0xFBFC, 0xFC00), *range(0xFE80, 0xFEF5)]:
        form, (letter,) = decomposition(code)
        assert form in ("<isolated>", "<final>", "<initial>", "<medial>")
        if letters and letters[-1][0] == letter:
            letters[-1][1] += 1
        else:
            letters.append([letter, 1])
    out, before = [], 0
    for letter, count in letters:
        out += nibbles(signed(letter - before)) + nibbles(count - 1)
        before = letter
    return joined(out)


def half_width_kana():
    """The lower bytes of what the half-width forms stand for, all of them in U+3000 to U+30FF."""
    codes = [decomposition(code)[1][0] for code in range(0xFF65, 0xFFA0)]
    assert all(code >> 8 == 0x30 for code in codes)
    return [code & 0xFF for code in codes]


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
packed, starts = pack(kinds(), 8)
table("KIND", "Of each range of one kind the way to it, its length less 1, the kind.", packed, "u8")
table("KIND_STARTS", "Where each run of 8 ranges starts.", starts, "u32")
packed, starts = folds()
table("FOLD", "Single mappings: of each range the way to it, its extent, what to add.", packed, "u8")
table("FOLD_STARTS", "Where each run of 16 ranges starts.", starts, "u32")
packed, starts, above = pairs()
table("PAIRS", "Composition: of each mark the composed characters and their bases.", packed, "u8")
table("PAIRS_STARTS", "Each mark, and where its pairs start, by canonical combining class.", starts, "u32")
print("/// The first mark of class 230; the last mark of all is the only one of class 240.")
print(f"pub(super) const FIRST_ABOVE: usize = {above};")
table("HALF_WIDTH_KANA", "What U+FF65 to U+FF9F stand for: the lower bytes, the upper one is 0x30.", half_width_kana(), "u8")
table("FORMS", "Arabic letters in the order of their forms: of each the way from the one before, how many forms less 1.", forms(), "u8")
