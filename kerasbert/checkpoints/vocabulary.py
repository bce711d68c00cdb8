"""Vocabulary surgery: adds tokens to a model, or keeps only those that a corpus uses."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from math import prod
from pathlib import Path

import numpy as np

from kerasbert.checkpoints import hub, huggingface
from kerasbert.checkpoints.derived import write_page
from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.checkpoints.stored import Stored
from kerasbert.checkpoints.tasks import stored_settings
from kerasbert.errors import CheckpointError, TokenizerError
from kerasbert.files import check_target, new_folder
from kerasbert.reading import read_json
from kerasbert.tasks import task_named
from kerasbert.tasks.fill_mask import target_ids
from kerasbert.tokenizers import HostTokenizer
from kerasbert.tokenizers.resizing import Usage, pruned, with_tokens

Rows = Callable[[np.ndarray], np.ndarray]
"""A table with one row per token of the old vocabulary -> one of the new vocabulary."""


@dataclass(frozen=True)
class Resized:
    """What became of a model's vocabulary.

    Attributes:
        tokens: number of tokens before and after.
        numbers: number of weights before and after.
        usage: what the corpus uses; None if tokens were added.
    """

    tokens: tuple[int, int]
    numbers: tuple[int, int]
    usage: Usage | None = None


def add_tokens(path: str | Path | None, folder: str | Path, tokens: Sequence[str], *, special: bool = False) -> Resized:
    """Writes a model with further tokens as a new folder: `add_tokens` and `resize_token_embeddings` of transformers.

    The row of a new token is the mean of all others, and so is its bias in a masked-language head: before training, its
    logit is the mean of theirs (Hewitt 2021, "Initializing new word embeddings for pretrained language models").

    Args:
        path: a folder of any format, a hub id, or None for the encoder in the package.
        folder: absent or empty.
        tokens: the new tokens, see `kerasbert.tokenizers.resizing.with_tokens`.
        special: whether they are special, such as markers of entities.

    Raises:
        TokenizerError: a token cannot be added; the message names it.
        CheckpointError: the model has no tokenizer, or its weights are not whole.
        KerasBertError: `folder` cannot be written.
    """
    checkpoint, tokenizer = _opened(path, folder)
    larger = with_tokens(tokenizer, tokens, special=special)
    resized = _resized(checkpoint, tokenizer, larger, partial(_with_means, tokenizer.vocab_size, len(tokens)))
    return _write(checkpoint, tokenizer, resized, folder)


def prune_vocabulary(path: str | Path | None, folder: str | Path, texts: Iterable[str]) -> Resized:
    """Writes a model whose vocabulary is pruned to what a corpus uses as a new folder.

    For every text of the corpus the new model has the same tokens, with other ids, and the same outputs. So it has for
    such a text behind a prompt of the model's own.
    `kerasbert.tokenizers.resizing.pruned` says which tokens stay, and what becomes of other texts. A masked-language
    head knows only the kept tokens, so their probabilities grow.

    Args:
        path, folder: as for `add_tokens`.
        texts: the corpus, a list or whatever can be read twice.

    Raises:
        TokenizerError: the corpus holds no text.
        CheckpointError, KerasBertError: as for `add_tokens`.
    """
    checkpoint, tokenizer = _opened(path, folder)
    named = {*target_ids(tokenizer, tuple(checkpoint.own.get("targets") or ())), *_special_ids(checkpoint).values()}
    if checkpoint.config.family.positions_after_pad:  # the id of padding says where positions begin
        named.update(range(checkpoint.config.pad_token_id + 1))
    keep = [tokenizer.vocabulary[index] for index in named if index < tokenizer.vocab_size]
    smaller, usage = pruned(tokenizer, texts, keep=keep, prompts=_prompts(checkpoint))
    resized = with_fewer_tokens(checkpoint, tokenizer, smaller)
    return replace(_write(checkpoint, tokenizer, resized, folder), usage=usage)


def with_fewer_tokens(checkpoint: Checkpoint, tokenizer: HostTokenizer, smaller: HostTokenizer) -> Checkpoint:
    """The checkpoint with the rows of the tokens that a smaller tokenizer keeps; weights are read when they are needed.

    Args:
        checkpoint: stays as it is. tokenizer: its tokenizer.
        smaller: made from the tokenizer by `HostTokenizer.reduced`, so the tokens are in the same order.
    """
    ids = _ids(smaller)
    kept = [index for index, token in enumerate(tokenizer.vocabulary) if token in ids]
    return _resized(checkpoint, tokenizer, smaller, lambda table: table[kept])


def _opened(path: str | Path | None, folder: str | Path) -> tuple[Checkpoint, HostTokenizer]:
    check_target(folder)
    checkpoint = open_checkpoint(path)
    tokenizer = checkpoint.tokenizer()
    if tokenizer is None:
        raise CheckpointError(
            f"{checkpoint.folder}: has no tokenizer, so there is no vocabulary to change; put the tokenizer's "
            "files into the folder"
        )
    if checkpoint.pair:
        raise CheckpointError(
            f"{checkpoint.folder}: holds {checkpoint.holds}, with a word table in each of its two parts; change the "
            "vocabulary of the encoder that it is made from"
        )
    checkpoint.check_whole()
    return checkpoint, tokenizer


def _with_means(tokens: int, new: int, table: np.ndarray) -> np.ndarray:
    """The rows of the tokens, without padding behind them, and their mean for each new token."""
    rows = table[:tokens]
    mean = rows.mean(axis=0, dtype="float64", keepdims=True).astype("float32")
    return np.concatenate([rows, *[mean] * new])


def _special_ids(checkpoint: Checkpoint) -> dict[str, int]:
    """The keys of config.json that hold the id of a token, and the ids."""
    return {
        key: value
        for key, value in checkpoint.settings.items()
        if key.endswith("_token_id") and isinstance(value, int) and not isinstance(value, bool) and value >= 0
    }


def _prompts(checkpoint: Checkpoint) -> set[str]:
    """The texts that a sentence encoder puts before the texts that it reads."""
    if checkpoint.task != "sentence-embedding":
        return set()
    stored = stored_settings(checkpoint, task_named(checkpoint.task))
    return {stored.get("prompt", ""), *stored.get("prompts", {}).values()} - {""}


def _ids(tokenizer: HostTokenizer) -> dict[str, int]:
    return {token: index for index, token in enumerate(tokenizer.vocabulary)}


def _resized(checkpoint: Checkpoint, old: HostTokenizer, new: HostTokenizer, rows: Rows) -> Checkpoint:
    """The checkpoint with another tokenizer and other rows of its tables."""
    ids = _ids(new)
    settings = {**checkpoint.settings, "vocab_size": new.vocab_size}
    for key, index in _special_ids(checkpoint).items():
        if index < old.vocab_size:
            settings[key] = ids[old.vocabulary[index]]
    tensors = _tensors(checkpoint, new, rows)
    return replace(checkpoint, settings=settings, tensors=tensors, read_tokenizer=lambda _: new)


def _write(checkpoint: Checkpoint, old: HostTokenizer, resized: Checkpoint, folder: str | Path) -> Resized:
    """Writes what became of a checkpoint. Args: old: its tokenizer."""
    new = resized.tokenizer()
    with new_folder(folder) as building:
        huggingface.write(resized, building, own=True)
        for pattern in hub.TOKENIZER:
            for path in building.glob(pattern):
                path.unlink()
        new.save(building, max_length=_max_length(checkpoint))
        said = _said(checkpoint, old.vocab_size, new.vocab_size)
        write_page(checkpoint, huggingface.read(building), folder, said, vocabulary=new.vocab_size)
    numbers = (sum(map(prod, each.shapes.values())) for each in (checkpoint, resized))
    return Resized((old.vocab_size, new.vocab_size), tuple(numbers))


def _said(checkpoint: Checkpoint, before: int, after: int) -> str:
    """What the new model is, for its card. Args: before, after: number of tokens."""
    pruned = "it keeps only those that a corpus uses, and other words are split into shorter pieces"
    how = "new ones were added" if after > before else pruned
    title = checkpoint.base.title
    return f"This is {title} with {after:,} tokens instead of {before:,}: {how}. It was made with kerasbert."


def _tensors(checkpoint: Checkpoint, new: HostTokenizer, rows: Rows) -> Mapping[str, Stored]:
    """The tensors of a checkpoint; those with one row per token have the rows of the new vocabulary."""
    names = checkpoint.names
    paths = ("embeddings/word_embeddings", *(["mlm/bias"] if checkpoint.has("mlm") else []))
    tables = {names.place(path)[0] for path in paths} | names.tied.keys()
    tensors = dict(checkpoint.tensors)
    for name in tables & tensors.keys():
        read = checkpoint.tensors[name].read
        tensors[name] = Stored(
            name, (new.vocab_size, *checkpoint.shapes[name][1:]), "float32", lambda read=read: rows(read())
        )
    return tensors


def _max_length(checkpoint: Checkpoint) -> int:
    """The number of tokens that other libraries cut a text to, as before."""
    path = checkpoint.folder / "tokenizer_config.json"
    given = read_json(path, TokenizerError).get("model_max_length") if path.is_file() else None
    limit = checkpoint.config.max_length
    return int(min(given, limit)) if isinstance(given, int | float) and given > 0 else limit
