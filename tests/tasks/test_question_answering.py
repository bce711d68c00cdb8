"""Questions become windows and logits answers: as recorded from transformers 4.57 (record_squad.py), and by hand."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kerasbert.decoding.spans import best_spans, most_context
from kerasbert.errors import ConfigError, DataError, TokenizerError
from kerasbert.examples.readers import read_examples
from kerasbert.tasks.answers import Answer, right_answers
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.columns import examples_of
from kerasbert.tasks.figures import answers as figures
from kerasbert.tasks.question_answering import (
    TASK,
    Settings,
    candidates,
    context_of,
    decode,
    measured,
    rows,
    targets,
    tune,
)
from kerasbert.tasks.task import Example
from kerasbert.tokenizers import WordPieceTokenizer

RECORDED = json.loads(Path(__file__).with_name("squad.json").read_text(encoding="utf-8"))
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
TOKENIZER = WordPieceTokenizer(RECORDED["vocabulary"])
SETTINGS = Settings(max_length=RECORDED["length"], stride=RECORDED["overlap"], max_answer_length=RECORDED["longest"])


def asked(case: dict) -> tuple:
    example = Example({"question": RECORDED["question"], "context": case["context"]})
    found = rows(TOKENIZER, example, SETTINGS)
    logits = {
        name: [np.array(values)[: len(row)] for values, row in zip(case[name], found, strict=True)]
        for name in ("start_logits", "end_logits")
    }
    return example, found, logits


@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: case["context"][:20])
def test_windows_and_the_tokens_they_keep_are_those_of_transformers(case):
    _, found, _ = asked(case)
    assert [row.inputs["input_ids"] for row in found] == case["ids"]
    assert [list(range(row.kept.start, row.kept.stop)) for row in found] == case["kept"]


@pytest.mark.parametrize("kind", ["answer", "none", "rarely none"])
@pytest.mark.parametrize("case", RECORDED["cases"], ids=lambda case: case["context"][:20])
def test_n_best_lists_and_the_answer_none_are_those_of_transformers(case, kind):
    example, found, logits = asked(case)
    wanted = case["answers"][kind]
    settings = replace(
        SETTINGS,
        top_k=20,
        handle_impossible_answer=wanted["threshold"] is not None,
        null_score_diff_threshold=wanted["threshold"] or 0.0,
    )
    _, difference = candidates(example, found, logits, settings)
    answers = decode(example, found, logits, settings)
    best = decode(example, found, logits, replace(settings, top_k=1))
    assert best == answers[0]
    assert best["answer"] == wanted["best"]
    ordered = sorted(answers, key=lambda each: -each["score"])
    assert [each["answer"] for each in ordered] == [text for text, _ in wanted["n_best"]][:20]
    np.testing.assert_allclose([x["score"] for x in ordered], [x for _, x in wanted["n_best"]][:20], atol=1e-9)
    if wanted["difference"] is not None:
        assert difference == pytest.approx(wanted["difference"], abs=1e-9)
    for each in answers:
        assert case["context"][each["start"] : each["end"]] == each["answer"]


@pytest.mark.parametrize("case", RECORDED["figures"], ids=lambda case: ascii(case["answer"] + "|" + case["right"]))
def test_figures_are_those_of_transformers(case):
    pair = case["answer"], case["right"]
    assert figures.exact_match(*pair) == case["exact_match"]
    assert figures.f1(*pair) == pytest.approx(case["f1"])


def test_the_threshold_is_that_of_transformers():
    case = RECORDED["threshold"]
    found = figures.best_threshold(case["differences"], case["gains"], case["answerable"])
    assert found == case["threshold"]


def test_a_threshold_below_all_says_none_to_all():
    assert figures.best_threshold([0.5, -3.0], [0.0, 0.0], [False, False]) < -3.0


def test_bought_belongs_to_the_window_where_it_has_context_on_both_sides():
    """The example of BERT's code: the-man-went-to-the, to-the-store-and-bought, and-bought-a-gallon-of."""
    kept = most_context([0, 3, 6], [5, 5, 5])
    assert 4 not in range(3 + kept[1].start, 3 + kept[1].stop) or kept[1].start <= 1
    assert (kept[1].stop, kept[2].start) == (4, 1)  # "and" is the second window's, "bought" the third's


