"""Makes the tables of an encoder narrow, with a linear layer behind them (ALBERT, arXiv 1909.11942, section 3.1)."""

import dataclasses

import numpy as np

from kerasbert.errors import ConfigError
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.frequencies import tokens_of_texts, zipf_shares


def narrowed(encoder: BertEncoder, size: int) -> BertEncoder:
    """Makes an encoder with narrow tables (`model_type` "electra") from one of BERT, as a place to learn from.

    ELECTRA normalises the sum of the embeddings before the linear layer, and BERT has no such layer. LayerNorm looks
    only at what is left of a vector without its mean, so the two agree if the new tables hold the same vectors in other
    axes, again without a mean. These axes are the `size - 1` principal ones of the embeddings, where frequent tokens
    count more (Zipf's law), and tokens that no text has do not count. The linear layer leads back, and holds
    LayerNorm's own scale and shift. What the axes leave out is lost; blocks stay as they are.

    Args:
        encoder: an encoder of the family bert.
        size: size of a row of the new tables.

    Returns:
        The encoder, without a pooler, with the tokenizer of the other one.

    Raises:
        ConfigError: the family is another one, or `size` is not from 2 to the hidden size less 1.
    """
    config = encoder.config
    if config.model_type != "bert":
        raise ConfigError(f"model_type is {config.model_type!r}: only the tables of bert can be narrowed")
    if not isinstance(size, int) or isinstance(size, bool) or not 2 <= size < config.hidden_size:
        raise ConfigError(f"size is {size!r}: use a whole number from 2 to {config.hidden_size - 1}")
    narrow = BertEncoder(
        dataclasses.replace(config, model_type="electra", embedding_size=size), tokenizer=encoder.tokenizer
    )
    old, new = encoder.embeddings, narrow.embeddings
    names = ("word_table", "position_table", "type_table")
    tables = {name: _without_mean(table) for name in names if (table := getattr(old, name)) is not None}
    axes, kept = _principal_axes(tables, _shares(encoder), size - 1)
    places = _axes_without_mean(size)
    for name, table in tables.items():
        getattr(new, name).assign(table @ axes @ places)
    # Both norms divide by the length of a vector, LayerNorm of the wide one also by what the axes leave out.
    back = places.T @ axes.T * np.asarray(old.norm.gamma) * np.sqrt(config.hidden_size / size) * kept
    narrow.projection.set_weights([back, np.asarray(old.norm.beta)])
    for block, before in zip(narrow.blocks, encoder.blocks, strict=True):
        block.set_weights(before.get_weights())
    narrow.base = encoder.base
    return narrow


def _without_mean(table) -> np.ndarray:
    table = np.asarray(table, np.float64)
    return table - table.mean(axis=1, keepdims=True)


def _shares(encoder: BertEncoder) -> np.ndarray:
    """The frequency of each row of the word table, (rows,): first [CLS] and [SEP], which are around every text.

    Without a tokenizer, every row counts as the token of a text.
    """
    tokenizer, rows = encoder.tokenizer, encoder.config.vocab_size
    ranked = np.arange(rows)
    if tokenizer is not None:
        ranked = np.r_[tokenizer.id_of("cls"), tokenizer.id_of("sep"), tokens_of_texts(tokenizer)]
    shares = np.zeros(rows)
    shares[ranked] = zipf_shares(len(ranked))
    return shares


def _principal_axes(tables: dict[str, np.ndarray], shares: np.ndarray, count: int) -> tuple[np.ndarray, float]:
    """The axes in which embeddings are largest, (width, count), and the share of their length that these keep.

    Args:
        shares: what each row of the table of words counts.
    """
    words, positions = tables["word_table"], tables["position_table"]
    usual = words + positions.mean(axis=0) + (tables["type_table"][0] if "type_table" in tables else 0)
    apart = positions - positions.mean(axis=0)
    _, axes = np.linalg.eigh(usual.T @ (shares[:, None] * usual) + apart.T @ apart / len(apart))  # in ascending order
    axes = axes[:, ::-1][:, :count]
    lengths = np.linalg.norm(usual, axis=1)
    kept = np.linalg.norm(usual @ axes, axis=1) / np.maximum(lengths, np.finfo(np.float64).tiny)
    return axes, float(np.sum(shares * kept))


def _axes_without_mean(size: int) -> np.ndarray:
    """Axes of vectors whose mean is 0, (size - 1, size): the others of a base that begins with equal numbers."""
    first = np.eye(size)
    first[:, 0] = 1
    base, _ = np.linalg.qr(first)
    return base[:, 1:].T
