"""Right answers of a Keras user: names, indices, lists of them, arrays of 0 and 1, numbers."""

import numpy as np
import pytest

from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks.batches import Lesson
from kerasbert.tasks.lessons import balanced, class_weights, lessons_of
from kerasbert.tasks.task import Example, Graph, Input, Output, Row
from kerasbert.tasks.truths import as_truth

LABELS = ("O", "B-PER", "I-PER")
OUTPUTS = {
    "choice": Output("logits", "row", "choice", 3),
    "choices": Output("logits", "row", "choices", 3),
    "number": Output("logits", "row", "number", 1),
    "tags": Output("logits", "token", "choice", 3),
}


@pytest.mark.parametrize(
    ("bar", "value", "truth"),
    [
        ("choice", "O", "O"),
        ("choice", b"O", "O"),
        ("choice", 2, "I-PER"),
        ("choice", np.int64(1), "B-PER"),
        ("choice", np.float32(1), "B-PER"),
        ("choice", np.array([2]), "I-PER"),
        ("choice", True, "B-PER"),
        ("choice", "odd", "odd"),  # the task's own truth refuses it
        ("choices", ["O", "I-PER"], ["O", "I-PER"]),
        ("choices", np.array([1, 0, 1]), ["O", "I-PER"]),
        ("choices", [0.0, 1.0, 0.0], ["B-PER"]),
        ("choices", [], []),
        ("choices", [b"O"], ["O"]),
        ("choices", "O|B-PER", "O|B-PER"),
        ("number", np.float32(0.5), 0.5),
        ("number", np.array([0.5]), 0.5),
        ("tags", ["O", "B-PER"], ["O", "B-PER"]),
        ("tags", np.array([0, 1, 2]), ["O", "B-PER", "I-PER"]),
        ("tags", [1], ["B-PER"]),
        ("tags", np.array([b"O", "I-PER"], object), ["O", "I-PER"]),
        ("tags", [{"start": 0, "end": 3, "label": "PER"}], [{"start": 0, "end": 3, "label": "PER"}]),
    ],
)
def test_a_right_answer_becomes_plain_python_with_names(bar, value, truth):
    found = as_truth(value, OUTPUTS[bar], LABELS, "y[0]")
    assert found == truth
    assert type(found) is type(truth)


@pytest.mark.parametrize(
    ("bar", "value", "message"),
    [
        ("choice", 3, r"^y\[0\]: 3 is not a label; give its name, or its index from 0 to 2$"),
        ("tags", [0, -1], r"^y\[0\]: -1 is not a label"),
        ("choices", [0, 2, 0], r"^y\[0\]: \[0, 2, 0\] is not a list of names, nor one 0 or 1 for each of 3 labels$"),
        ("choices", [0, 1], r"^y\[0\]: \[0, 1\] is not a list of names"),
        ("choices", 1, r"^y\[0\]: \[1\] is not a list of names"),
    ],
)
def test_a_number_that_stands_for_no_label_is_refused(bar, value, message):
    with pytest.raises(DataError, match=message):
        as_truth(value, OUTPUTS[bar], LABELS, "y[0]")


def test_without_labels_a_number_is_left_for_the_task_to_refuse():
    assert as_truth(0, Output("logits", "decoder_input_ids", "choice", 9), (), "y[0]") == 0


def lessons(output: Output, truth, class_weight=None, weight=None) -> Lesson:
    """The lesson of an example of three tokens under a task that learns indices, with weights 0, 1, 1 per token."""

    class Task:
        name, averages, group = "a-task", False, staticmethod(lambda rows: [[row] for row in rows])
        drawn, to_learn = False, staticmethod(lambda examples: examples)
        teaches = staticmethod(lambda example: example.truth is not None)
        rows = staticmethod(lambda tokenizer, example, settings: [Row(example, {"input_ids": [7, 8, 9]})])

        @staticmethod
        def targets(tokenizer, row, settings):
            weights = {"logits": np.float32([0, 1, 1])} if output.axis == "token" else {}
            return row.inputs, {"logits": np.int32(row.example.truth)}, weights

    class Settings:
        labels = LABELS

    example, graph = Example({}, truth, weight=weight), Graph("model", (Input("input_ids"),), (output,))
    return lessons_of(Task, None, [example], Settings, graph=graph, class_weight=class_weight)[0][0]


def test_weights_of_examples_and_of_labels_multiply_the_tasks_own():
    tags = OUTPUTS["tags"]
    assert lessons(tags, [0, 1, 2]).weights["logits"].tolist() == [0, 1, 1]
    assert lessons(tags, [0, 1, 2], weight=0.5).weights["logits"].tolist() == [0, 0.5, 0.5]
    assert lessons(tags, [0, 1, 2], {"B-PER": 4, 0: 9}, 0.5).weights["logits"].tolist() == [0, 2, 0.5]
    choice = OUTPUTS["choice"]
    assert lessons(choice, 1).weights == {}
    assert lessons(choice, 1, {1: 3}).weights == {"logits": 3}
    assert lessons(choice, None, {1: 3}).targets == {}  # without right answers there is nothing to weigh


def test_class_weights_are_by_index_or_name_and_1_elsewhere():
    graph = Graph("model", (Input("input_ids"),), (OUTPUTS["choice"],))
    assert class_weights({"I-PER": 2, np.int64(0): 0.5}, LABELS, graph).tolist() == [0.5, 1, 2]
    with pytest.raises(ConfigError, match=r"^class_weight: this model's answers are not one label each; use sample_we"):
        class_weights({0: 1}, LABELS, Graph("model", graph.inputs, (OUTPUTS["choices"],)))


def test_balanced_lessons_weigh_each_label_as_scikit_learn_does():
    """compute_class_weight("balanced", classes=[0, 2], y=[0, 0, 0, 2]) is [2/3, 2]."""
    graph = Graph("model", (Input("input_ids"),), (OUTPUTS["choice"],))
    groups = [[lessons(OUTPUTS["choice"], truth)] for truth in (0, 0, 0, 2)]
    found = [float(lesson.weights["logits"]) for (lesson,) in balanced(groups, LABELS, graph)]
    assert found == pytest.approx([2 / 3, 2 / 3, 2 / 3, 2])


def test_balanced_lessons_count_only_the_tokens_that_are_learned():
    """The first token of each lesson has the weight 0; of the others 3 are "O" and 1 is "I-PER"."""
    graph = Graph("model", (Input("input_ids"),), (OUTPUTS["tags"],))
    groups = [[lessons(OUTPUTS["tags"], truth)] for truth in ([2, 0, 0], [2, 0, 2])]
    (first,), (second,) = balanced(groups, LABELS, graph)
    np.testing.assert_allclose(first.weights["logits"], [0, 2 / 3, 2 / 3])
    np.testing.assert_allclose(second.weights["logits"], [0, 2 / 3, 2])


def test_only_one_label_each_can_be_balanced():
    graph = Graph("model", (Input("input_ids"),), (OUTPUTS["number"],))
    with pytest.raises(ConfigError, match=r"^class_weight: this model's answers are not one label each"):
        balanced([], LABELS, graph)
