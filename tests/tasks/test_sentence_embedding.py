"""Sentence embeddings without a model: rows of texts and of examples, right answers, files, and figures."""

import logging

import numpy as np
import pytest
from conftest import small_vocabulary, write_csv

from kerasbert.errors import ConfigError, DataError
from kerasbert.examples.readers import read_examples, read_unlabelled
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.batches import pad_lessons
from kerasbert.tasks.columns import examples_of
from kerasbert.tasks.figures.similarities import places_of_right, retrieval
from kerasbert.tasks.lessons import lessons_of
from kerasbert.tasks.sentence_embedding import TASK, Settings, text_id, training_graph
from kerasbert.tasks.task import Example
from kerasbert.tokenizers import WordPieceTokenizer

TOKENIZER, SETTINGS = WordPieceTokenizer(small_vocabulary()), Settings(max_length=12)
GRAPH = training_graph(SETTINGS)
PAIRS = [
    {"anchor": "film", "positive": "the film", "negative": ["room", ""]},
    {"anchor": "room", "positive": "the room"},
]
"""The first one has a negative, and a cell that is empty."""


def examples(x, y=None) -> list[Example]:
    return examples_of(TASK.to_train(), SETTINGS, GRAPH, x, y)


def batch_of(made: list[Example], settings=SETTINGS) -> tuple:
    return pad_lessons(lessons_of(TASK, TOKENIZER, made, settings, graph=GRAPH), GRAPH)


def answered(example: Example, *vectors) -> Answered:
    rows = TASK.rows(TOKENIZER, example, SETTINGS)
    assert len(rows) == len(vectors)
    return Answered(example=example, rows=rows, outputs={"embedding": [np.array(each, "float32") for each in vectors]})


def test_a_pair_to_answer_is_one_row_and_a_pair_to_learn_is_two():
    (both,) = TASK.rows(TOKENIZER, Example({"text": "film", "text_pair": "room"}), SETTINGS)
    assert [both.encoding.tokens[place] for place in (1, 3)] == ["film", "room"]
    rows = TASK.rows(TOKENIZER, Example(PAIRS[0]), SETTINGS)
    assert [(row.choice, row.encoding.tokens[1:-1]) for row in rows] == [
        (0, ["film"]),
        (1, ["the", "film"]),
        (2, ["room"]),
    ]


def test_a_prompt_is_put_before_each_text():
    settings = Settings(max_length=12, prompt="the ")
    (row,) = TASK.rows(TOKENIZER, Example({"text": "film"}), settings)
    assert row.encoding.tokens[1:-1] == ["the", "film"]
    assert [row.encoding.tokens[1] for row in TASK.rows(TOKENIZER, Example(PAIRS[1]), settings)] == ["the", "the"]


def test_a_batch_of_pairs_has_an_id_per_text():
    inputs, targets, weights = batch_of([Example(each) for each in PAIRS])
    assert inputs["input_ids"].shape == (2, 3, 4)
    assert not inputs["attention_mask"][1, 2].any()
    wanted = [[text_id(text) for text in ("film", "the film", "room")], [text_id("room"), text_id("the room"), (0, 0)]]
    np.testing.assert_array_equal(targets["embedding"], np.array(wanted, "float32"))
    assert weights == {}


def test_texts_of_a_group_have_one_id():
    """So that none is a negative of another; a negative that is given stays one."""
    _, targets, _ = batch_of([Example({**each, "group": "topic"}) for each in PAIRS])
    topic = text_id("topic")
    wanted = [[topic, topic, text_id("room")], [topic, topic, (0, 0)]]
    np.testing.assert_array_equal(targets["embedding"], np.array(wanted, "float32"))


def test_pairs_with_a_text_or_a_group_in_common_are_kept_apart():
    def shared(*examples: dict, truth=None) -> set:
        made = lessons_of(TASK, TOKENIZER, [Example(each, truth) for each in examples], SETTINGS, graph=GRAPH)
        first, second = map(TASK.apart, made)
        return first & second

    assert shared({"anchor": "film", "positive": "room"}, {"anchor": "the film", "positive": "room"})
    assert shared({"anchor": "film", "positive": "room"}, {"anchor": "room", "positive": "the film"})
    assert not shared({"anchor": "film", "positive": "room"}, {"anchor": "the film", "positive": "the room"})
    grouped = {"anchor": "film", "positive": "room", "group": "a"}
    assert shared(grouped, {"anchor": "the film", "positive": "the room", "group": "a"})
    scored = ({"anchor": "film", "positive": "room"}, {"anchor": "film", "positive": "the room"})
    assert not shared(*scored, truth=1.0)  # the other texts of a batch mean nothing to a score
    assert not shared({"anchor": "film"}, {"anchor": "film"}, truth=[1.0, 0.0])  # a vector of two numbers is no id


