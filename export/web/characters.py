"""BERT's normalizer as a small JSON table of characters, for the page's tokenizer.

The table is read from the `tokenizers` library (`kerasbert.tokenizers.character_table`), so the answer does not depend
on the Unicode version of a browser.
"""

import numpy as np

from kerasbert.tokenizers.character_table import ALONE, CODE_POINT, DROPPED, SEVERAL, SPACE, read_characters

_HANGUL = range(0xAC00, 0xD7A4)  # syllables; every browser decomposes them by the same formula


def describe_characters(options: dict) -> dict:
    """The table for a WordPiece tokenizer's `options()`.

    Returns:
        `dropped`, `spaces`, `alone` (words of their own): ranges of code points, both ends included. `become`:
        character -> its replacement, for characters that change. `decomposed`: whether words are in NFD.
    """
    strip_accents = options["do_lower_case"] if options["strip_accents"] is None else options["strip_accents"]
    table = read_characters(
        do_lower_case=options["do_lower_case"],
        strip_accents=strip_accents,
        tokenize_chinese_chars=options["tokenize_chinese_chars"],
    )
    symbols = table.symbols
    several, dropped, spaces = symbols >= SEVERAL, symbols == DROPPED, symbols == SPACE
    changed = several | ((symbols & CODE_POINT) != np.arange(len(symbols)))
    become = {
        chr(code): "".join(chr(symbol & CODE_POINT) for symbol in table.of(chr(code)))
        for code in np.flatnonzero(changed & ~dropped & ~spaces).tolist()
        if code not in _HANGUL
    }
    return {
        "dropped": _ranges(dropped),
        "spaces": _ranges(spaces),
        "alone": _ranges(~dropped & ~several & (symbols & ALONE != 0)),
        "become": become,
        "decomposed": strip_accents,
    }


def _ranges(chosen: np.ndarray) -> list[list[int]]:
    """The runs of true values, as pairs of their first and last place."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], chosen, [False]])))
    return [[int(first), int(after) - 1] for first, after in edges.reshape(-1, 2)]
