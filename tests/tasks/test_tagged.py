"""Right answers of files: tags of words and spans of texts, as they are read, and what cannot be used."""

import logging

import pytest

from kerasbert.errors import DataError
from kerasbert.examples.readers import read_examples
from kerasbert.tasks.task import Example
from kerasbert.tasks.token_classification import TASK, Settings

SETTINGS = Settings(labels=("O", "B-PER", "I-PER", "B-LOC", "I-LOC"), max_length=16)


def example(text, truth=None) -> Example:
    return Example({"text": text}, truth, 7, "a.conll")


@pytest.mark.parametrize(
    ("text", "truth", "said"),
    [
        (["a", "b"], ["O"], r"2 words but 1 tag; each word needs one$"),
        (["a", "b"], ["O", 3], r"the tag of 'b' is 3; use a name such as 'O' or 'B-PER'$"),
        (["a", "b"], ["O", ""], r"the tag of 'b' is ''; use a name"),
        (["a", "b"], ["O", "B-"], r"the tag 'B-' of 'b' lacks the type of an entity; write B-PER for a person"),
        (["a"], ["B-O"], r"the tag 'B-O' of 'a' lacks the type"),
        (["a"], [{"start": 0, "end": 1, "label": "PER"}], r"spans need a text, not a list of words; give one tag"),
        (["a"], "O", r"'O' is neither a list of tags nor a list of spans; write words with tags as .conll or .jsonl"),
        (["a"], ["B-ORG"], r"unknown entity 'ORG'; the model knows LOC, PER; use one of these, or teach a"),
        ("a b", ["O", "O"], r"'O' is not a span such as .*; tags need a list of words$"),
        (
            "a b",
            [{"start": 0, "end": 4, "label": "PER"}],
            r"the span 0 to 4 holds no text; count from 0 to the text's 3 characters, with end behind the last one",
        ),
        ("a b", [{"start": 3, "end": 1, "label": "PER"}], r"the span 3 to 1 holds no text; count from 0"),
        ("a b", [{"start": 0, "end": 1, "label": "O"}], r"the span 0 to 1 has the label 'O', no entity; leave it out$"),
        ("a b", [{"start": -1, "end": 1, "label": "PER"}], r"the span -1 to 1 holds no text"),
        ("a b", [{"start": 1, "end": 1, "label": "PER"}], r"the span 1 to 1 holds no text"),
        ("a b", [{"start": 1, "end": 2, "label": "PER"}], r"the span 1 to 2 holds no text"),
        (
            "a b",
            [{"start": 0, "end": 1.0, "label": "PER"}],
            r".*: use whole numbers for start and end, a name for label$",
        ),
        ("a b", [{"start": 0, "end": 1, "label": "ORG"}], r"unknown entity 'ORG'"),
        (
            "a b",
            [{"start": 2, "end": 3, "label": "PER"}, {"start": 0, "end": 3, "label": "LOC"}],
            r"the spans 0 to 3 and 2 to 3 overlap; keep one of them$",
        ),
    ],
)
def test_a_right_answer_that_cannot_be_used_is_named_with_its_line(text, truth, said):
    with pytest.raises(DataError, match=rf"^a.conll, line 7: {said}"):
        TASK.truth(example(text, truth), SETTINGS)


def test_right_answers_are_bio_tags_or_spans_in_order():
    assert TASK.truth(example(["a", "b"], ["I-PER", "E-PER"]), SETTINGS) == ["B-PER", "I-PER"]
    spans = [{"start": 2, "end": 3, "label": "PER"}, {"start": 0, "end": 1, "label": "LOC", "id": 4}]
    assert TASK.truth(example("a b", spans), SETTINGS) == spans[::-1]
    assert TASK.truth(example("a b", []), SETTINGS) == []
    answer = {"entity_group": "PER", "score": 0.9, "word": "a", "start": 0, "end": 1}
    assert TASK.truth(example("a b", [answer]), SETTINGS) == [{**answer, "label": "PER"}]