def test_ids_tell_texts_apart_and_float32_holds_them():
    numbers = np.array([text_id(f"text {number}") for number in range(1000)])
    assert len(np.unique(numbers, axis=0)) == 1000
    np.testing.assert_array_equal(numbers, numbers.astype("float32"))
    assert numbers[:, 0].min() > 0


def test_scores_are_the_right_cosines():
    made = examples((["film", "room"], ["the film", "film"]), np.array([4.0, 1.0]))
    _, targets, _ = batch_of(made, Settings(max_length=12, score_max=5.0))
    np.testing.assert_allclose(targets["embedding"], [[[0.8], [0.8]], [[0.2], [0.2]]])
    with pytest.raises(DataError, match=r"y\[0\]: the score 4 is not from 0 to 1; score_max sets the highest score"):
        batch_of(made)


def test_vectors_are_learned_by_single_texts():
    _, targets, _ = batch_of(examples(["film", "room"], np.eye(2, 8)))
    np.testing.assert_array_equal(targets["embedding"], np.eye(2, 8)[:, None])
    arrays = [Example({"anchor": text}, vector) for text, vector in zip(("film", "room"), np.eye(2, 8), strict=True)]
    np.testing.assert_array_equal(batch_of(arrays)[1]["embedding"], np.eye(2, 8)[:, None])


@pytest.mark.parametrize(
    ("fields", "truth", "message"),
    [
        ({"anchor": "a"}, None, "no second text; name the column that holds it with --positive-column"),
        ({"anchor": "a", "positive": ""}, None, "no second text; give a positive, or the second text of a score"),
        ({"anchor": "a", "positive": " "}, 0.5, "no second text"),
        ({"anchor": "a", "positive": "b"}, "entailment", "'entailment' is no score; give a number, such as 0.8"),
        ({"anchor": "a", "positive": "b"}, "nan", "'nan' is no score"),
        ({"anchor": "a", "positive": "b", "negative": "c"}, 1, "a score goes with two texts"),
        ({"anchor": "a", "positive": "b"}, [0.1, 0.2], "a vector is the right answer to one text, not to 2"),
        ({"anchor": "a"}, [0.1, float("nan")], "the vector holds a number that is not finite"),
    ],
)
def test_what_cannot_be_learned_is_named_with_its_place(fields, truth, message):
    with pytest.raises(DataError, match=rf"^train.csv, line 3: {message}"):
        TASK.truth(Example(fields, truth, line=3, path="train.csv"), SETTINGS)


def test_several_kinds_in_a_file_are_refused():
    made = [Example(PAIRS[1], line=2, path="x.jsonl"), Example(PAIRS[1], 0.5, line=3, path="x.jsonl")]
    with pytest.raises(DataError, match=r"^x.jsonl, line 2: a pair, and in x.jsonl, line 3 a scored pair; give examp"):
        TASK.survey(made)


@pytest.mark.parametrize(
    ("header", "row", "fields", "truth"),
    [
        (("anchor", "positive"), ("a", "b"), {"anchor": "a", "positive": "b"}, None),
        (("query", "answer", "negative"), ("a", "b", "c"), {"anchor": "a", "positive": "b", "negative": "c"}, None),
        (("question", "positive", "negative_1", "negative_2"), ("a", "b", "c", ""),
         {"anchor": "a", "positive": "b", "negative": ["c"]}, None),
        (("sentence1", "sentence2", "score"), ("a", "b", "0.5"), {"anchor": "a", "positive": "b"}, "0.5"),
    ],
)  # fmt: skip
def test_the_columns_tell_the_kind_of_examples(tmp_path, header, row, fields, truth):
    (example,) = read_examples(write_csv(tmp_path / "x.csv", [row], header), TASK)
    assert (example.fields, example.truth) == (fields, truth)


def test_a_file_of_texts_to_embed_has_its_usual_columns(tmp_path):
    (example,) = read_unlabelled(write_csv(tmp_path / "x.csv", [("a", "b")]), TASK)
    assert example.fields == {"text": "a"}


@pytest.mark.parametrize(("scores", "highest"), [(("0", "1"), 1.0), (("0.5", "3.2"), 5.0)])
def test_the_highest_score_follows_from_the_training_scores(caplog, scores, highest):
    made = [Example({"anchor": "a", "positive": "b"}, score) for score in scores]
    with caplog.at_level(logging.INFO, "kerasbert"):
        assert TASK.observe(made, {}) == {"score_max": highest}
    assert ("a score is above 1: scores are taken to be from 0 to 5" in caplog.text) == (highest == 5)
    assert TASK.observe([Example(PAIRS[1])], {}) == {}