def test_the_answer_may_be_a_piece_of_a_word():
    """The example of BERT's code: "1895" of "(1895-1943)"."""
    tokenizer = WordPieceTokenizer([*SPECIAL, *"()-.?", "1895", "1943", "when"])
    context = "The leader was John Smith (1895-1943)."
    example = Example({"question": "when?", "context": context}, truth=[{"text": "1895", "answer_start": 27}])
    (row,) = rows(tokenizer, example, Settings(max_length=32))
    _, wanted, weights = targets(tokenizer, row, Settings(max_length=32))
    place = row.inputs["input_ids"].index(tokenizer.vocabulary.index("1895"))
    for name in ("start_logits", "end_logits"):
        assert wanted[name].tolist() == [float(i == place) for i in range(len(row))]
        assert weights[name] == 1
    answer = decode(example, [row], {name: [5 * each] for name, each in wanted.items()}, Settings(max_length=32))
    assert (answer["answer"], answer["start"], answer["end"]) == ("1895", 27, 31)


def test_an_answer_has_whole_words():
    tokenizer = WordPieceTokenizer([*SPECIAL, "when", "un", "##believ", "##able", "was", "it", ",", "a"])
    example = Example({"question": "when", "context": "it was unbelievable, a"})
    (row,) = rows(tokenizer, example, Settings(max_length=32))
    logits = np.array([3.0 * (token == "##believ") for token in row.encoding.tokens])
    answer = decode(example, [row], {"start_logits": [logits], "end_logits": [logits]}, Settings(max_length=32))
    assert (answer["answer"], answer["start"], answer["end"]) == ("unbelievable", 7, 19)


def test_there_is_a_span_even_if_all_best_tokens_are_in_the_question():
    start = np.array([9.0, 8, 7, 0, 1, 2, 0])
    (span, *_) = best_spans([start], [start], [slice(4, 6)], [slice(4, 6)], longest=5, n_best=3)
    assert (span.start, span.end, span.score) == (5, 5, 4.0)


@pytest.mark.parametrize(
    ("field", "value"), [("question", ""), ("question", " \n"), ("context", ""), ("context", "\u200b")]
)
def test_an_empty_part_is_an_error(field, value):
    example = Example({"question": "was it", "context": "it was", field: value}, path="q.json", spot="question 7")
    with pytest.raises(TokenizerError, match=f"^q.json, question 7: the {field} is empty; give it some text$"):
        rows(TOKENIZER, example, SETTINGS)


def test_a_question_that_fills_the_window_is_an_error():
    example = Example({"question": "was it " * 11, "context": "it was"})
    with pytest.raises(TokenizerError, match="the question takes 25 of 24 tokens and leaves no room for the context"):
        rows(TOKENIZER, example, SETTINGS)
    (row, *_) = rows(TOKENIZER, Example({"question": "was it " * 10, "context": "it was fun"}), SETTINGS)
    assert len(row) == 24


def test_a_window_without_the_whole_answer_learns_the_first_token():
    context = "the film was good and the room was bad or a book is fun " * 3
    example = Example(
        {"question": RECORDED["question"], "context": context},
        [{"text": "was bad", "answer_start": context.find("was bad")}],
    )
    found = rows(TOKENIZER, example, SETTINGS)
    held = 0
    for row in found:
        _, wanted, _ = targets(TOKENIZER, row, SETTINGS)
        start, end = (int(wanted[name].argmax()) for name in ("start_logits", "end_logits"))
        offsets = row.encoding.offsets
        text = context[offsets[start][0] : offsets[end][1]] if start else None
        whole = any(
            offsets[i][0] == example.truth[0]["answer_start"] for i in range(*context_of(row.encoding).indices(99))
        )
        assert text == "was bad" or not whole
        assert text == "was bad" or (start, end) == (0, 0)
        held += text == "was bad"
    assert 0 < held < len(found)


FORMS = [
    ([{"text": "film", "answer_start": 4}], [Answer("film", 4)]),
    ([{"text": "film", "start": 4}], [Answer("film", 4)]),
    ({"text": ["film", "the"], "answer_start": [4, 0]}, [Answer("film", 4), Answer("the", 0)]),
    ({"text": [], "answer_start": []}, []),
    (["film"], [Answer("film", 4)]),
    ("film", [Answer("film", 4)]),
    ("film the", [Answer("film the", None)]),
    ("e", [Answer("e", None)]),  # it occurs more than once
    ([{"text": "film", "answer_start": 5}], [Answer("film", None)]),
    ([{"text": "film", "answer_start": -8}], [Answer("film", None)]),
    ([{"text": "", "answer_start": 0}], []),
    ([{"text": " film", "answer_start": 3}], [Answer("film", 4)]),  # white space has no tokens to learn
    ([], []),
    ("[]", []),  # cells of a .csv file
    ('{"text": ["film"], "answer_start": [4]}', [Answer("film", 4)]),
    ("[1", [Answer("[1", None)]),
    ("[1]", [Answer("[1]", None)]),
]


