"""Multiple choice without a model: rows and groups, answers, right answers in their forms, and files."""

import numpy as np
import pytest
from conftest import small_vocabulary, write_csv

from kerasbert.errors import DataError, TokenizerError
from kerasbert.examples.readers import read_examples, read_unlabelled
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.batches import NO_TOKEN, pad_lessons
from kerasbert.tasks.choice import Choice
from kerasbert.tasks.columns import examples_of
from kerasbert.tasks.groups import by_example
from kerasbert.tasks.lessons import lessons_of
from kerasbert.tasks.multiple_choice import TASK, Settings
from kerasbert.tasks.remarks import count_cut
from kerasbert.tasks.task import Example
from kerasbert.tokenizers import WordPieceTokenizer

TOKENIZER, SETTINGS = WordPieceTokenizer(small_vocabulary()), Settings(max_length=12)
(GRAPH,) = TASK.graphs(SETTINGS)
FILM = {"prompt": "the film", "choices": ["was good", "was bad", "was not a book"]}


def test_each_choice_is_a_row_behind_the_prompt():
    example = Example(FILM)
    rows = TASK.rows(TOKENIZER, example, SETTINGS)
    pairs = TOKENIZER(["the film"] * 3, FILM["choices"])
    for number, row in enumerate(rows):
        size = int(pairs["attention_mask"][number].sum())
        assert row.choice == number
        assert row.inputs["input_ids"] == pairs["input_ids"][number, :size].tolist()
        assert row.inputs["token_type_ids"] == pairs["token_type_ids"][number, :size].tolist()
    with pytest.raises(DataError, match=r"^a.csv, line 3: 1 choice; give two or more$"):
        TASK.rows(TOKENIZER, Example({"prompt": "a", "choices": ["b"]}, None, 3, "a.csv"), SETTINGS)


def test_rows_of_an_example_are_a_group_also_of_an_example_that_is_there_twice():
    rows = [row for _ in range(2) for row in TASK.rows(TOKENIZER, Example(FILM), SETTINGS)]
    one = Example(FILM)
    twice = [row for _ in range(2) for row in TASK.rows(TOKENIZER, one, SETTINGS)]
    for each in (rows, twice):
        assert [list(map(id, found)) for found in by_example(each)] == [
            list(map(id, each[:3])),
            list(map(id, each[3:])),
        ]


def test_a_choice_that_is_cut_is_counted_once_per_example():
    long = Example({"prompt": "the film " * 9, "choices": ["was good", "was bad"]})
    rows = [row for each in (Example(FILM), long) for row in TASK.rows(TOKENIZER, each, SETTINGS)]
    assert all(len(row) <= 12 for row in rows)
    assert count_cut(rows) == 1


def test_an_answer_is_the_choice_with_the_largest_logit():
    example, outputs = Example(FILM), {"logits": [np.float32([0.0]), np.float32([2.0]), np.float32([1.0])]}
    scores = np.exp([0, 2, 1]) / np.exp([0, 2, 1]).sum()
    every = [
        {"choice": number, "text": FILM["choices"][number], "score": pytest.approx(scores[number])}
        for number in (1, 2, 0)
    ]
    assert TASK.decode(example, [], outputs, SETTINGS) == every[0]
    assert TASK.choose(example, [], outputs, SETTINGS, Choice(all_scores=True)) == every
    assert TASK.choose(example, [], outputs, SETTINGS, Choice(top_k=2)) == every[:2]
    assert TASK.same(every[0], {**every[0], "score": 0.1}, SETTINGS)
    assert not TASK.same(every[0], every[1], SETTINGS)
    assert TASK.same(every[0], {**every[0], "choice": 0}, SETTINGS)  # of two choices with the same text


@pytest.mark.parametrize(
    ("value", "choices", "number"),
    [
        (1, "abc", 1),
        (2.0, "abc", 2),
        ("1", "abc", 1),
        (" b ", "abc", 1),
        ("C", "xyz", 2),
        ("C", "xCy", None),  # the second choice, or the third by its letter
        ("2", ["2", "3", "4"], None),  # the first choice, or the third by its number
        ("3", ["2", "3"], 1),
        (1, ["1", "0"], 1),
        ("a", ["a", "a"], None),
        (3, "abc", None),
        (-1, "abc", None),
        (1.5, "abc", None),
        (True, "abc", None),
        ("d", "abc", None),
        ("D", "abc", None),
        ("", "abc", None),
        (None, "abc", None),
        ([0], "abc", None),
    ],
)
def test_a_right_answer_is_a_number_a_letter_or_a_text(value, choices, number):
    example = Example({"prompt": "p", "choices": list(choices)}, value, 2, "a.jsonl")
    if number is not None:
        assert TASK.truth(example, SETTINGS) == number
        return
    last, letter = len(choices) - 1, "ABC"[len(choices) - 1]
    wanted = f"give its number, from 0 to {last}, its letter, from A to {letter}, or its text$"
    with pytest.raises(DataError, match=rf"^a.jsonl, line 2: .*( is no choice; {wanted}| may mean the choices )"):
        TASK.truth(example, SETTINGS)


