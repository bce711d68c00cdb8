"""Scores of tokens -> entities, against vectors that transformers publishes, and tags of any scheme -> BIO."""

import numpy as np
import pytest

from kerasbert.decoding.tags import (
    STRATEGIES,
    entities,
    in_bio_letters,
    in_scheme_of,
    scheme_of,
    scores_of_words,
    split_label,
    to_bio,
)

# Source of the published vectors: transformers, tests/pipelines/test_pipelines_token_classification.py.
RAMAZOTTI_LABELS = ("O", "B-MISC", "I-MISC", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")
RAMAZOTTI = ({"B-MISC": 0.55, "B-PER": 0.45}, {"B-PER": 0.2, "B-LOC": 0.8}, {"B-PER": 0.4, "I-ORG": 0.6})
PLACES = np.array([(0, 2), (2, 4), (11, 13)])
TEXT = "Rama_______zo"


def scores_of(tokens, labels) -> np.ndarray:
    return np.array([[token.get(label, 0.0) for label in labels] for token in tokens])


def short(found) -> list[tuple]:
    return [(each["entity_group"], each["score"], each["start"], each["end"]) for each in found]


@pytest.mark.parametrize(
    ("strategy", "wanted"),
    [
        ("first", [("MISC", 0.55, 0, 13)]),
        ("max", [("LOC", 0.8, 0, 13)]),
        ("average", [("PER", 0.35, 0, 13)]),
        ("simple", [("MISC", 0.55, 0, 2), ("LOC", 0.8, 2, 4), ("ORG", 0.6, 11, 13)]),
    ],
)
def test_published_strategies(strategy, wanted):
    scores = scores_of(RAMAZOTTI, RAMAZOTTI_LABELS)
    found = entities(scores, PLACES, np.zeros(3, int), TEXT, RAMAZOTTI_LABELS, strategy)
    assert short(found) == [(kind, pytest.approx(score), start, end) for kind, score, start, end in wanted]
    assert [each["word"] for each in found] == [TEXT[start:end] for *_, start, end in wanted]


def test_published_labels_without_prefixes():
    labels = ("O", "MISC", "PER", "ORG", "LOC")
    scores = scores_of(({"LOC": 0.9968}, {"LOC": 0.9958}, {"ORG": 0.9986}), labels)
    places = np.array([(0, 2), (2, 4), (11, 13)])
    found = entities(scores, places, np.array([0, 0, 1]), "Enzo _____ UN", labels, "simple")
    assert short(found) == [
        ("LOC", pytest.approx(0.996, abs=1e-3), 0, 4),
        ("ORG", pytest.approx(0.999, abs=1e-3), 11, 13),
    ]
    assert [each["word"] for each in found] == ["Enzo", "UN"]


def test_published_groups_end_where_a_label_begins():
    labels = ("O", "B-PER", "I-PER", "B-ORG")
    tags = ("B-PER", "I-PER", "I-PER", "B-PER", "I-PER", "B-ORG", "O", "I-PER")
    scores = scores_of([{tag: 0.9} for tag in tags], labels)
    places = np.array([(i, i + 1) for i in range(len(tags))])
    found = entities(scores, places, np.arange(len(tags)), "abcdefgh", labels, "simple")
    assert [(each["entity_group"], each["word"]) for each in found] == [
        ("PER", "abc"),
        ("PER", "de"),
        ("ORG", "f"),
        ("PER", "h"),
    ]


def test_none_answers_each_token_with_its_number():
    scores = scores_of(RAMAZOTTI, RAMAZOTTI_LABELS)
    found = entities(scores, PLACES, np.zeros(3, int), TEXT, RAMAZOTTI_LABELS, "none")
    assert found[2] == {"entity": "I-ORG", "score": 0.6, "index": 3, "word": "zo", "start": 11, "end": 13}
    assert [each["entity"] for each in found] == ["B-MISC", "B-LOC", "I-ORG"]
    outside = np.eye(9)[[0, 7, 0]]
    (only,) = entities(outside, PLACES, np.zeros(3, int), TEXT, RAMAZOTTI_LABELS, "none")
    assert (only["entity"], only["index"]) == ("B-LOC", 2)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_text_without_tokens_has_no_entities(strategy):
    none = np.zeros((0, 3)), np.zeros((0, 2), int), np.zeros(0, int)
    assert entities(*none, "", ("O", "B-A", "I-A"), strategy) == []
    assert scores_of_words(none[0], none[2], strategy).shape == (0, 3)


@pytest.mark.parametrize(
    "labels", [("O", "B-A", "I-A", "E-A", "S-A"), ("O", "B-A", "I-A", "L-A", "U-A")], ids=["BIOES", "BILOU"]
)
def test_labels_of_other_schemes_join_to_entities(labels):
    indices = [1, 2, 3, 4, 4, 0, 1, 3]
    places = np.array([(i, i + 1) for i in range(8)])
    found = entities(np.eye(5)[indices], places, np.arange(8), "abcdefgh", labels, "simple")
    assert [(each["entity_group"], each["word"]) for each in found] == [
        ("A", "abc"),
        ("A", "d"),
        ("A", "e"),
        ("A", "gh"),
    ]


@pytest.mark.parametrize(
    ("scheme", "tags", "bio"),
    [
        ("BIO", "O B-A I-A B-A O B-B", "O B-A I-A B-A O B-B"),
        ("IOB1", "O I-A I-A B-A O I-B I-A", "O B-A I-A B-A O B-B B-A"),
        ("IO", "I-A I-A O I-A I-B", "B-A I-A O B-A B-B"),
        ("IO", "creative-work creative-work O person", "B-creative-work I-creative-work O B-person"),
        ("BIOES", "B-A I-A E-A S-A S-A O B-B E-B", "B-A I-A I-A B-A B-A O B-B I-B"),
        ("BILOU", "B-A I-A L-A U-A U-A O B-B L-B", "B-A I-A I-A B-A B-A O B-B I-B"),
        ("IO", "O O", "O O"),
    ],
)
def test_a_scheme_is_recognised_and_becomes_bio(scheme, tags, bio):
    assert scheme_of([tags.split()]) == (scheme, 0)
    assert to_bio(tags.split()) == bio.split()
    assert to_bio(bio.split()) == bio.split()


@pytest.mark.parametrize(
    ("labels", "wanted"),
    [
        ("O B-A I-A B-B I-B", "B-A I-A I-A B-A O B-B I-B"),
        ("O B-A I-A E-A S-A B-B I-B E-B S-B", "B-A I-A E-A S-A O B-B E-B"),
        ("O B-A I-A L-A U-A B-B I-B L-B U-B", "B-A I-A L-A U-A O B-B L-B"),
        ("O I-A I-B", "I-A I-A I-A I-A O I-B I-B"),
        ("O A B", "A A A A O B B"),
        ("O B-A", "B-A I-A I-A B-A O B-B I-B"),
    ],
    ids=["BIO", "BIOES", "BILOU", "IO", "IO without letters", "labels that are missing"],
)
def test_tags_are_named_as_a_model_of_any_scheme_names_them(labels, wanted):
    tags = ["B-A", "I-A", "I-A", "B-A", "O", "B-B", "I-B"]
    assert in_scheme_of(labels.split(), tags) == wanted.split()


def test_in_bio_an_inside_after_nothing_is_counted():
    assert scheme_of([["I-A", "B-A"], ["O", "B-A", "I-B", "I-B"]]) == ("BIO", 2)


def test_a_tag_without_the_prefix_that_others_have_is_named():
    with pytest.raises(
        ValueError,
        match=r"^the tag 'X-A' has none of the prefixes B-, I-, E-, S-, L- and U-, but others have one; write all",
    ):
        scheme_of([["B-A", "O"], ["X-A"]])


@pytest.mark.parametrize(
    ("label", "parts", "letters"),
    [
        ("B-PER", ("B", "PER"), "B-PER"),
        ("S-a-b", ("S", "a-b"), "B-a-b"),
        ("E-a", ("E", "a"), "I-a"),
        ("O", ("", "O"), "O"),
        ("creative-work", ("", "creative-work"), "creative-work"),
        ("B-", ("", "B-"), "B-"),
    ],
)
def test_a_label_is_a_letter_and_a_type(label, parts, letters):
    assert split_label(label) == parts
    assert in_bio_letters(label) == letters
