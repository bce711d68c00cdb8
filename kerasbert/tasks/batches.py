"""Makes padded batches of rows, determines the order of rows, and puts outputs together again."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice

import numpy as np

from kerasbert.errors import DataError
from kerasbert.tasks.task import Graph, Input, Row
from kerasbert.tasks.words import as_text

NO_TOKEN = -1
"""Fills right answers behind a row's own tokens where the answer is one of the tokens: 1 for this one, 0 for others."""
WITHOUT_LENGTH = ("row", "text", "choice", "sentences", "number")
"""Axes of inputs that are not padded."""
WINDOW = 4
"""Number of training batches that are sorted by length among themselves. Padding then adds 15 % to MRPC's tokens;
in random order it adds 50 %, and with 50 batches 2 %. But with 50 MiniLM was a point less accurate on MRPC than in
random order: each step learned from rows of one length only."""


def pad_rows(rows: Sequence[Row], graph: Graph, *, round_to: int = 1, longest: int | None = None) -> dict:
    """Makes one batch of a graph's inputs, padded on the right.

    Args:
        rows: at least one row.
        round_to: the length is rounded up to a multiple of this, so that a compiler has to handle few shapes.
        longest: rounding does not go beyond this length.

    Returns:
        int32 (rows, length) by input name; int32 (rows,) for an input with one number per row; an object array of
        texts, (rows,), for an input that takes texts, (rows, 1) for the row's own choice, (rows, sentences) for the
        row's sentences, with "" behind them; float32 (rows, width) for one that takes numbers. Inputs that the rows
        lack are left out.

    Raises:
        DataError: an example has another number of numbers than the input takes.
    """
    lengths = {}
    for each in graph.inputs:
        if each.axis not in WITHOUT_LENGTH and each.name in rows[0].inputs:
            most = max(len(row.inputs[each.name]) for row in rows)
            rounded = -(-most // round_to) * round_to
            lengths[each.axis] = max(most, min(rounded, longest or rounded), lengths.get(each.axis, 0))
    batch = {}
    for each in graph.inputs:
        if each.axis == "text":
            if each.name in rows[0].example.fields:
                texts = [as_text(row.example.fields[each.name]) for row in rows]
                batch[each.name] = np.array(texts, dtype=object)
        elif each.axis == "choice":
            choices = [[row.example.fields[each.name][row.choice]] for row in rows]
            batch[each.name] = np.array(choices, dtype=object)
        elif each.axis == "sentences":
            batch[each.name] = _side_by_side([row.texts for row in rows])
        elif each.axis == "number":
            if each.name in rows[0].example.fields:
                batch[each.name] = np.stack([_numbers(row, each) for row in rows])
        elif each.name in rows[0].inputs:
            values = [row.inputs[each.name] for row in rows]
            batch[each.name] = np.array(values, np.int32) if each.axis == "row" else _filled(values, lengths, each)
    return batch


def _side_by_side(texts: Sequence[Sequence[str]]) -> np.ndarray:
    found = np.full((len(texts), max(map(len, texts))), "", object)
    for row, mine in zip(found, texts, strict=True):
        row[: len(mine)] = mine
    return found


def _numbers(row: Row, each: Input) -> np.ndarray:
    numbers = np.atleast_1d(np.asarray(row.example.fields[each.name], np.float32))
    if numbers.shape != (each.width,):
        raise DataError(f"{row.example.place}: {numbers.size} numbers in {each.name}, but the model takes {each.width}")
    return numbers


def _filled(values: list, lengths: dict, each) -> np.ndarray:
    if all(len(ids) == lengths[each.axis] for ids in values):
        return np.array(values, np.int32)
    padded = np.full((len(values), lengths[each.axis]), each.pad, np.int32)
    for target, ids in zip(padded, values, strict=True):
        target[: len(ids)] = ids
    return padded


@dataclass(frozen=True)
class Lesson:
    """A row with what a model should compute for it.

    Attributes:
        row: what the model sees.
        targets: output name -> the right answer: a number or an array for the row, or one per token.
        weights: output name -> the weight of each answer in the loss, in the same form; outputs without weights are
            missing.
        draw: a key of (seed, epoch) -> the lesson of that epoch, where lessons are drawn anew in each; None where they
            stay.
    """

    row: Row
    targets: Mapping[str, np.ndarray]
    weights: Mapping[str, np.ndarray]
    draw: "Callable[[int], Lesson] | None" = None

    def drawn(self, key: int) -> "Lesson":
        """The lesson as a key draws it (`kerasbert.tasks.draws.key_of`)."""
        return self.draw(key) if self.draw else self


def pad_lessons(groups: Sequence[Sequence[Lesson]], graph: Graph, **padding) -> tuple[dict, dict, dict]:
    """Makes one training batch: inputs as `pad_rows` makes them, targets and weights by output name.

    Answers per token, or per value of another input, are padded with 0 to the length of the batch, as their weights
    are. Answers that choose one of the tokens are padded with `NO_TOKEN`.

    If the rows of an example have one loss, a batch with targets counts examples on axis 0, so that nothing that cuts
    it parts them: inputs are (examples, rows of an example, length), targets (examples, rows of an example) and weights
    (examples,). An example with fewer rows than another has rows of padding, whose mask and targets are 0.

    Args:
        groups: the lessons of the batch; those of an example are a group.
        padding: `round_to` and `longest`, as `pad_rows` has them.
    """
    lessons = list(chain.from_iterable(groups))
    inputs = pad_rows([lesson.row for lesson in lessons], graph, **padding)
    lengths = {name: values.shape[1] for name, values in inputs.items() if values.ndim > 1}
    lengths |= dict.fromkeys(("token", "position"), lengths["input_ids"])

    def together(answers: list[Mapping]) -> dict:
        found = {}
        for each in (each for each in graph.outputs if each.name in answers[0]):
            values = [np.asarray(answer[each.name]) for answer in answers]
            if each.axis in lengths and values[0].ndim:
                rest, pad = [(0, 0)] * (values[0].ndim - 1), NO_TOKEN if each.axis == "position" else 0
                values = [np.pad(x, [(0, lengths[each.axis] - len(x)), *rest], constant_values=pad) for x in values]
            found[each.name] = np.stack(values)
        return found

    targets = together([x.targets for x in lessons])
    if not (graph.by_example and targets):
        return inputs, targets, together([x.weights for x in lessons])
    sizes, pads = list(map(len, groups)), {each.name: each.pad for each in graph.inputs}
    inputs = {name: _by_example(values, sizes, pads[name]) for name, values in inputs.items()}
    targets = {name: _by_example(values, sizes, 0) for name, values in targets.items()}
    return inputs, targets, together([group[0].weights for group in groups])


def _by_example(rows: np.ndarray, sizes: Sequence[int], pad: int) -> np.ndarray:
    """(rows, ...) -> (examples, rows of an example, ...). Args: sizes: the number of rows of each example."""
    found = np.full((len(sizes), max(sizes), *rows.shape[1:]), pad, rows.dtype)
    found[np.arange(max(sizes)) < np.array(sizes)[:, None]] = rows
    return found


def by_length(lengths: Iterable[int], *, batch_tokens: int, batch_rows: int | None = None) -> list[list[int]]:
    """Groups row numbers into batches, shortest rows first, so that a batch holds rows of similar length.

    Args:
        lengths: number of tokens of each row.
        batch_tokens: largest number of tokens in a batch, including padding. A longer row is a batch by itself.
        batch_rows: largest number of rows in a batch; None for no such limit.
    """
    lengths = list(lengths)
    batches, batch = [], []
    for row in sorted(range(len(lengths)), key=lengths.__getitem__):
        if batch and ((len(batch) + 1) * lengths[row] > batch_tokens or len(batch) == batch_rows):
            batches.append(batch)
            batch = []
        batch.append(row)
    return [*batches, batch] if batch else batches


def training_order(
    lengths: np.ndarray,
    batch_size: int,
    *,
    seed: int | None,
    epoch: int = 0,
    apart: Sequence[Collection] | None = None,
) -> list[np.ndarray]:
    """The row numbers of each batch of an epoch. They depend on nothing but the arguments.

    With a seed, rows are shuffled, sorted by length within windows of `WINDOW` batches and cut into batches, which are
    shuffled again. Rows of similar length then share a batch, which saves two thirds of the padding of ordinary
    sentences. Without a seed, rows keep their order.

    Args:
        apart: what each row has that it should share with no other row of its batch, such as its texts where the other
            texts of a batch are wrong answers. What is rare in a window is then once in a batch, and what is frequent
            has its share of every batch.
    """
    order = np.arange(len(lengths))
    if seed is None:
        return [order[start : start + batch_size] for start in range(0, len(order), batch_size)]
    random = np.random.default_rng([seed, epoch])
    random.shuffle(order)
    if apart is None:
        batches = list(_by_length(order, lengths, batch_size))
    else:
        batches = list(_apart(order, lengths, batch_size, apart))
    return [batches[i] for i in random.permutation(len(batches))]


def _by_length(order: np.ndarray, lengths: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    for start in range(0, len(order), WINDOW * batch_size):
        window = order[start : start + WINDOW * batch_size]
        window = window[np.argsort(lengths[window], kind="stable")]
        yield from (window[i : i + batch_size] for i in range(0, len(window), batch_size))


def _apart(
    order: np.ndarray, lengths: np.ndarray, batch_size: int, apart: Sequence[Collection]
) -> Iterator[np.ndarray]:
    """Fills batches from a window that is as large as that of `_by_length`. Each batch has the row that has waited
    longest, and those that are nearest to it in length, but of rows that share something only their share of the
    window, or one."""
    window, coming = [], iter(order.tolist())
    while window or (window := list(islice(coming, WINDOW * batch_size))):
        counts, held = Counter(each for row in window for each in apart[row]), Counter()
        chosen, put_off = [], []
        for place in np.argsort(np.abs(lengths[window] - lengths[window[0]]), kind="stable"):
            row = window[place]
            few = all(held[each] < max(1, counts[each] * batch_size // len(window)) for each in apart[row])
            if few and len(chosen) < batch_size:
                chosen.append(row)
                held.update(apart[row])
            else:
                put_off.append(row)
        chosen += put_off[: batch_size - len(chosen)]
        taken = set(chosen)
        window = [row for row in window if row not in taken]
        window += islice(coming, WINDOW * batch_size - len(window))
        yield np.array(chosen)


def tokens_of(groups: Sequence[Sequence[Lesson]], graph: Graph, round_to: int = 1) -> np.ndarray:
    """The number of tokens of each group, for `order_by_tokens`: int (groups, axes), such as those of a source and of a
    target, rounded up to a multiple of `round_to` as in a batch.

    Args:
        groups: the lessons; those of an example are a group. graph: names the inputs. Those that the lessons lack, such
            as the target's without right answers, do not count.
    """
    known = groups[0][0].row.inputs
    names = {each.axis: each.name for each in graph.inputs if each.axis not in WITHOUT_LENGTH and each.name in known}
    longest = [[max(len(x.row.inputs[name]) for x in group) for name in names.values()] for group in groups]
    return -(-np.array(longest) // round_to) * round_to * np.array([[len(group)] for group in groups])


def order_by_tokens(lengths: np.ndarray, batch_tokens: int, *, seed: int | None, epoch: int = 0) -> list[np.ndarray]:
    """The row numbers of each batch of an epoch, where batches have about the same number of tokens.

    A batch is filled while its number of rows, times the sum of its longest source and its longest target, is at most
    `batch_tokens`. So padding counts. With a seed, rows are sorted by their lengths, those on the longer side first, in
    random order among rows of equal lengths, and the batches are shuffled. The number of batches is then the same in
    every epoch, because every epoch has the same lengths in the same order. Without a seed, rows keep their order.

    Args:
        lengths: int (rows, axes), the tokens of each row, such as those of its source and of its target.
        batch_tokens: largest number of tokens in a batch. A longer row is a batch by itself.
    """
    order = np.arange(len(lengths))
    random = np.random.default_rng([seed, epoch]) if seed is not None else None
    if random is not None:
        random.shuffle(order)
        columns = np.argsort(lengths.mean(axis=0))
        order = order[np.lexsort(lengths[order][:, columns].T)]  # the last column counts first
    batches, batch, longest = [], [], np.zeros_like(lengths[:1])[0]
    for row in order:
        wider = np.maximum(longest, lengths[row])
        if batch and (len(batch) + 1) * wider.sum() > batch_tokens:
            batches.append(np.array(batch))
            batch, wider = [], lengths[row]
        batch.append(row)
        longest = wider
    batches += [np.array(batch)] if batch else []
    return batches if random is None else [batches[i] for i in random.permutation(len(batches))]


def together(parts: Sequence[np.ndarray]) -> np.ndarray | list[np.ndarray]:
    """The rows of all parts: one array, or a list where parts with one vector per token differ in length."""
    if len(parts) == 1:
        return parts[0]
    if len({part.shape[1:] for part in parts}) == 1:
        return np.concatenate(parts)
    return [row for part in parts for row in part]
