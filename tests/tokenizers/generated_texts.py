"""Strings meant to find differences between tokenizers: the same ones on every machine, from a seed."""

import random

_SCRIPTS = {
    "latin": [(0x61, 0x7A)] * 4 + [(0x41, 0x5A), (0xC0, 0x24F), (0x1E00, 0x1EFF), (0xFB00, 0xFB06)],
    "greek": [(0x391, 0x3C9), (0x1F00, 0x1FFF)],
    "cyrillic": [(0x400, 0x45F)],
    "georgian": [(0x10A0, 0x10FF), (0x1C90, 0x1CBF)],
    "hebrew": [(0x5D0, 0x5EA), (0x591, 0x5C7), (0xFB1D, 0xFB4E)],
    "arabic": [(0x620, 0x64A), (0x64B, 0x65F), (0xFE70, 0xFEFC)],
    "devanagari": [(0x900, 0x97F)],
    "tamil": [(0xB80, 0xBFF)],
    "thai": [(0xE01, 0xE4E)],
    "hangul": [(0xAC00, 0xD7A3), (0x1100, 0x11FF), (0x3131, 0x318E)],
    "kana": [(0x3041, 0x30FF), (0xFF66, 0xFF9D)],
    "chinese": [(0x4E00, 0x4FFF), (0x3400, 0x34FF), (0x20000, 0x20FFF), (0xF900, 0xFAD9), (0x2F800, 0x2FA1D)],
    "digits": [(0x30, 0x39), (0x660, 0x669), (0xB2, 0xB9), (0x2150, 0x218B)],
}
_MARKS = [(0x300, 0x36F), (0x1DC0, 0x1DFF), (0x20D0, 0x20F0), (0x302A, 0x302F), (0x3099, 0x309A), (0x1D165, 0x1D172)]
_CONTROLS = [(0, 0x1F), (0x7F, 0x9F), (0x200B, 0x200F), (0x202A, 0x2064), (0xFFF9, 0xFFFF), (0xE0001, 0xE007F)]
_SPACES = [*" \t\n\r\v\f", "\r\n", *"\x1c\x1f\x85\xa0\u1680\u180e\u2000\u200a\u2028\u2029\u202f\u205f\u3000"]
_PUNCTUATION = [
    (0x21, 0x2F),
    (0x3A, 0x40),
    (0x5B, 0x60),
    (0x7B, 0x7E),
    (0xA1, 0xBF),
    (0x2010, 0x2046),
    (0x3001, 0x3030),
]
_EMOJI = ["😀", "👍🏽", "👩‍👩‍👧", "🇩🇪", "❤️", "1️⃣", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "☃", "🫠"]
_ODD = [*"İıßẞŉǰΐΣςſKÅΩµªºﬁŁøđħ", "i̇", "é", "각", "क़", "Ǆ", "ᾳ", "\u0344", "\u0345", "\ufeff", "\u00ad", "\ufffd"]
_SPECIAL = ["[MASK]", "[CLS]", "[SEP]", "[UNK]", "[PAD]", "[mask]", "[MASK", "[[MASK]]", "[ MASK ]", "##", "##s", "<s>"]
_WORDS = [
    "the",
    "of",
    "playing",
    "unaffable",
    "don't",
    "New York",
    "naïve",
    "Café",
    "Running",
    "3.14",
    "http://a.b/c?d=e",
]


def generate(count: int, seed: int) -> list[str]:
    """Strings of up to ten fragments: words of a script, marks, controls, spaces, token names, random characters."""
    draw = random.Random(seed)

    def code_point(low=0, high=0x10FFFF):
        code = draw.randint(low, high)
        return "\u00e6" if 0xD800 <= code <= 0xDFFF else chr(code)

    def of(ranges):
        return code_point(*draw.choice(ranges))

    def word(longest=9):
        ranges = _SCRIPTS[draw.choice(list(_SCRIPTS))]
        return "".join(of(ranges) for _ in range(draw.randint(1, longest)))

    fragments = [
        word,
        word,
        lambda: draw.choice(_WORDS),
        lambda: draw.choice(_WORDS).title(),
        lambda: word(3) + "".join(of(_MARKS) for _ in range(draw.randint(1, 5))) + word(3),
        lambda: "".join(of([(0x61, 0x7A), *_MARKS[:2]]) for _ in range(draw.randint(1, 8))),
        lambda: of(_CONTROLS),
        lambda: draw.choice(_SPACES),
        lambda: of(_PUNCTUATION),
        lambda: draw.choice(_EMOJI),
        lambda: draw.choice(_ODD),
        lambda: draw.choice(_SPECIAL),
        lambda: "".join(code_point() for _ in range(draw.randint(1, 4))),
        lambda: "".join(code_point(0, 0xFFFF) for _ in range(draw.randint(1, 6))),
    ]

    def text():
        pieces = [draw.choice(fragments)() for _ in range(draw.randint(0, 10))]
        if draw.random() < 0.02:  # around the 100 characters beyond which a word is unknown
            pieces.append(draw.choice(["a", "é", "ж", "한", "\U00010400", "e\u0301"]) * draw.randint(98, 102))
        return draw.choice(["", "", " "]).join(pieces)

    return [text() for _ in range(count)]
