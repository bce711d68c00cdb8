"""What every task has, whichever it is, and examples from values as a program has them."""

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from conftest import small_vocabulary

import kerasbert
from kerasbert.errors import ConfigError, TokenizerError
from kerasbert.models.opening import model_class
from kerasbert.schema import from_json
from kerasbert.tasks import NAMES, module_of, task_named
from kerasbert.tasks.fields import Field
from kerasbert.tasks.task import Example, Graph, Input, Output
from kerasbert.tokenizers import WordPieceTokenizer

HERE = Path(kerasbert.__file__).parent
REQUIRED = {
    "text-classification": {"labels": ("b", "a")},
    "token-classification": {"labels": ("O", "B-PER", "I-PER")},
    "question-answering": {"max_length": 48},  # a question has to leave some room
    "seq2seq": {"decoder_start_token_id": 2, "eos_token_id": 3},
}
"""Settings without a default, and of a length at which every golden example has rows."""
CASES = [
    *((name, REQUIRED.get(name, {})) for name in NAMES),
    ("text-classification", {"labels": ("b", "a", "c"), "problem_type": "multi_label_classification"}),
    ("text-classification", {"labels": ("stars",), "problem_type": "regression", "pooling": "mean"}),
    *(("token-classification", {"aggregation": each}) for each in ("none", "simple", "average", "max")),
    ("sentence-embedding", {"pooling": "cls"}),
    ("question-answering", {"handle_impossible_answer": True, "top_k": 3}),
    ("seq2seq", {"num_return_sequences": 3}),
]


@pytest.fixture(params=NAMES)
def task(request):
    return task_named(request.param)


def settings_of(task, **values):
    return task.Settings(**{"max_length": 17, **REQUIRED.get(task.name, {}), **values})


def test_a_task_is_one_file_and_one_model_file_of_the_same_name(task):
    for room in ("tasks", "models"):
        assert (HERE / room / f"{module_of(task.name)}.py").is_file()
    model = model_class(task.name)
    assert model.task is task
    assert model.__module__ == f"kerasbert.models.{module_of(task.name)}"
    assert model.__name__ in kerasbert.__all__
    assert getattr(kerasbert, model.__name__) is model


def test_a_task_says_what_people_read(task):
    words = task.words
    assert words.title
    assert words.verb
    assert words.gives
    assert bool(words.teaches) == (task.targets is not None) == bool(task.truths or task.drawn)
    assert not (task.truths and task.drawn)
    assert not task.headline or task.figures


def test_golden_examples_have_the_fields_of_the_task(task):
    required = {each.name for each in task.fields if each.required}
    known = {each.name for each in task.fields}
    assert len(task.golden) >= 10
    for example in task.golden:
        assert required <= example.fields.keys() <= known
        assert all(each.holds(example.fields[each.name]) for each in task.fields if each.name in example.fields)
    assert {name for example in task.golden for name in example.fields} == known