@pytest.mark.parametrize(
    ("tags", "line", "said"),
    [
        (["O", "O", "B-ORG"], 9, "unknown entity 'ORG'"),
        (["O", "B-", "O"], 8, "the tag 'B-' of 'b' lacks the type"),
        (["O", "O", ""], 9, "the tag of 'c' is ''"),
        (["B-PER", "X-PER", "O"], 8, "the tag 'X-PER' has none of the prefixes"),
        (["O", "B_PER", "I_PER"], 8, "the tag 'B_PER' has a prefix of another form; write B-PER, and all tags so$"),
        (["O", "O", "b-PER"], 9, "the tag 'b-PER' has a prefix of another form; write B-PER"),
        (["L-PER", "O", "S-PER"], 7, "the tag 'L-PER' is of the scheme BILOU, but others have E- or S-"),
    ],
)
def test_a_tag_that_cannot_be_used_is_named_with_its_own_line(tags, line, said):
    given = Example({"text": ["a", "b", "c"]}, tags, 7, "a.conll", lines=range(7, 10))
    with pytest.raises(DataError, match=rf"^a.conll, line {line}: {said}"):
        TASK.check([given], SETTINGS)


def test_swapped_columns_of_words_and_tags_are_an_error():
    given = example(["B-PER", "I-PER", "O"], ["Ann", "Lee", "left"])
    with pytest.raises(DataError, match=r"^a.conll: the words are tags such as 'B-PER'; swap the columns"):
        TASK.survey([given])


def test_mostly_different_tags_are_remarked():
    words = [f"word{number}" for number in range(30)]
    assert [*TASK.remarks([example(words, words)], SETTINGS)] == [
        "30 different types among 30 tagged words or spans; choose the column of tags with --label-column, if this is "
        "another one"
    ]
    assert not [*TASK.remarks([example(words, words)] * 2, SETTINGS)]
    assert not [*TASK.remarks([example(words[:20], words[:20])], SETTINGS)]


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ([example(["a", "b"], ["I-PER", "B-PER"])], "a.conll: tags in the scheme IOB1"),
        ([example(["a", "b"], ["S-PER", "O"])], "a.conll: tags in the scheme BIOES"),
        (
            [example(["a"], ["B-PER"]), example(["b"], ["I-PER"])],
            "a.conll: tags in the scheme BIO; 1 I- that follow no entity of their type are read as B-",
        ),
        (
            [
                example(
                    "ab c 好吃",
                    [{"start": start, "end": end, "label": "PER"} for start, end in ((1, 2), (3, 4), (5, 6))],
                )
            ],
            "a.conll: 3 spans; 1 of them begin or end inside a word, and then count with the whole word",
        ),
        ([example("ab", [{"start": 0, "end": 2, "label": "PER"}])], "a.conll: 1 span"),
    ],
)
def test_what_was_made_of_a_file_is_said_in_one_line(found, said, caplog):
    with caplog.at_level(logging.INFO, "kerasbert"):
        TASK.check(found, SETTINGS)
    assert [record.getMessage() for record in caplog.records] == [said]


def test_a_tag_of_no_scheme_is_named():
    fine = Example({"text": ["a"]}, ["B-PER"], 2, "a.conll")
    with pytest.raises(DataError, match=r"^a.conll, line 7: the tag 'X-PER' has none of the prefixes"):
        TASK.check([fine, example(["a", "b"], ["B-PER", "X-PER"])], SETTINGS)


def test_a_column_of_entities_may_be_named_label_and_an_empty_list_means_none(file):
    path = file(
        "a.jsonl", '{"text": "Ann", "label": [{"start": 0, "end": 3, "label": "PER"}]}\n{"text": "a", "label": []}'
    )
    found = [TASK.truth(each, SETTINGS) for each in read_examples(path, TASK)]
    assert found == [[{"start": 0, "end": 3, "label": "PER"}], []]


def test_spans_in_a_table_are_said_to_need_json_lines(file):
    (given,) = read_examples(file("a.csv", "text,spans\nAnn,none\n"), TASK)
    with pytest.raises(DataError, match=r"a.csv, line 2: 'none' is neither .*, and texts with spans as .jsonl$"):
        TASK.truth(given, SETTINGS)
