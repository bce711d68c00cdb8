"""Examples -> answers, for whatever computes the outputs."""

import dataclasses
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kerasbert.errors import BundleError, TokenizerError
from kerasbert.tasks import task_named
from kerasbert.tasks.ask import WINDOW, ask, joined, outputs_of
from kerasbert.tasks.batches import pad_rows
from kerasbert.tasks.task import MODEL_INPUTS, Example, Graph, Input, Output, Row, Task, Words
from kerasbert.tokenizers import WordPieceTokenizer

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefgh"]
TOKENIZER = WordPieceTokenizer(PIECES)
FEATURES = task_named("feature-extraction")
SETTINGS = FEATURES.Settings(max_length=12)
WIDTHS = {"sequence_output": 2, "pooled_output": 3}
GRAPHS = tuple(
    dataclasses.replace(graph, outputs=tuple(dataclasses.replace(x, width=WIDTHS[x.name]) for x in graph.outputs))
    for graph in FEATURES.graphs(SETTINGS)
)
TEXTS = [" ".join("abcdefgh"[(index + place) % 8] for place in range(index * 7 % 11)) for index in range(60)]


def vectors(batch):
    """A model without weights: a vector per token from its id and its segment, one per text from the real tokens."""
    assert {array.dtype for array in batch.values()} == {np.dtype("int32")}
    ids, mask, types = (batch[name].astype("float32") for name in ("input_ids", "attention_mask", "token_type_ids"))
    return {
        "sequence_output": np.stack([ids, types], axis=-1),
        "pooled_output": np.stack([(ids * mask).sum(1), mask.sum(1), (types * mask).sum(1)], axis=-1),
    }


def asked(examples, run=vectors, task=FEATURES, settings=SETTINGS, **options):
    return ask(task, TOKENIZER, {"model": run}, examples, settings, graphs=GRAPHS, **options)


def by_hand(text, pair=None):
    """The answer of one text alone."""
    ids = [2, *(PIECES.index(letter) for letter in text.split()), 3]
    types = [0] * len(ids)
    if pair is not None:
        more = [*(PIECES.index(letter) for letter in pair.split()), 3]
        ids, types = ids + more, types + [1] * len(more)
    return {
        "sequence_output": [list(map(float, token)) for token in zip(ids, types, strict=True)],
        "pooled_output": [float(sum(ids)), float(len(ids)), float(sum(types))],
    }


@pytest.mark.parametrize("options", [{}, {"batch_tokens": 1}, {"batch_tokens": 30}, {"batch_rows": 3}, {"round_to": 8}])
def test_answers_stand_in_the_order_of_the_examples_as_if_each_were_alone(options):
    found = list(asked(FEATURES.examples(TEXTS), **options))
    assert found == [by_hand(text) for text in TEXTS]
    for text, answer in zip(TEXTS[:8], found, strict=False):
        assert list(asked(FEATURES.examples([text]))) == [answer]


def test_pairs_and_single_texts_may_be_mixed():
    examples = [Example({"text": "a b", "text_pair": "c"}), Example({"text": "d"})]
    assert list(asked(examples)) == [by_hand("a b", "c"), by_hand("d")]


@pytest.mark.parametrize(
    ("options", "limit"), [({"batch_tokens": 40}, 40), ({"batch_tokens": 100, "batch_rows": 2}, 100)]
)
def test_batches_stay_within_their_limits_and_hold_rows_of_like_length(options, limit):
    shapes = []

    def run(batch):
        shapes.append((batch["input_ids"].shape, batch["attention_mask"].sum(1)))
        return vectors(batch)

    list(asked(FEATURES.examples(TEXTS), run, **options))
    assert sum(shape[0] for shape, _ in shapes) == len(TEXTS)
    for (rows, length), real in shapes:
        assert rows * length <= limit
        assert rows <= options.get("batch_rows", len(TEXTS))
        assert real.max() == length
    padded, real = sum(np.prod(shape) for shape, _ in shapes), sum(each.sum() for _, each in shapes)
    assert padded < 1.15 * real


