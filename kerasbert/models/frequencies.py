"""How frequent the tokens of a vocabulary are in texts, by Zipf's law: vocabularies list frequent tokens first."""

import re

import numpy as np

_UNUSED = re.compile(r"\[unused\d+\]")
"""Rows that BERT's vocabularies keep free."""


def tokens_of_texts(tokenizer) -> np.ndarray:
    """The ids of the tokens that texts have: all but special tokens and rows that are kept free. int64 (tokens,)"""
    special = tokenizer.special_tokens
    apart = [each in special or bool(_UNUSED.fullmatch(each)) for each in tokenizer.vocabulary]
    return np.flatnonzero(~np.array(apart))


def zipf_shares(count: int) -> np.ndarray:
    """The frequencies of words by Zipf's law, the most frequent first: float64 (count,), which sum to 1."""
    shares = 1 / (np.arange(count) + 2)
    return shares / shares.sum()
