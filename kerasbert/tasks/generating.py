"""Writes texts with an encoder and a decoder's step, whatever computes them. The decoder's cache is kept here."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from zlib import crc32

import numpy as np

from kerasbert.decoding.beams import beam_search
from kerasbert.decoding.generation import Rules, Written
from kerasbert.decoding.sampling import Sampling, sample
from kerasbert.errors import KerasBertError
from kerasbert.tasks.draws import key_of, uniform
from kerasbert.tasks.task import Run

PLACES = 16
"""Number of tokens that a cache has room for at first. It doubles whenever the cache is full."""
MOST_NUMBERS = 2**26
"""A batch is written in parts, so that memories and caches have at most this many numbers, 256 MB. A part has at least
one row."""


def write(runs: Mapping[str, Run], batch: dict, settings) -> Mapping[str, Sequence]:
    """Writes a text for each row of a batch, or several.

    Args:
        runs: the graphs "encoder" and "decoder_step" of `kerasbert.tasks.seq2seq.graphs`.
        batch: the encoder's inputs, int32 (rows, tokens).
        settings: `kerasbert.tasks.seq2seq.Settings`.

    Returns:
        "sequences": per row a list of texts, best first: int32 (length,), without the start token, and with the end
        token if the text has ended. "scores": per row their scores, float64 (texts,).
    """
    mask, memory = _read(runs, batch)
    keys = [
        key_of(settings.sampling_seed, crc32(ids[own > 0].astype("<i4").tobytes()))
        for ids, own in zip(batch["input_ids"], mask, strict=True)
    ]
    texts = settings.num_return_sequences if settings.do_sample else settings.num_beams
    numbers = texts * memory.shape[2] * (memory.shape[1] + settings.max_new_tokens)
    size = max(1, MOST_NUMBERS // numbers)
    found: list[list[Written]] = []
    for begin in range(0, len(mask), size):
        part = slice(begin, begin + size)
        steps = CachedSteps(runs["decoder_step"], mask[part], memory[part])
        found += _written(steps, keys[part], settings)
    found = [each[: settings.num_return_sequences] for each in found]
    return {
        "sequences": [[each.tokens for each in row] for row in found],
        "scores": [np.array([each.score for each in row]) for row in found],
    }


def _written(steps: "CachedSteps", keys: Sequence[int], settings) -> list[list[Written]]:
    rules = Rules(
        start=settings.decoder_start_token_id,
        end=settings.eos_token_id,
        most=settings.max_new_tokens,
        least=settings.min_new_tokens,
        no_repeat=settings.no_repeat_ngram_size,
    )
    penalty = {"length_penalty": settings.length_penalty}
    if not settings.do_sample:
        return beam_search(steps, len(keys), rules, beams=settings.num_beams, **penalty)
    sampling = Sampling(temperature=settings.temperature, top_k=settings.top_k, top_p=settings.top_p)

    def draw(row: int, number: int, token: int) -> float:
        return uniform(key_of(keys[row], number), token)

    return sample(steps, len(keys), rules, draw, sampling, count=settings.num_return_sequences, **penalty)


def follow(runs: Mapping[str, Run], batch: dict, texts: Sequence[np.ndarray], settings) -> list[np.ndarray]:
    """Computes the logits of the tokens of given texts, as if the model had written them.

    Args:
        runs, batch, settings: those of `write`. texts: for each row the ids of a text, at least one.

    Returns:
        For each row float32 (tokens, vocabulary).
    """
    steps = CachedSteps(runs["decoder_step"], *_read(runs, batch))
    lengths, going = np.array([len(text) for text in texts]), np.arange(len(texts))
    found: list[list[np.ndarray]] = [[] for _ in texts]
    for place in range(lengths.max()):
        origins = np.flatnonzero(lengths[going] > place)
        going = going[origins]
        before = [texts[row][place - 1] if place else settings.decoder_start_token_id for row in going]
        for row, logits in zip(going, steps(np.array(before), origins), strict=True):
            found[row].append(logits)
    return [np.stack(each) for each in found]


def greedy(settings):
    """The settings with which the likeliest token is taken each time."""
    return replace(settings, num_beams=1, num_return_sequences=1, do_sample=False)


class CachedSteps:
    """The steps of some rows (`kerasbert.decoding.generation.Step`), computed by the graph "decoder_step".

    Args:
        run: computes the graph.
        mask: of the sources, int32 (rows, tokens).
        memory: what the encoder made of them, float32 (rows, tokens, width).

    A call raises KerasBertError if logits are no numbers, because no token follows from them.
    """

    def __init__(self, run: Run, mask: np.ndarray, memory: np.ndarray):
        self._run, self._position = run, 0
        self._sources = self._given = mask, memory
        self._rows = np.arange(len(mask))
        self._cache = np.zeros((len(mask), PLACES, memory.shape[2]), np.float32)

    def __call__(self, tokens: np.ndarray, origins: np.ndarray) -> np.ndarray:
        rows = self._rows[origins]
        if not np.array_equal(rows, self._rows):  # else the same memories serve again
            self._rows = rows
            self._given = tuple(each[rows] for each in self._sources)
        mask, memory = self._given
        self._continue(origins)
        batch = {
            "decoder_input_ids": tokens.astype(np.int32),
            "decoder_position": np.full(len(rows), self._position, np.int32),
            "attention_mask": mask,
            "memory": memory,
            # In the first step it has a place that the graph masks, because some engines refuse an axis of size 0.
            "cache": self._cache[:, : max(self._position, 1)],
        }
        found = self._run(batch)
        self._cache[:, self._position] = found["cache_entry"]
        self._position += 1
        logits = np.asarray(found["logits"], np.float32)
        if np.isnan(logits).any():
            raise KerasBertError(
                f"the decoder's logits of token {self._position} are no numbers: the weights are damaged, or 16 bits "
                "are too few for them; compute in float32, or train the model again"
            )
        return logits

    def _continue(self, origins: np.ndarray) -> None:
        """Puts the cache into the order of the hypotheses, and makes room for the step's own entry.

        Most steps of greedy search copy nothing.
        """
        rows, places, width = self._cache.shape
        if self._position < places and np.array_equal(origins, np.arange(rows)):
            return
        places *= 2 if self._position == places else 1
        cache = np.zeros((len(origins), places, width), np.float32)
        for own, origin in zip(cache, origins, strict=True):  # one copy, where indexing would make two
            own[: self._position] = self._cache[origin, : self._position]
        self._cache = cache


def _read(runs: Mapping[str, Run], batch: dict) -> tuple[np.ndarray, np.ndarray]:
    """The mask of the sources and what the encoder makes of them, float32 (rows, tokens, width)."""
    mask = batch["attention_mask"]
    return mask, _array(runs["encoder"](batch)["memory"], mask.shape[1])


def _array(memory: Sequence[np.ndarray], tokens: int) -> np.ndarray:
    """The memory as one array (rows, tokens, width). An engine with several lengths may give rows of other lengths."""
    if len({len(each) for each in memory} | {tokens}) == 1:
        return np.asarray(memory, np.float32)
    found = np.zeros((len(memory), tokens, memory[0].shape[1]), np.float32)
    for row, each in zip(found, memory, strict=True):
        row[: len(each)] = each[:tokens]
    return found
