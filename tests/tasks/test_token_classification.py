"""Token classification: windows, labels on first pieces, right answers of files, and answers with offsets."""

import re

import numpy as np
import pandas
import pytest
from conftest import small_vocabulary

from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.columns import examples_of
from kerasbert.tasks.task import Example
from kerasbert.tasks.token_classification import TASK, Settings, predicted_tags
from kerasbert.tokenizers import WordPieceTokenizer

TOKENIZER = WordPieceTokenizer(small_vocabulary())
LABELS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def settings(**changes) -> Settings:
    return Settings(**{"labels": LABELS, "max_length": 16, **changes})


def example(text, truth=None) -> Example:
    return Example({"text": text}, truth, 7, "a.conll")


def logits_of(rows, label_of, chosen: Settings) -> dict:
    """Logits that are sure of `label_of(begin, end)`, the index of the label of a token with these offsets."""
    made = []
    for row in rows:
        wanted = [label_of(*place) for place in row.encoding.offsets]
        made.append(np.eye(len(chosen.labels), dtype="float32")[wanted] * 9)
    return {"logits": made}


def answer(given, label_of, chosen: Settings):
    rows = TASK.rows(TOKENIZER, given, chosen)
    return TASK.decode(given, rows, logits_of(rows, label_of, chosen), chosen)


# Windows and answers.


@pytest.mark.parametrize("max_length", [8, 16, 64])
def test_entities_are_found_anywhere_in_a_text_of_any_length(max_length):
    text = "😀 " + "the film hotel was good and the staff room was bad; " * 20
    places = [found.span() for found in re.finditer("film hotel|staff room", text)]
    chosen = settings(max_length=max_length)

    def label_of(begin, end):
        for start, stop in places:
            if start <= begin < end <= stop:
                return 3 if begin == start else 4
        return 0

    given = example(text)
    assert len(TASK.rows(TOKENIZER, given, chosen)) > (4 if max_length < 64 else 1)
    found = answer(given, label_of, chosen)
    assert [(each["start"], each["end"]) for each in found] == places
    assert {each["word"] for each in found} == {"film hotel", "staff room"}
    assert {each["entity_group"] for each in found} == {"LOC"}
    assert all(each["word"] == text[each["start"] : each["end"]] for each in found)


def test_a_token_is_answered_by_the_window_that_keeps_it():
    chosen = settings(max_length=10)
    given = example("the film was good " * 6)
    rows = TASK.rows(TOKENIZER, given, chosen)
    nowhere = {"logits": []}
    for row in rows:  # sure of an entity wherever a window does not keep the token
        logits = np.zeros((len(row), len(LABELS)), "float32")
        logits[:, 1] = 9
        logits[row.kept] = [9, 0, 0, 0, 0]
        nowhere["logits"].append(logits)
    assert TASK.decode(given, rows, nowhere, chosen) == []


def test_given_words_and_their_text_have_the_same_entities():
    words = ["😀", "Good-film", "hotel", "很", "好", "!"]
    chosen = settings()
    text = "😀 Good-film hotel很好!"

    def label_of(begin, end):
        return {2: 1, 12: 2, 17: 3, 18: 4}.get(begin, 0)

    by_words, by_text = (answer(example(given), label_of, chosen) for given in (words, text))
    assert [(each["entity_group"], each["word"]) for each in by_words] == [("PER", "Good-film hotel"), ("LOC", "很好")]
    assert [(each["entity_group"], each["word"]) for each in by_text] == [
        ("PER", "Good"),
        ("PER", "hotel"),
        ("LOC", "很好"),
    ]


def test_all_pieces_of_a_word_have_its_label_unless_the_strategy_asks_for_pieces():
    def label_of(begin, end):
        return 1 if begin == 0 else 3 if end - begin == 3 else 0

    text = "filming was"  # film ##ing
    found = {
        strategy: [
            (each.get("entity_group", each.get("entity")), each["word"])
            for each in answer(example(text), label_of, settings(aggregation=strategy))
        ]
        for strategy in ("first", "simple", "none")
    }
    assert found["first"] == [("PER", "filming"), ("LOC", "was")]
    assert found["simple"] == [("PER", "film"), ("LOC", "ing"), ("LOC", "was")]
    assert found["none"] == [("B-PER", "film"), ("B-LOC", "ing"), ("B-LOC", "was")]


def test_an_empty_text_has_no_entities():
    for text in ("", " ", [], ["\u200b"]):
        assert answer(example(text), lambda *_: 1, settings()) == []