@pytest.mark.parametrize(("given", "wanted"), FORMS, ids=[ascii(given) for given, _ in FORMS])
def test_right_answers_have_several_forms(given, wanted):
    assert right_answers(Example({"question": "q", "context": "the film, the end"}, given)) == wanted


@pytest.mark.parametrize(
    "given", [5, [5], {"text": ["a"], "answer_start": []}, [{"text": "a", "answer_start": "4"}], [{}]]
)
def test_what_is_no_answer_is_named(given):
    with pytest.raises(DataError, match=r"^f\.jsonl, line 3: "):
        right_answers(Example({"question": "q", "context": "the"}, given, 3, "f.jsonl"))


SQUAD = {
    "version": "v2.0",
    "data": [
        {
            "title": "Films",
            "paragraphs": [
                {
                    "context": "the film was good",
                    "qas": [
                        {"id": "a1", "question": "what was good", "answers": [{"text": "film", "answer_start": 4}]},
                        {"id": "a2", "question": "was it bad", "answers": [], "is_impossible": True},
                        {"question": "what was it", "answers": [{"text": "good", "answer_start": 2}]},
                    ],
                }
            ],
        }
    ],
}


def test_a_question_that_is_impossible_and_has_answers_is_an_error(tmp_path):
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(SQUAD).replace('"answer_start": 4}]', '"answer_start": 4}], "is_impossible": true'))
    with pytest.raises(DataError, match=r"dev.json, question a1: is_impossible is true, but it has answers"):
        read_examples(path, TASK)


def test_squad_files_are_read_and_wrong_places_are_counted(tmp_path, caplog):
    path = tmp_path / "dev.json"
    path.write_text(json.dumps(SQUAD), encoding="utf-8")
    examples = read_examples(path, TASK)
    assert [each.place for each in examples] == [
        f"{path}, question a1",
        f"{path}, question a2",
        f"{path}, data 1, paragraphs 1, qas 3",
    ]
    caplog.set_level("INFO")
    TASK.check(examples, SETTINGS)
    assert caplog.messages == [
        f"{path}: 3 questions; 1 without an answer; 1 of 2 answers is not in the context, or not at the answer_start "
        "given"
    ]
    caplog.clear()
    assert TASK.observe(examples, {}) == {"handle_impossible_answer": True}
    assert caplog.messages == [
        f"{path}: 1 question is left out of the training, because the places of the answers are not known; give "
        "answer_start"
    ]
    for example, weight in zip(examples, (1, 1, 0), strict=True):
        (row,) = rows(TOKENIZER, example, SETTINGS)
        assert set(targets(TOKENIZER, row, SETTINGS)[2].values()) == {weight}


STARTS = (
    "question,context,answer_text,answer_start\n"
    "who,a b a,a,4\n"
    "who,a b a,,\n"
    "who,a b a,a,\n"
    'who,a b a,"[{""text"": ""a"", ""answer_start"": 0}]",4\n'
)


def test_a_column_of_starts_places_the_answers(tmp_path, caplog):
    path = tmp_path / "dev.csv"
    path.write_text(STARTS, encoding="utf-8")
    examples = read_examples(path, TASK)
    assert [[each.start for each in right_answers(one)] for one in examples] == [[4], [], [None], [0]]
    caplog.set_level("INFO")
    TASK.check(examples, SETTINGS)
    assert caplog.messages == [
        f"{path}: 4 questions; 1 without an answer; 1 of 3 answers occurs several times in the context, without an "
        "answer_start (line 4: 'a' is there 2 times)"
    ]


@pytest.mark.parametrize(
    ("truth", "start", "joined"),
    [
        ("a", 4.0, {"text": "a", "answer_start": 4}),  # as pandas has a column where some are missing
        ("a", float("nan"), "a"),
        (["a", "b"], [0, 2], {"text": ["a", "b"], "answer_start": [0, 2]}),
        ("", -1, ""),
        ({"text": "a"}, 4, {"text": "a"}),
    ],
)
def test_starts_of_a_data_frame_or_of_json_lines(truth, start, joined):
    assert TASK.joined(truth, start) == joined


