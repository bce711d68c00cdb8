"""What a folder of each head class of transformers is taken for: by inspect, predict, export and fine-tuning."""

import csv
import json
import logging
import os
import subprocess
import sys

import pytest
from checkpoints.head_classes import BERT, LAYOUTS, NAMES, make_folder, task_of

from kerasbert import BertEncoder, FeatureExtractor, MaskFiller, SentenceEncoder, TextClassifier
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.models.opening import model_class, open_model
from kerasbert.runs.describe import describe
from kerasbert.tasks import NAMES as TASKS
from kerasbert.tasks import task_named

HEADS = {
    "encoder": ["pooler"],
    "pre-training": ["pooler", "mlm", "nsp"],
    "fill-mask": ["mlm"],
    "text-generation": ["mlm"],
    "next-sentence": ["pooler", "nsp"],
    "text-classification": ["pooler", "classifier"],
    "token-classification": ["classifier"],
    "question-answering": ["qa_outputs"],
    "multiple-choice": ["pooler", "classifier"],
}
ANSWERED = {
    "text-classification": lambda answer: answer["label"] in ("LABEL_0", "LABEL_1"),
    "token-classification": lambda answer: (
        {
            (
                each["entity_group"] in ("LABEL_0", "LABEL_1"),
                each["word"] == answer["text"][each["start"] : each["end"]],
            )
            for each in answer["answers"]
        }
        == {(True, True)}
    ),
    "question-answering": lambda answer: answer["answer"] in ("a", "b", "a b"),
    "next-sentence": lambda answer: answer["label"] in ("is_next", "not_next"),
    "multiple-choice": lambda answer: answer["text"] == ("a b", "c")[answer["choice"]],
    "fill-mask": lambda answer: len(answer["answers"]) == 5,
}
"""Task -> whether an answer to "a text", with "a b" in other fields and the choice "c" too, has the task's form."""
ANSWERED_BY = {"pre-training": "fill-mask"}
"""What a folder holds -> the task that it answers, where that is another."""
NOT_TOLD_APART = {"text-generation": "fill-mask", "multiple-choice": "text-classification"}
"""Heads whose tensors are those of another task."""


def test_all_nine_classes_are_recorded():
    assert {task_of(name) for name in BERT} == set(HEADS)
    assert [sum(name.startswith(family) for name in NAMES) for family in ("Bert", "Roberta", "DistilBert")] == [9, 7, 6]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_inspect_names_the_class_the_task_and_the_heads(name, layout, tmp_path):
    facts = describe(make_folder(tmp_path / "model", name, layout=layout))
    assert (facts["kind"], facts["architecture"], facts["task"]) == ("model", name, task_of(name))
    if name in BERT:
        assert facts["heads of tasks"] == HEADS[task_of(name)]
    assert ("labels" in facts) == (task_of(name) in ("text-classification", "token-classification"))
    assert facts["layers"] == 1


@pytest.mark.parametrize("name", NAMES)
def test_without_architectures_the_tensors_tell(name, tmp_path):
    folder = make_folder(tmp_path / "model", name, config={"architectures": None})
    task = task_of(name)
    if task != "multiple-choice" or not name.startswith("Roberta"):
        task = NOT_TOLD_APART.get(task, task)
    assert open_checkpoint(folder).task == task


def test_our_own_section_tells_what_the_encoders_class_leaves_open(tmp_path):
    config = {"kerasbert": {"task": "sentence-embedding"}}
    folder = make_folder(tmp_path / "model", "BertModel", config=config)
    assert describe(folder)["task"] == "sentence-embedding"
    assert type(open_model(folder)) is SentenceEncoder


@pytest.mark.parametrize("task", ["sentence-embedding", "text-classification", "feature-extraction"])
def test_our_section_does_not_count_where_another_tool_trained_another_head(task, tmp_path):
    config = {"kerasbert": {"task": task, "pooling": "mean"}}
    folder = make_folder(tmp_path / "model", "BertForPreTraining", config=config)
    assert describe(folder)["task"] == "pre-training"
    assert type(open_model(folder)) is MaskFiller