def test_a_training_batch_counts_examples_on_axis_0():
    two = {"prompt": "the book", "choices": ["was not bad", "b"]}
    examples = [Example(FILM, 2, weight=0.5), Example(two, 0, weight=2.0)]
    groups = lessons_of(TASK, TOKENIZER, examples, SETTINGS, graph=GRAPH)
    inputs, targets, weights = pad_lessons(groups, GRAPH)
    assert {name: x.shape[:2] for name, x in inputs.items()} == dict.fromkeys(inputs, (2, 3))
    assert inputs["attention_mask"].sum(-1).tolist() == [[len(each.row) for each in groups[0]], [8, 6, 0]]
    assert targets["logits"].tolist() == [[0, 0, 1], [1, 0, 0]]
    assert NO_TOKEN not in targets["logits"]
    assert weights["logits"].tolist() == [0.5, 2.0]
    flat, none, _ = pad_lessons(lessons_of(TASK, TOKENIZER, [Example(FILM)], SETTINGS, graph=GRAPH), GRAPH)
    assert (flat["input_ids"].ndim, none) == (2, {})


def test_figures_are_the_share_of_right_choices_and_a_table_of_numbers():
    logits = [[0.0, 1.0, 0.5], [3.0, 1.0], [0.0, 2.0]]
    examples = [Example({"prompt": "", "choices": list("abc"[: len(each)])}, 1) for each in logits]
    answered = [
        Answered(example=example, rows=[], outputs={"logits": [np.float32([x]) for x in each]})
        for example, each in zip(examples, logits, strict=True)
    ]
    assert TASK.figures(answered, SETTINGS) == {"accuracy": pytest.approx(2 / 3)}
    assert TASK.picture(answered, SETTINGS).counts == ((0, 0), (1, 2))


HEADER = ("startphrase", "ending0", "ending1", "ending2", "label")


def test_files_have_lists_or_numbered_columns(file, tmp_path):
    """As SWAG, HellaSwag and COPA have them. Empty cells at the end of a row are no choices."""
    rows = [("the film", "was good", "was bad", " ", 1), ("the room", "was", "in", "is", 0)]
    swag = read_examples(write_csv(tmp_path / "swag.csv", rows, HEADER), TASK)
    assert [each.fields for each in swag] == [
        {"prompt": "the film", "choices": ["was good", "was bad"]},
        {"prompt": "the room", "choices": ["was", "in", "is"]},
    ]
    assert [TASK.truth(each, SETTINGS) for each in swag] == [1, 0]
    lines = '{"ctx": "a", "endings": ["b", "c"], "label": "1"}\n{"ctx": "d", "endings": ["e", "f", "g"], "label": 2}\n'
    hellaswag = read_examples(file("a.jsonl", lines), TASK)
    assert [each.fields["choices"] for each in hellaswag] == [["b", "c"], ["e", "f", "g"]]
    (copa,) = read_unlabelled(file("copa.csv", "premise,choice2,choice1\na,c,b\n"), TASK)
    assert copa.fields == {"prompt": "a", "choices": ["b", "c"]}
    (cell,) = read_unlabelled(file("cell.csv", 'prompt,choices\na,"[""b"", ""c""]"\n'), TASK)
    assert cell.fields["choices"] == ["b", "c"]
    named = file("named.csv", "prompt,way 1,way 2\na,b,c\n")
    assert read_unlabelled(named, TASK, columns={"choice": "way"})[0].fields["choices"] == ["b", "c"]
    with pytest.raises(DataError, match=r"no choice column among prompt, way 1, way 2; name it with --choice-column$"):
        read_unlabelled(named, TASK)
    with pytest.raises(DataError, match=r"line 2: no list of texts in 'choices' \(found 'b'\)$"):
        read_unlabelled(file("text.csv", "prompt,choices\na,b\n"), TASK)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("hole.csv", "prompt,choice1,choice2,choice3,label\na,b,c,d,0\na,b,,d,0\n"),
        ("blank.csv", "prompt,choice1,choice2,choice3,label\na,b,c,d,0\na,b, ,d,0\n"),
        (
            "list.jsonl",
            '{"prompt": "a", "choices": ["b", "c"], "label": 0}\n{"prompt": "a", "choices": ["b", ""], "label": 0}\n',
        ),
    ],
)
def test_a_choice_has_some_text(file, name, content):
    """An empty one would be a choice here, and none in the SavedModel that takes texts."""
    said = rf"{name}, line \d: choice 1, counted from 0, is empty; give it some text, or leave it out$"
    examples = read_examples(file(name, content), TASK)
    TASK.check(examples[:1], SETTINGS)
    with pytest.raises(DataError, match=said):
        TASK.check(examples, SETTINGS)
    with pytest.raises(DataError, match=said):
        TASK.rows(TOKENIZER, examples[1], SETTINGS)
    with pytest.raises(DataError, match=r"^an example: choice 0, "):
        TASK.rows(TOKENIZER, *TASK.examples("a", ["", "b"]), SETTINGS)


def test_data_frames_have_them_too():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {"prompt": ["a", "b"], "choice1": ["x", "y"], "choice2": ["z", "w"], "choice3": [None, "v"], "label": [1, 2]}
    )
    found = examples_of(TASK, SETTINGS, GRAPH, frame)
    assert [each.fields["choices"] for each in found] == [["x", "z"], ["y", "w", "v"]]
    assert [TASK.truth(each, SETTINGS) for each in found] == [1, 2]
    lists = pandas.DataFrame({"prompt": ["a"], "choices": [["x", "z"]]})
    assert examples_of(TASK, SETTINGS, GRAPH, lists)[0].fields["choices"] == ["x", "z"]


def test_one_list_of_texts_is_the_choices_of_one_prompt():
    wanted = [Example({"prompt": "a", "choices": ["b", "c"]})]
    for columns in (("a", ["b", "c"]), (["a"], [["b", "c"]]), (["a"], np.array([["b", "c"]])), ([("a", ["b", "c"])],)):
        assert TASK.examples(*columns) == wanted
    with pytest.raises(TokenizerError, match=r"^choices\[0\] is 'b' \(str\), not a list of texts$"):
        TASK.examples(["a"], "b")