def test_a_field_holds_a_text_or_a_list_of_words():
    assert Field("text", (), option="text").holds("a b")
    assert not Field("text", (), option="text").holds(["a", "b"])
    words = Field("words", (), option="words", kind="words")
    assert [words.holds(value) for value in (["a", "b"], [], "a b", ["a", 1], None)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    with pytest.raises(
        ValueError,
        match=r"^field 'words' is of the kind 'word': use text, words, text or words, texts, text or "
        r"texts, number$",
    ):
        Field("words", (), option="words", kind="word")


def test_options_of_fields_differ_and_so_do_columns(task):
    assert len({each.option for each in task.fields}) == len(task.fields)
    columns = [name for each in task.fields for name in each.columns] + list(task.truths)
    assert len(set(columns)) == len(columns)


@pytest.mark.parametrize(("name", "values"), CASES)
def test_settings_survive_json(name, values):
    task = task_named(name)
    settings = settings_of(task, **values)
    written = json.loads(json.dumps(dataclasses.asdict(settings)))
    assert from_json(task.Settings, written, "settings") == settings
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.max_length = 3
    with pytest.raises(ConfigError, match=r"^max_length is 2: use 3 or more$"):
        task.Settings(**{**dataclasses.asdict(settings), "max_length": 2})


def numbers(draw, output, row):
    shape = dataclasses.replace(output, width=output.width or 6).shape(len(row))
    return draw.normal(size=shape).astype("float32")


LISTS = {
    "sequences": lambda draw: list(draw.integers(0, 9, (3, 4), "int32")),
    "scores": lambda draw: draw.normal(size=3),
}


@pytest.mark.parametrize(("name", "values"), CASES)
def test_an_answer_is_plain_json_and_the_same_as_itself(name, values):
    task = task_named(name)
    settings = settings_of(task, **values)
    draw = np.random.default_rng(0)
    tokenizer = WordPieceTokenizer(small_vocabulary())
    for example in task.golden:
        rows = task.rows(tokenizer, example, settings)
        outputs = {
            output.name: [
                LISTS[output.name](draw) if output.axis == "list" else numbers(draw, output, row) for row in rows
            ]
            for output in task.outputs_of(task.graphs(settings))
        }
        answer = task.decode(example, rows, outputs, settings)
        assert json.loads(json.dumps(answer)) == answer
        assert task.same(answer, answer, settings) is True


@pytest.mark.parametrize("name", ["sentence-embedding", "feature-extraction"])
def test_vectors_are_the_same_if_they_point_the_same_way(name):
    task = task_named(name)
    settings = settings_of(task)
    draw = np.random.default_rng(1)

    def answer(vectors):
        if name == "sentence-embedding":
            return {"embedding": vectors[0].tolist()}
        return {"sequence_output": vectors.tolist(), "pooled_output": vectors[0].tolist()}

    vectors = draw.normal(size=(9, 400))
    assert task.same(answer(vectors), answer(7 * vectors), settings)
    assert task.same(answer(vectors), answer(vectors + 0.1 * draw.normal(size=vectors.shape)), settings)  # cosine 0.995
    assert not task.same(answer(vectors), answer(vectors + 0.5 * draw.normal(size=vectors.shape)), settings)  # 0.89
    assert not task.same(answer(vectors), answer(-vectors), settings)
    assert not task.same(answer(vectors), answer(vectors * np.nan), settings)


def test_features_of_another_number_of_tokens_are_not_the_same():
    task = task_named("feature-extraction")
    vectors = np.ones((9, 4))
    for other in (np.ones((8, 4)), np.ones((9, 5))):
        a, b = ({"sequence_output": each.tolist()} for each in (vectors, other))
        assert not task.same(a, b, settings_of(task))


@pytest.mark.parametrize("name", ["text_classification", "text-classifier", "encoder", "", "../errors", "task"])
def test_a_wrong_name_is_one_line_with_those_there_are(name):
    for function in (task_named, module_of, model_class):
        with pytest.raises(ConfigError) as caught:
            function(name)
        assert str(caught.value) == f"no task {name!r}: use one of {', '.join(NAMES)}"


@pytest.mark.parametrize(
    ("inputs", "outputs"),
    [((), ("a",)), (("a",), ()), (("a", "a"), ("b",)), (("a",), ("b", "b"))],
)
def test_a_graph_needs_inputs_and_outputs_with_names_of_their_own(inputs, outputs):
    with pytest.raises(ValueError, match=r"^graph 'model' has the inputs or outputs \[.*\]: each needs a name of its"):
        Graph("model", tuple(map(Input, inputs)), tuple(Output(name, "row", "vector") for name in outputs))


# Values as a program has them.

TEXT = task_named("text-classification")


@pytest.mark.parametrize(
    ("columns", "named", "fields"),
    [
        (("ab",), {}, [{"text": "ab"}]),
        ((["a", "b"],), {}, [{"text": "a"}, {"text": "b"}]),
        ((("a", "b"),), {}, [{"text": "a"}, {"text": "b"}]),
        ((iter(["a"]), iter(["b"])), {}, [{"text": "a", "text_pair": "b"}]),
        (("a", "b"), {}, [{"text": "a", "text_pair": "b"}]),
        (([("a", "b"), ("c", "d")],), {}, [{"text": "a", "text_pair": "b"}, {"text": "c", "text_pair": "d"}]),
        ((["a"], None), {}, [{"text": "a"}]),
        ((["a"],), {"text_pair": ["b"]}, [{"text": "a", "text_pair": "b"}]),
        ((), {"text": "a"}, [{"text": "a"}]),
        (([],), {}, []),
        (([], []), {}, []),
    ],
)
def test_columns_become_examples(columns, named, fields):
    examples = TEXT.examples(*columns, **named)
    assert [each.fields for each in examples] == fields
    several = [f"text[{index}]" for index in range(len(fields))]
    assert [each.place for each in examples] == (several if len(fields) > 1 else ["an example"] * len(fields))


@pytest.mark.parametrize(
    ("columns", "named", "message"),
    [
        ((["a"] * 3, ["b"]), {}, r"^text-classification: 3 in text, 1 in text_pair; each example needs one value of"),
        (("a", "b", "c"), {}, r"^text-classification takes text, text_pair, not 3 columns$"),
        (("a",), {"question": "b"}, r"^text-classification takes text, text_pair, not 'question'$"),
        ((), {"text_pair": "b"}, r"^text-classification needs text$"),
        ((), {}, r"^text-classification needs text$"),
        ((None,), {}, r"^text-classification needs text$"),
        ((3,), {}, r"^text is 3 \(int\), not a string or a list of strings$"),
        (([("a", "b"), ("c",)],), {}, r"^text-classification: rows of 1 and of 2 values; each example needs"),
        (([(), ()],), {}, r"^text-classification: rows of 0 values; each example needs one value of each$"),
        ((["a", 3],), {}, r"^text\[1\] is 3 \(int\), not a string$"),
        (("a",), {"text_pair": [None]}, r"^text_pair\[0\] is None \(NoneType\), not a string$"),
        (([("a", "b"), ("c", 1.5)],), {}, r"^text_pair\[1\] is 1.5 \(float\), not a string$"),
        ((["a"],), {"text": ["b"]}, r"^text-classification: text is given twice$"),
    ],
)
def test_columns_that_do_not_fit_are_named(columns, named, message):
    with pytest.raises(TokenizerError, match=message):
        TEXT.examples(*columns, **named)


def test_the_place_of_an_example_is_its_file_and_line():
    assert Example({}, None, 3, "a.csv").place == "a.csv, line 3"
    assert Example({}, None, 0, "a.csv").place == "a.csv"
    assert Example({}).place == "an example"