def test_a_highest_score_that_is_known_is_not_guessed(caplog):
    made = [Example({"anchor": "a", "positive": "b"}, score) for score in ("1", "6")]
    with caplog.at_level(logging.INFO, "kerasbert"):
        assert TASK.observe(made, {"score_max": 7.0}) == {"score_max": 7.0}
    assert caplog.text == ""


def test_pairs_with_one_second_text_teach_nothing():
    same = [Example({"anchor": anchor, "positive": "b"}) for anchor in "ac"]
    assert list(TASK.remarks(same, SETTINGS)) == [
        "all pairs have the same second text, so there is no other one to tell it from, and nothing to learn"
    ]
    other = Example({"anchor": "a", "positive": "b", "negative": "c"})
    for fine in ([*same, other], [Example({"anchor": "a", "positive": "b"}, 0.5)] * 2):
        assert list(TASK.remarks(fine, SETTINGS)) == []


def test_a_loss_is_checked_against_the_examples():
    pairs, scored = [Example(each, line=2) for each in PAIRS], [Example(PAIRS[1], 0.5, line=2)]
    TASK.losses["multiple_negatives_ranking"](pairs)
    with pytest.raises(DataError, match="line 2: no negative; the triplet loss needs one in each example"):
        TASK.losses["triplet"](pairs)
    for check in TASK.losses.values():
        with pytest.raises(DataError, match="this loss takes pairs without scores"):
            check(scored)


def test_settings_that_cannot_be_are_named():
    for changes, message in (({"score_max": 0.0}, "score_max is 0.0"), ({"pooling": "sum"}, "pooling is 'sum'")):
        with pytest.raises(ConfigError, match=message):
            Settings(max_length=12, **changes)


# Figures.

LEFT, RIGHT, UP, SLANTED = (1, 0), (-1, 0), (0, 1), (0.8, 0.6)


def test_figures_of_scored_pairs():
    made = [(LEFT, LEFT, 5), (LEFT, SLANTED, 4), (LEFT, UP, 2), (LEFT, RIGHT, 3)]
    found = [answered(Example({"anchor": "a", "positive": "b"}, score), *vectors) for *vectors, score in made]
    assert TASK.figures(found, SETTINGS) == {"spearman": pytest.approx(0.8)}
    assert TASK.measures([each.example for each in found]) == ("spearman",)


def test_figures_of_pairs_count_distinct_texts_once_and_leave_out_others_that_are_right():
    """The second anchor's own text is the last one. "a" has two right texts, which do not count against each other."""
    made = [("a", LEFT, "x", SLANTED), ("b", LEFT, "y", UP), ("a", LEFT, "z", LEFT), ("c", UP, "y", UP)]
    found = [answered(Example({"anchor": q, "positive": p}), u, v) for q, u, p, v in made]
    figures = TASK.figures(found, SETTINGS)
    assert figures == {
        "recall_at_1": pytest.approx(3 / 4),
        "recall_at_5": 1.0,
        "recall_at_10": 1.0,
        "mrr": pytest.approx((1 + 1 / 3 + 1 + 1) / 4),
        "candidates": 3,
    }
    assert TASK.measures([each.example for each in found]) == ("recall_at_1", "recall_at_5", "recall_at_10", "mrr")


def test_figures_of_triplets():
    fields = {"anchor": "a", "positive": "p", "negative": ["n", "m"]}
    found = [answered(Example(fields), LEFT, SLANTED, UP, each) for each in (RIGHT, LEFT)]
    assert TASK.figures(found, SETTINGS)["accuracy"] == 0.5
    assert TASK.measures([found[0].example])[-1] == "accuracy"


def test_equal_vectors_find_nothing():
    places = places_of_right(np.ones((3, 2)), np.ones((3, 2)), [[0], [1], [2]])
    assert places.tolist() == [3, 3, 3]
    assert retrieval(places)["recall_at_1"] == 0.0


def test_places_in_chunks_are_those_of_the_whole(monkeypatch):
    draw = np.random.default_rng(0)
    anchors, candidates = draw.normal(size=(30, 4)), draw.normal(size=(7, 4))
    right = [[number % 7, (number + 1) % 7] for number in range(30)]
    whole = places_of_right(anchors, candidates, right)
    monkeypatch.setattr("kerasbert.tasks.figures.similarities.CHUNK", 20)
    np.testing.assert_array_equal(places_of_right(anchors, candidates, right), whole)
    assert 1 <= whole.min() < whole.max() <= 6