def test_answers_are_the_same_if_types_and_places_are():
    one = [{"entity_group": "PER", "score": 0.9, "word": "a", "start": 0, "end": 1}]
    assert TASK.same(one, [{**one[0], "score": 0.2}], settings())
    for other in ([], one * 2, [{**one[0], "end": 2}], [{**one[0], "entity_group": "LOC"}]):
        assert not TASK.same(one, other, settings())
    token = [{"entity": "B-PER", "score": 0.9, "index": 1, "word": "a", "start": 0, "end": 1}]
    assert not TASK.same(token, [{**token[0], "entity": "I-PER"}], settings(aggregation="none"))


# What is learned.


def lessons(given: Example, chosen: Settings) -> list[list[tuple[str, str]]]:
    """The learned tokens of each window with their labels."""
    found = []
    for row in TASK.rows(TOKENIZER, given, chosen):
        inputs, targets, weights = TASK.targets(TOKENIZER, row, chosen)
        assert inputs is row.inputs
        assert (targets["logits"].dtype, weights["logits"].dtype) == (np.int32, np.float32)
        assert targets["logits"].shape == weights["logits"].shape == (len(row),)
        found.append(
            [
                (token, LABELS[target])
                for token, target, weight in zip(row.encoding.tokens, targets["logits"], weights["logits"], strict=True)
                if weight
            ]
        )
        assert set(weights["logits"]) <= {0.0, 1.0}
        assert not targets["logits"][weights["logits"] == 0].any()
    return found


def test_the_first_piece_of_each_word_is_learned():
    words, tags = ["filming", "Good-bad", "\u200b", "hotel"], ["B-PER", "I-PER", "O", "O"]
    assert lessons(example(words, tags), settings()) == [[("film", "B-PER"), ("good", "I-PER"), ("hotel", "O")]]


@pytest.mark.parametrize("max_length", [5, 8, 13, 40])
def test_each_word_is_learned_in_one_window(max_length):
    words = ["filming", "hotel", "wasly"] * 9
    tags = ["B-PER", "I-PER", "O"] * 9
    found = [each for window in lessons(example(words, tags), settings(max_length=max_length)) for each in window]
    assert found == [("film", "B-PER"), ("hotel", "I-PER"), ("was", "O")] * 9


def test_spans_become_labels_of_the_words_that_they_touch():
    text = "😀 filming hotel, good room night"
    spans = [{"start": 22, "end": 32, "label": "LOC"}, {"start": 2, "end": 15, "label": "PER"}]
    wanted = [("[UNK]", "O"), ("film", "B-PER"), ("hotel", "I-PER"), (",", "O")]
    wanted += [("good", "O"), ("room", "B-LOC"), ("night", "I-LOC")]
    assert lessons(example(text, spans), settings(max_length=32)) == [wanted]


def test_a_span_that_cuts_a_word_counts_with_the_whole_word():
    assert lessons(example("filming room", [{"start": 3, "end": 5, "label": "PER"}]), settings()) == [
        [("film", "B-PER"), ("room", "O")]
    ]


def test_neighbouring_spans_of_one_type_stay_apart():
    spans = [{"start": 0, "end": 4, "label": "PER"}, {"start": 5, "end": 10, "label": "PER"}]
    assert lessons(example("film hotel", spans), settings()) == [[("film", "B-PER"), ("hotel", "B-PER")]]


def test_labels_without_letters_are_learned_as_they_are():
    chosen = settings(labels=("O", "PER"))
    (row,) = TASK.rows(TOKENIZER, example(["film", "hotel"], ["B-PER", "I-PER"]), chosen)
    assert TASK.targets(TOKENIZER, row, chosen)[1]["logits"].tolist() == [0, 1, 1, 0]
    (row,) = TASK.rows(TOKENIZER, example(["film", "room"], ["B-PER", "I-PER"]), settings(labels=("O", "B-PER")))
    with pytest.raises(
        DataError, match=r"^a.conll, line 7: unknown label 'I-PER'; the model knows O, B-PER; add it to the labels$"
    ):
        TASK.targets(TOKENIZER, row, settings(labels=("O", "B-PER")))


def test_a_model_of_another_scheme_learns_in_its_own():
    chosen = settings(labels=("O", "B-PER", "I-PER", "E-PER", "S-PER"))
    (row,) = TASK.rows(TOKENIZER, example(["film", "hotel", "room", "day"], ["I-PER", "I-PER", "O", "I-PER"]), chosen)
    assert TASK.targets(TOKENIZER, row, chosen)[1]["logits"].tolist() == [0, 1, 3, 0, 4, 0]


# Labels of files.


def test_a_tag_without_a_label_is_named_with_its_own_line():
    chosen = settings(labels=("B-PER", "I-PER"))
    given = Example({"text": ["film", "hotel"]}, ["B-PER", "O"], 7, "a.conll", lines=range(7, 9))
    (row,) = TASK.rows(TOKENIZER, given, chosen)
    with pytest.raises(DataError, match=r"^a.conll, line 8: unknown label 'O'; the model knows B-PER, I-PER; add it"):
        TASK.targets(TOKENIZER, row, chosen)


