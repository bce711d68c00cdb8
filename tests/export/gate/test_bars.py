"""The bars of the gate, just inside and just outside of each."""

from types import SimpleNamespace

import numpy as np
import pytest

from kerasbert.decoding.labels import _LOGITS, SCORES
from kerasbert.export.formats import scores as exported
from kerasbert.export.gate.bars import (
    _CHANGED,
    _MARGINS,
    AGREEMENT,
    DROP,
    HESITATES,
    ROUGH,
    ROUGH_DROP,
    SURE,
    TIES,
    TOLERANCE,
    decide_answers,
    decide_figure,
    decide_vectors,
    judge_numbers,
    largest_difference,
    with_excused_labels,
)
from kerasbert.export.gate.subject import Subject
from kerasbert.export.variants import VARIANTS
from kerasbert.runtime.manifest import BARS
from kerasbert.tasks import task_named
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.task import MODEL_INPUTS, Graph, Output

PRECISIONS = sorted({variant.precision for variant in VARIANTS.values()})


def with_margin(margin: float, *, label: int = 1) -> list[float]:
    """Two logits whose probabilities are `margin` apart, in favour of `label`."""
    gap = float(np.log((1 + margin) / (1 - margin)))
    return [0.0, gap] if label else [gap, 0.0]


LABELS = {"choice": lambda x: np.argmax(x, -1), "choices": lambda x: np.asarray(x) > 0}
"""What an answer is made of; other numbers are answers themselves."""


def subject_of(bars, axis: str = "row", precision: str = "int8") -> Subject:
    """A file whose outputs are of these kinds, and whose answers are made of all labels."""
    names = {f"output {index}": bar for index, bar in enumerate(bars)}
    graph = Graph("model", MODEL_INPUTS, tuple(Output(name, axis, bar, 2) for name, bar in names.items()))
    task = SimpleNamespace(
        decode=lambda example, rows, found, settings: [
            LABELS.get(bar, np.asarray)(found[name][0]).tolist() for name, bar in names.items()
        ],
        same=lambda a, b, settings: a == b,
        probability=None,
    )
    manifest = SimpleNamespace(files={"onnx-int8": SimpleNamespace(precision=precision)})
    pipeline = SimpleNamespace(graphs=lambda: (graph,), manifest=manifest, task=task, settings=None)
    opened = SimpleNamespace(name="onnx-int8", pipeline=pipeline)
    return Subject(opened=opened, recorded=[], data=[], reference=None, max_drop=None)


def outputs_of(numbers) -> dict:
    return {f"output {index}": [np.array(each)] for index, each in enumerate(numbers)}


def hesitates(outputs, precision: str = "int8") -> bool:
    """Whether a file's answer may differ: for each output the numbers of the file, those of Keras, and their kind."""
    ours, theirs, bars = zip(*outputs, strict=True)
    found = Answered(example=None, rows=[], outputs=outputs_of(ours))
    return subject_of(bars, precision=precision).hesitates(found, outputs_of(theirs))


# Numbers.


@pytest.mark.parametrize("bar", BARS)
def test_float32_numbers_may_differ_by_the_tolerance_and_no_more(bar):
    expected = np.zeros((3, 2))
    for off, passes in ((0.99 * TOLERANCE, True), (1.01 * TOLERANCE, False)):
        actual = expected.copy()
        actual[2, -1] -= off
        failures = judge_numbers(actual, expected, bar, "float32")
        assert (not failures) == passes
        assert judge_numbers(actual, expected, bar, "int8") == []
    assert failures == ["outputs differ by 0.0001, 0.0001 allowed"]


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("bar", BARS)
@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_what_is_no_number_never_passes(wrong, bar, precision):
    good = np.zeros((200, 2), "float32")
    bad = good.copy()
    bad[0, 0] = wrong
    for actual, expected, message in (
        (bad, good, "its outputs are not all finite"),
        (good, bad, "Keras's own outputs are not all finite"),
        (bad, bad, "Keras's own outputs are not all finite"),
    ):
        assert judge_numbers(actual, expected, bar, precision) == [message]


def test_numbers_of_another_shape_never_pass():
    """NumPy would stretch (3, 1) to (3, 2), and nothing is equal to nothing."""
    for actual, expected in (((3, 1), (3, 2)), ((2, 2), (3, 2)), ((0, 2), (0, 2))):
        for precision in PRECISIONS:
            failures = judge_numbers(np.zeros(actual), np.zeros(expected), "choice", precision)
            assert failures == [f"its outputs are of shape {actual}, Keras's of {expected}"]


def test_the_scores_of_a_file_that_ends_in_scores_are_compared():
    normal = np.random.default_rng(0).normal(size=(20, 3))
    for bar, moved in (("choice", normal + 5), ("choices", normal + 1e-5), ("number", normal + 1e-5)):
        assert judge_numbers(moved, normal, bar, "float32", scores=True) == []
        assert judge_numbers(moved * 1.01, normal, bar, "float32", scores=True)
    assert judge_numbers(normal + 5, normal, "choice", "float32")  # as logits they differ
    assert largest_difference(normal + 5, normal, "choice") == pytest.approx(5)
    assert largest_difference(normal + 5, normal, "choice", scores=True) < 1e-9
    assert largest_difference(normal + 5, normal, "vector", scores=True) == pytest.approx(5)  # vectors have no scores