def test_few_outputs_are_held_where_they_have_many_numbers(monkeypatch):
    """The whole input is one window otherwise."""
    read = []

    def examples():
        for example in FEATURES.examples(TEXTS):
            read.append(example)
            yield example

    next(asked(examples()))
    assert len(read) == len(TEXTS)
    read.clear()
    numbers = [2 * (len(text.split()) + 2) + 3 for text in TEXTS]
    monkeypatch.setattr("kerasbert.tasks.ask.MOST_NUMBERS", sum(numbers[:5]))
    assert next(found := asked(examples())) == by_hand(TEXTS[0])
    assert len(read) == 5
    assert list(found) == [by_hand(text) for text in TEXTS[1:]]


def test_outputs_per_token_are_cut_to_the_rows_own_tokens():
    examples = FEATURES.examples(TEXTS)
    found = list(outputs_of(FEATURES, TOKENIZER, {"model": vectors}, examples, SETTINGS, graphs=GRAPHS, round_to=8))
    assert [each.example for each in found] == examples
    for text, each in zip(TEXTS, found, strict=True):
        (row,), (tokens,), (pooled,) = each.rows, each.outputs["sequence_output"], each.outputs["pooled_output"]
        assert (len(row), row.example) == (len(tokens), each.example)
        assert tokens.shape == (len(text.split()) + 2, 2)
        assert pooled.shape == (3,)


# A task whose examples have several rows: one per word, and none may get lost.


def _word_rows(tokenizer, example, settings):
    words = example.fields["text"].split() or [""]
    rows = [row for word in words for row in FEATURES.rows(tokenizer, Example({"text": word}), settings)]
    return [Row(example, row.inputs, row.encoding) for row in rows]


WORDS = Task(
    name="words",
    Settings=FEATURES.Settings,
    fields=FEATURES.fields,
    golden=(),
    calibration=(),
    words=Words(title="", verb="", gives=""),
    graphs=FEATURES.graphs,
    rows=_word_rows,
    decode=lambda example, rows, outputs, settings: [
        (len(row), pooled[0]) for row, pooled in zip(rows, outputs["pooled_output"], strict=True)
    ],
    same=lambda a, b, settings: a == b,
)


@pytest.mark.parametrize("tokens", [1, 7, 4096])
def test_the_rows_of_an_example_are_given_back_to_it_in_their_order(tokens):
    def by_hand(text):
        ids = [PIECES.index(letter) for letter in text.split()]
        return [(3, 5.0 + index) for index in ids] or [(2, 5.0)]

    assert list(asked(WORDS.examples(TEXTS), task=WORDS, batch_tokens=tokens)) == list(map(by_hand, TEXTS))


# Streams.


def test_examples_are_read_as_answers_are_taken():
    read = []

    def stream():
        for text in TEXTS * 1000:
            read.append(text)
            yield Example({"text": text})

    answers = asked(stream(), batch_tokens=20)
    assert read == []
    assert next(answers) == by_hand(TEXTS[0])
    assert len(read) <= WINDOW * 20 // 2 + 1  # a text has two tokens at least
    for text in TEXTS[1:]:
        assert next(answers) == by_hand(text)
    assert len(read) <= len(TEXTS) + WINDOW * 20 // 2 + 1


def test_a_stream_without_end_is_answered():
    answers = asked((Example({"text": "a"}) for _ in iter(int, 1)), batch_tokens=9)
    assert [next(answers) for _ in range(50)] == [by_hand("a")] * 50


def test_no_examples_no_answers():
    def run(batch):
        raise AssertionError("a batch of nothing")

    assert list(asked([], run)) == []


def test_what_was_answered_before_an_error_was_answered():
    examples = [*FEATURES.examples(["a"] * 40), Example({"text": 3})]
    answers = asked(examples, batch_tokens=3)
    assert [next(answers) for _ in range(WINDOW)] == [by_hand("a")] * WINDOW
    with pytest.raises(TokenizerError, match=r"texts\[0\] is 3 \(int\), not a string"):
        list(answers)