def test_labels_are_those_of_every_type_and_known_ones_keep_their_order():
    found = [example(["a", "b"], ["S-b", "I-a"]), example("a b", [{"start": 0, "end": 1, "label": "c d"}])]
    wanted = ("O", "B-a", "I-a", "B-b", "I-b", "B-c d", "I-c d")
    assert TASK.observe(found, {}) == {"labels": wanted}
    assert TASK.observe(found, {"labels": wanted[::-1]}) == {"labels": wanted[::-1]}
    for known in (
        ("O", "a", "b", "c d", "e"),
        ("O", *(f"{letter}-{kind}" for kind in ("b", "a", "c d") for letter in "BIES")),
    ):
        assert TASK.observe(found, {"labels": known}) == {"labels": known}
    for known in (("O", "B-a", "I-a"), wanted[1:], wanted[:-1]):
        assert TASK.observe(found, {"labels": known}) == {"labels": wanted}
    with pytest.raises(DataError, match=r"^a.conll: no entities found, so there is nothing to learn$"):
        TASK.observe([example(["a"], ["O"])], {})


@pytest.mark.parametrize(
    "words",
    [
        pandas.DataFrame({"tokens": [np.array(["film", "hotel"], object), np.array(["very"], object)]}),
        [[b"film", b"hotel"], [b"very"]],
        [np.array(["film", "hotel"]), np.array(["very"])],
    ],
    ids=["DataFrame of arrays", "bytes of a data set", "arrays"],
)
def test_words_come_in_every_form(words):
    (graph,) = TASK.graphs(settings())
    tags = pandas.Series([np.array([1, 2]), np.array([0])])
    found = examples_of(TASK, settings(), graph, words, tags)
    assert [each.fields for each in found] == [{"text": ["film", "hotel"]}, {"text": ["very"]}]
    assert [each.truth for each in found] == [["B-PER", "I-PER"], ["O"]]


# Figures.


def answered(given: Example, tags, chosen: Settings) -> Answered:
    """An example whose words have these labels on their first pieces, and another one on further pieces."""
    rows = TASK.rows(TOKENIZER, given, chosen)
    outputs = []
    for row in rows:
        _, targets, weights = TASK.targets(TOKENIZER, row, chosen)
        outputs.append(np.eye(len(chosen.labels))[np.where(weights["logits"], targets["logits"], 1)] * 9)
    return Answered(example=Example(given.fields, tags, given.line, given.path), rows=rows, outputs={"logits": outputs})


def test_figures_are_those_of_words():
    chosen = settings(max_length=8)
    words = ["filming", "\u200b", "hotel", "was"] * 4
    predicted = ["B-PER", "I-PER", "I-PER", "O"]
    each = answered(example(words, predicted * 4), predicted + ["B-PER", "O", "O", "O"] * 3, chosen)
    assert predicted_tags(each, chosen) == ["B-PER", "O", "I-PER", "O"] * 4  # the second word has no token
    assert TASK.figures([each], chosen) == {"precision": 0.375, "recall": 0.75, "f1": 0.5, "strict_iob2_f1": 0.75}
    assert TASK.headline in TASK.figures([each], chosen)
    assert TASK.figures([each], chosen).keys() == TASK.metrics(chosen).keys()
    assert TASK.by_class([each], chosen) == {"PER": {"precision": 0.375, "recall": 0.75, "f1": 0.5, "support": 4}}


@pytest.mark.parametrize("labels", [("O", "PER"), ("O", "B-PER", "I-PER"), ("O", "B-PER", "I-PER", "E-PER", "S-PER")])
def test_predicted_tags_are_bio_whatever_the_scheme_of_the_labels(labels):
    chosen = settings(labels=labels)
    given = example(["film", "was", "hotel", "room"])
    rows = TASK.rows(TOKENIZER, given, chosen)
    wanted = [0, 1, 0, 1, min(2, len(labels) - 1), 0]
    outputs = {"logits": [np.eye(len(labels))[wanted]]}
    each = Answered(example=given, rows=rows, outputs=outputs)
    assert predicted_tags(each, chosen) == ["B-PER", "O", "B-PER", "I-PER"]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"labels": "ab"}, r"^labels is 'ab': give a list of names$"),
        ({"labels": ["O", "O"]}, r"^labels repeat: O$"),
        ({"labels": ["O"]}, r"^labels is only 'O', no entity: add labels such as 'B-PER' and 'I-PER'$"),
        ({"aggregation": "mean"}, r"^aggregation is 'mean': use one of none, simple, first, average, max$"),
        ({"max_length": 2}, r"^max_length is 2: use 3 or more$"),
    ],
)
def test_settings_that_do_not_go_together_are_refused(values, message):
    with pytest.raises(ConfigError, match=message):
        settings(**values)