def test_every_table_of_kinds_of_numbers_has_the_manifests_kinds():
    """Vectors have no scores, and only labels can be unclear."""
    scored = tuple(bar for bar in BARS if bar != "vector")
    assert (*SCORES,) == (*exported.SCORES,) == (*_LOGITS,) == scored
    assert _MARGINS.keys() == _CHANGED.keys() == {"choice", "choices"} < set(BARS)
    numbers = np.array([[-2.0, 0.5, 3.0]], "float32")
    for bar in scored:
        np.testing.assert_allclose(exported.SCORES[bar](numbers), SCORES[bar](numbers), atol=1e-6)


# Answers.


@pytest.mark.parametrize("precision", PRECISIONS)
def test_as_many_answers_agree_as_the_precision_demands(precision):
    wanted = 1.0 if precision == "float32" else ROUGH.get(precision, AGREEMENT)
    misses = round(100 * (1 - wanted))
    assert decide_answers([False] * misses + [True] * (100 - misses), precision).passed
    failed = decide_answers([False] * (misses + 1) + [True] * (99 - misses), precision)
    agree = "agree" if precision == "float32" else "agree or are unclear"
    assert not failed.passed
    assert failed.figure == f"{99 - misses}.00% of answers {agree}, {wanted:.0%} wanted"


def test_one_of_the_golden_answers_is_enough_to_fail():
    said = decide_answers([True] * 20 + [False], "int8", what="labels of tokens")
    assert (said.value, said.bound, said.passed) == (20 / 21, 0.99, False)
    assert said.figure == "95.24% of labels of tokens agree or are unclear, 99% wanted"


@pytest.mark.parametrize(
    ("keras", "file", "passes"),
    [
        (0.99 * HESITATES, 0.99 * HESITATES, True),
        (0.99 * HESITATES, 0.99 * SURE, True),
        (0.99 * HESITATES, 1.01 * SURE, False),
        (1.01 * HESITATES, 0.01, False),
    ],
)
@pytest.mark.parametrize("bar", ["choice", "choices"])
def test_another_label_is_excused_only_where_keras_hesitates_and_the_file_too(keras, file, passes, bar):
    expected, actual = with_margin(keras, label=1), with_margin(file, label=0)
    if bar == "choices":  # one label, whose logit is the gap between the two
        expected, actual = [expected[1] - expected[0]], [actual[1] - actual[0]]
    assert hesitates([(actual, expected, bar)]) == passes


@pytest.mark.parametrize(("keras", "file", "passes"), [(0.99, 0.99, True), (0.99, 1.01, False), (1.01, 0.99, False)])
def test_of_a_float32_file_only_a_tie_is_excused(keras, file, passes):
    numbers = with_margin(file * TIES, label=0), with_margin(keras * TIES)
    assert hesitates([(*numbers, "choice")], "float32") == passes


def test_every_label_that_changed_needs_an_excuse():
    near, far = 0.05, 5.0
    assert hesitates([([-near, far], [near, far], "choices")])
    assert not hesitates([([-near, -far], [near, far], "choices")])  # one of the two has none
    undecided = with_margin(0.05, label=0), with_margin(0.05)
    tags = [undecided[0], [0, 9]], [undecided[1], [0, 9]]  # one row per token
    assert hesitates([(*tags, "choice")])
    assert not hesitates([([undecided[0], [9, 0]], tags[1], "choice")])


@pytest.mark.parametrize("logits", [with_margin(0.05), [0.0, 9.0]])
def test_the_same_label_excuses_no_other_answer(logits):
    """The numbers agree, so hesitation is not why the answers differ."""
    assert not hesitates([(logits, logits, "choice")])
    assert not hesitates([([logits[1]], [logits[1]], "choices")])


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_numbers_of_another_shape_excuse_nothing(precision):
    assert not hesitates([([1.0, 1.0, 1.0], [0.0, 0.0], "choice")], precision)


@pytest.mark.parametrize("bar", ["number", "vector"])
def test_numbers_and_vectors_do_not_hesitate(bar):
    assert not hesitates([([0.0], [0.01], bar)])
    undecided = (with_margin(0.05, label=0), with_margin(0.05), "choice")
    assert not hesitates([undecided, ([0.0], [0.01], bar)])


@pytest.mark.parametrize("precision", ["float32", "int8"])
@pytest.mark.parametrize(
    ("starts", "ends", "passes"),
    [
        ((with_margin(0.05, label=0), with_margin(0.05)), ([0, 9], [0, 9]), True),
        ((with_margin(0.05, label=0), with_margin(0.05)), ([9, 0], [0, 9]), False),
        (([0, 9], [0, 9]), ([9, 0], [0, 9]), False),
    ],
)
def test_every_output_that_changed_needs_an_excuse(starts, ends, passes, precision):
    """An answer made of two outputs, such as the first and the last token of a span."""
    assert hesitates([(*starts, "choice"), (*ends, "choice")], precision) == (passes and precision != "float32")