def test_a_data_frame_has_a_column_of_starts_too():
    pandas = pytest.importorskip("pandas")
    columns = {"question": ["who"] * 2, "context": ["a b a"] * 2, "answer": ["a", "b"], "answer_start": [4, None]}
    examples = examples_of(TASK, SETTINGS, TASK.graphs(SETTINGS)[0], pandas.DataFrame(columns))
    assert [right_answers(each)[0].start for each in examples] == [4, 2]
    assert [each.place for each in examples] == ["answer[0]", "answer[1]"]


def test_a_start_that_is_no_number_is_named(tmp_path):
    path = tmp_path / "dev.csv"
    path.write_text("question,context,answer,answer_start\nwho,a b a,a,there\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"line 2: .*'there'.* is no answer such as"):
        TASK.check(read_examples(path, TASK), SETTINGS)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "not JSON"),
        ("[]", "the file has no list of objects 'data'"),
        ('{"data": [{}]}', "data 1 has no list of objects 'paragraphs'"),
        ('{"data": [{"paragraphs": [{"qas": 1}]}]}', "data 1, paragraphs 1 has no list of objects 'qas'"),
    ],
)
def test_other_json_is_named(tmp_path, content, said):
    path = tmp_path / "x.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(DataError, match=f"x.json: {said}"):
        read_examples(path, TASK)


def test_the_threshold_is_tuned_where_questions_have_no_answer():
    answered = []
    for context, truth, null in (
        ("the film was good", [{"text": "film", "answer_start": 4}], 1.0),
        ("it was bad", [], 3.0),
    ):
        example = Example({"question": "what", "context": context}, truth)
        (row,) = rows(TOKENIZER, example, SETTINGS)
        logits = np.zeros(len(row))
        logits[0], logits[row.kept.start + 1] = null, 1.5
        answered.append(
            Answered(example=example, rows=[row], outputs={"start_logits": [logits], "end_logits": [logits]})
        )
    settings = replace(SETTINGS, handle_impossible_answer=True, null_score_diff_threshold=9.0)
    assert measured(answered, settings) == {
        "exact_match": 0.5,
        "f1": 0.5,
        "answerable_f1": 1.0,
        "unanswerable_f1": 0.0,
    }
    tuned = tune(answered, settings)
    assert -1.0 <= tuned.null_score_diff_threshold < 3.0
    assert measured(answered, tuned)["f1"] == 1.0
    assert tune(answered[:1], settings) == settings
    assert tune(answered, SETTINGS) == SETTINGS


def test_answers_are_counted_by_what_a_question_has():
    answers, right = ["a film", "the book", "", "x y", "", "no"], [["film"], ["book end"], ["hotel"], ["z"], [], []]
    found = figures.outcomes(answers, right)
    assert found.as_data()["confusion"] == {
        "rows": ("answer", "none"),
        "columns": ("right", "partly right", "wrong", "none"),
        "counts": ((1, 1, 1, 1), (1, 0, 1, 0)),
        "down": "true",
        "across": "the model's answer",
    }
    classes = figures.by_class(answers, right)
    assert classes["none"] == {"precision": 0.5, "recall": 0.5, "f1": 0.5, "support": 2}
    assert classes["answer"] == {"precision": 0.75, "recall": 0.75, "f1": 0.75, "support": 4}
    assert figures.by_class(answers[:4], right[:4]) == {}
    assert figures.outcomes(answers[:1], right[:1]).counts == ((1, 0, 0, 0),)


@pytest.mark.parametrize("field", ["question", "context"])
def test_an_empty_text_is_refused_before_rows_are_made(field):
    texts = {"question": ["who", "who"], "context": ["it was", "it was"], field: ["a", " \n"]}
    with pytest.raises(TokenizerError, match=rf"^{field}\[1\] is empty; give it some text$"):
        TASK.examples(**texts)


@pytest.mark.parametrize(
    "change", [{"stride": -1}, {"top_k": 0}, {"top_k": 21}, {"max_answer_length": 0}, {"max_length": 2}]
)
def test_settings_that_nobody_can_have(change):
    with pytest.raises(ConfigError, match=next(iter(change))):
        replace(SETTINGS, **change)