def test_a_section_of_an_unknown_task_is_an_error_that_names_it(tmp_path):
    folder = make_folder(
        tmp_path / "model", "BertForSequenceClassification", config={"kerasbert": {"task": "text_classifier"}}
    )
    with pytest.raises(CheckpointError, match="holds text_classifier"):
        open_model(folder)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({"max_length": "128"}, r"kerasbert.max_length is '128', not a whole number"),
        ({"max_length": 12.5}, r"kerasbert.max_length is 12.5, not a whole number"),
        ({"poling": "mean"}, r"unknown key 'kerasbert.poling'"),
    ],
)
def test_a_section_is_checked(section, said, tmp_path):
    config = {"kerasbert": {"task": "text-classification", **section}}
    folder = make_folder(tmp_path / "model", "BertForSequenceClassification", config=config)
    with pytest.raises(ConfigError, match=said):
        open_model(folder)


def test_inspect_describes_a_decoder_that_cannot_be_built(tmp_path):
    config = {"is_decoder": True}
    folder = make_folder(tmp_path / "model", "BertLMHeadModel", config=config)
    facts = describe(folder)
    assert facts["task"] == "text-generation"
    assert "is_decoder is True" in facts["cannot be opened"]
    with pytest.raises(CheckpointError, match="holds text-generation"):
        open_model(folder)
    with pytest.raises(ConfigError, match="is_decoder is True"):
        TextClassifier.from_pretrained(folder, labels=["a", "b"])


@pytest.mark.parametrize(
    ("architectures", "said"),
    [
        (["BertForSarcasm"], r"holds a head that kerasbert does not know \(BertForSarcasm\)"),
        ("BertModel", "architectures is 'BertModel': use "),
        ([7], r"architectures is \[7\]: use "),
    ],
)
def test_a_class_that_is_not_in_the_table_is_named(architectures, said, tmp_path):
    config = {"architectures": architectures}
    folder = make_folder(tmp_path / "model", "BertForSequenceClassification", config=config)
    with pytest.raises((CheckpointError, ConfigError), match=said):
        open_model(folder)


@pytest.mark.parametrize("section", [[], "text-classification", 7])
def test_a_section_of_another_form_is_named_or_empty(section, tmp_path):
    folder = make_folder(tmp_path / "model", "BertForSequenceClassification", config={"kerasbert": section})
    if not section:
        assert open_checkpoint(folder).task == "text-classification"
    else:
        with pytest.raises(ConfigError, match=r"kerasbert is .*: use "):
            open_model(folder)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", NAMES)
def test_a_folder_opens_as_its_task_or_names_it(name, layout, tmp_path):
    folder, task = make_folder(tmp_path / "model", name, layout=layout), task_of(name)
    task = ANSWERED_BY.get(task, task)
    if task in TASKS:
        assert type(open_model(folder)) is model_class(task)
        return
    held = "an encoder" if task == "encoder" else task
    with pytest.raises(CheckpointError, match=rf"model: holds {held} \({name}\), which kerasbert cannot answer with"):
        open_model(folder)
    with pytest.raises(CheckpointError, match="has no classifier"):
        TextClassifier.from_pretrained(folder)