def test_a_token_that_no_answer_is_made_of_needs_no_excuse(monkeypatch):
    """The first token is undecided and the second is not, but answers are made of the first."""
    ours, theirs = [with_margin(0.05, label=0), [9, 0]], [with_margin(0.05), [0, 9]]
    assert not hesitates([(ours, theirs, "choice")])
    monkeypatch.setitem(LABELS, "choice", lambda x: np.argmax(x[0], -1))
    assert hesitates([(ours, theirs, "choice")])
    mixed = with_excused_labels(ours, theirs, "choice", "int8")
    assert mixed.tolist() == [ours[0], theirs[1]]


def test_of_tags_each_token_counts_unless_keras_s_numbers_do_not_give_the_recorded_answer():
    theirs = [[0, 9], with_margin(0.05), [9, 0], [0, 9]]
    ours = [[0, 9], with_margin(0.05, label=0), [0, 9], [0, 9]]
    subject, found = subject_of(["choice"], "token"), Answered(example=None, rows=[], outputs=outputs_of([ours]))
    assert subject.tags
    assert not subject_of(["choice"]).tags
    assert not subject_of(["vector"], "token").tags
    labels = np.argmax(theirs, -1).tolist()
    assert subject.kept(found, outputs_of([theirs]), [labels]) == [True, True, False, True]
    exchanged = [[1 - label for label in labels]]
    assert subject.kept(found, outputs_of([theirs]), exchanged) == [False] * 4


# Figures.


@pytest.mark.parametrize("precision", PRECISIONS)
def test_a_figure_may_fall_as_far_as_the_precision_allows(precision):
    """0.8 - 0.795 is a little more than 0.005 in floating point."""
    drop = ROUGH_DROP.get(precision, DROP)
    assert decide_figure(0.8, 0.8 - drop, precision, None, "accuracy").passed
    assert decide_figure(0.8, 0.9, precision, None, "accuracy").passed
    failed = decide_figure(0.8, 0.8 - drop - 0.001, precision, None, "accuracy")
    assert not failed.passed
    said = f"accuracy on the data falls by {100 * drop + 0.1:.2f} points, a fall of {100 * drop:g} allowed"
    assert failed.figure == said


def test_the_user_may_allow_more_or_less():
    assert decide_figure(0.8, 0.78, "int8", 0.02, "f1").passed
    failed = decide_figure(0.8, 0.799, "int4", 0.0, "f1")
    assert (failed.figure, failed.passed) == ("f1 on the data falls by 0.10 points, a fall of 0 allowed", False)
    better = decide_figure(0.8, 0.81, "int8", 0.02, "f1")
    assert (better.figure, better.value) == ("f1 on the data rises by 1.00 points, a fall of 2 allowed", -0.01)


@pytest.mark.parametrize(("before", "after"), [(None, None), (0.8, None), (None, 0.8)])
def test_a_task_without_that_figure_is_not_decided_by_it(before, after):
    assert decide_figure(before, after, "int8", None, "accuracy") is None


# Answers of several labels agree where the sets of labels are equal: that is the task's own word.


def test_several_labels_agree_as_sets():
    task = task_named("text-classification")
    settings = task.Settings(labels=("a", "b", "c"), problem_type="multi_label_classification", max_length=8)
    a, b = {"label": "a", "score": 0.9}, {"label": "b", "score": 0.6}
    assert task.same([a, b], [{**b, "score": 0.9}, a], settings)
    assert task.same([], [], settings)
    assert not task.same([a], [a, b], settings)
    assert not task.same([a], [b], settings)
    assert not task.same([a], [], settings)


# Vectors of texts.


@pytest.mark.parametrize(
    ("cosines", "precision", "passed"),
    [
        ((1.0, 0.98), "int8", True),
        ((1.0, 0.979), "int8", False),
        ((1.0, 0.979), "float16", False),
        ((0.96, 0.94), "int4", True),
        ((0.96, 0.93), "int4", False),
        ((0.9, 0.9), "full-int8", True),
        ((0.9, 0.89), "full-int8", False),
    ],
)
def test_the_mean_cosine_decides_on_a_sentence_encoder(cosines, precision, passed):
    decision = decide_vectors(cosines, precision)
    assert (decision.passed, decision.value) == (passed, pytest.approx(sum(cosines) / 2))
    said = f"cosines with Keras's vectors are {decision.value:.4f} in the mean, {decision.bound:g} wanted, and "
    assert decision.figure == f"{said}{min(cosines):.4f} at least"


@pytest.mark.parametrize(
    ("bars", "axis", "embeds"), [(["vector"], "row", True), (["vector"], "token", False), (["number"], "row", False)]
)
def test_one_vector_for_a_text_is_an_embedding(bars, axis, embeds):
    assert subject_of(bars, axis).embeds == embeds