def test_an_input_that_the_examples_do_not_give_is_named():
    graphs = (Graph("model", (*MODEL_INPUTS, *(dataclasses.replace(MODEL_INPUTS[0], name="odd"),)), GRAPHS[0].outputs),)
    with pytest.raises(BundleError, match=r"^the model has an input odd, which these examples lack$"):
        list(ask(FEATURES, TOKENIZER, {"model": vectors}, FEATURES.examples("a"), SETTINGS, graphs=graphs))


def test_threads_that_ask_at_once_get_the_answers_of_one():
    def one(number):
        texts = TEXTS[number:] + TEXTS[:number]
        return list(asked(FEATURES.examples(texts), batch_tokens=50)) == [by_hand(text) for text in texts]

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(one, range(32)))


@pytest.mark.parametrize("texts", [["a", "drop", "b c"], ["drop", "drop"], ["drop"]])
def test_an_example_without_rows_has_an_empty_list_for_each_output(texts):
    """It need not be the last or the first of its window, nor have a neighbour with rows."""

    def rows(tokenizer, example, settings):
        return [] if example.fields["text"] == "drop" else FEATURES.rows(tokenizer, example, settings)

    task = dataclasses.replace(FEATURES, rows=rows)
    found = list(outputs_of(task, TOKENIZER, {"model": vectors}, task.examples(texts), SETTINGS, graphs=GRAPHS))
    for text, each in zip(texts, found, strict=True):
        assert list(each.outputs) == ["sequence_output", "pooled_output"]
        if text == "drop":
            assert each.outputs == {"sequence_output": [], "pooled_output": []}
        else:
            assert [x.tolist() for x in each.outputs["pooled_output"]] == [by_hand(text)["pooled_output"]]


# Outputs of all rows together.


def outputs(texts, task=FEATURES):
    return outputs_of(task, TOKENIZER, {"model": vectors}, task.examples(texts), SETTINGS, graphs=GRAPHS)


def test_outputs_of_all_rows_are_joined_in_their_order():
    found = joined(FEATURES, GRAPHS, outputs(TEXTS))
    assert list(found) == ["sequence_output", "pooled_output"]
    assert found["pooled_output"].tolist() == [by_hand(text)["pooled_output"] for text in TEXTS]
    assert [x.tolist() for x in found["sequence_output"]] == [by_hand(text)["sequence_output"] for text in TEXTS]
    assert len(joined(FEATURES, GRAPHS, outputs(["a b c", "", "d"], WORDS))["pooled_output"]) == 3 + 1 + 1


def test_outputs_of_nothing_have_their_width():
    found = joined(FEATURES, GRAPHS, outputs([]))
    assert found["sequence_output"] == []
    assert (found["pooled_output"].shape, found["pooled_output"].dtype) == ((0, 3), "float32")
    graph = Graph("model", MODEL_INPUTS, (Output("logits", "row", "choice", 5),))
    assert joined(FEATURES, (graph,), [])["logits"].shape == (0, 5)


def test_a_function_that_takes_texts_answers_the_first_window():
    """It cuts a text itself, so further rows of the example would be the same row again."""

    def windows(tokenizer, example, settings):
        return FEATURES.rows(tokenizer, example, settings) * 3

    task, seen = dataclasses.replace(FEATURES, rows=windows), []
    ids, examples = GRAPHS[0], task.examples(TEXTS[:4])
    by_text = {example.fields["text"]: example for example in examples}

    def of_texts(batch):
        seen.extend(batch["text"])
        rows = [FEATURES.rows(TOKENIZER, by_text[text], SETTINGS)[0] for text in batch["text"]]
        return vectors(pad_rows(rows, ids))

    graphs = (dataclasses.replace(ids, inputs=(Input("text", "text"),)),)
    found = list(outputs_of(task, TOKENIZER, {"model": of_texts}, examples, SETTINGS, graphs=graphs))
    assert [len(each.rows) for each in found] == [1] * 4
    assert sorted(seen) == sorted(TEXTS[:4])
    found = outputs_of(task, TOKENIZER, {"model": vectors}, examples, SETTINGS, graphs=GRAPHS)
    assert [len(each.rows) for each in found] == [3] * 4