@pytest.mark.parametrize("name", NAMES)
def test_fine_tuning_takes_the_encoder_and_says_which_head_it_leaves(name, tmp_path, caplog):
    folder = make_folder(tmp_path / "model", name)
    # The labels of a token classifier are no labels of texts, even where they are the same words.
    with caplog.at_level(logging.INFO, "kerasbert"):
        model = TextClassifier.from_pretrained(folder, labels=["LABEL_1", "LABEL_0"])
    (line,) = [record.getMessage() for record in caplog.records]
    assert "new, not from the checkpoint: classifier" in line
    unused = set(open_checkpoint(folder).heads) - ({"pooler"} if name in BERT else set())
    assert not unused or (f"({name})" in line and all(head in line.split("left unused: ")[1] for head in unused))
    if name in BERT:
        assert ("classifier, pooler" in line) == ("pooler" not in HEADS[task_of(name)])
    encoder = BertEncoder.from_pretrained(folder)
    for block, same in zip(model.encoder.blocks, encoder.blocks, strict=True):
        assert (block.get_weights()[0] == same.get_weights()[0]).all()


def test_labels_of_a_token_classifier_do_not_make_its_head_one_for_texts(tmp_path, caplog):
    folder = make_folder(tmp_path / "model", "BertForTokenClassification")
    with caplog.at_level(logging.WARNING, "kerasbert"):
        TextClassifier.from_pretrained(folder, labels=["LABEL_0", "LABEL_1"])
    assert "left unused: classifier of token-classification (BertForTokenClassification)" in caplog.text


@pytest.mark.parametrize("name", NAMES)
def test_the_encoder_of_any_folder_can_be_asked_for_by_name(name, tmp_path):
    folder = make_folder(tmp_path / "model", name)
    assert type(open_model(folder, task="sentence-embedding")) is SentenceEncoder
    features = open_model(folder, task="feature-extraction")
    assert type(features) is FeatureExtractor
    assert ("pooled_output" in features.output) == open_checkpoint(folder).has("pooler")


@pytest.mark.parametrize("name", BERT)
def test_the_command_line_answers_or_names_the_task_in_one_line(name, run, tmp_path):
    folder, task = make_folder(tmp_path / "model", name), task_of(name)
    inspected = json.loads(run("inspect", folder, "--json").stdout)
    assert (inspected["task"], inspected["architecture"]) == (task, name)
    task = ANSWERED_BY.get(task, task)
    others = [field for field in task_named(task).fields[1:] if field.required] if task in TASKS else []
    values = [(field.option, text) for field in others for text in ("a b", "c")[: 1 + (field.kind == "texts")]]
    text = task_named(task).pose("a text") if task in TASKS else "a text"
    predicted = run("predict", folder, text, *(word for name, value in values for word in (f"--{name}", value)))
    if task in TASKS:
        assert predicted.exit_code == 0
        answer = json.loads(predicted.stdout)
        assert ANSWERED[task](answer)
        return
    for result in (predicted, run("export", folder, "--out", "out")):
        assert (result.exit_code, result.stdout) == (1, "")
        (line,) = result.stderr.strip().splitlines()
        assert line.startswith(f"Error: {folder}: holds ")
        assert f"({name})" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model"]


def test_a_token_classifier_is_fine_tuned_into_a_text_classifier(run, tmp_path):
    folder = make_folder(tmp_path / "model", "BertForTokenClassification", layout="2018")
    with open(tmp_path / "train.csv", "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([("text", "label"), *[("a good film", "yes"), ("a bad film", "no")] * 4])
    result = run(
        "finetune",
        "text-classification",
        "--train",
        tmp_path / "train.csv",
        "--checkpoint",
        folder,
        "--epochs",
        1,
        "--out",
        "out",
    )
    assert result.exit_code == 0, result.stderr
    assert "left unused: classifier of token-classification (BertForTokenClassification)" in result.stderr
    assert json.loads(run("predict", "out", "a good film").stdout)["label"] in ("yes", "no")


def test_inspect_needs_no_tensorflow(tmp_path):
    folder = make_folder(tmp_path / "model", "BertForQuestionAnswering")
    code = "import sys; from kerasbert.runs.describe import describe; describe(sys.argv[1]); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, env=os.environ)
    assert done.returncode == 0, done.stderr
    assert not {"tensorflow", "keras"} & set(done.stdout.split())
