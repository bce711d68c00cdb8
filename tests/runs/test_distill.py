"""From a teacher and texts to a student: what is answered once, what is learned of it, and what goes on."""

import json
import logging
import signal
from dataclasses import replace
from itertools import pairwise
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import opinions, tagged, write_conll, write_csv
from runs.short_runs import lines, weights

import kerasbert as kb
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.config import EncoderDecoderConfig
from kerasbert.errors import ConfigError, KerasBertError
from kerasbert.examples.readers import read_examples
from kerasbert.models.opening import open_model
from kerasbert.models.students import student_of
from kerasbert.runs import soft_labels, trials
from kerasbert.runs.begun import Stopped
from kerasbert.runs.distill import DistillOptions, distill, teaching_of
from kerasbert.runs.finetune import finetune, job_of
from kerasbert.runs.journal import read_csv
from kerasbert.runs.soft_labels import SoftLabels, outputs_of
from kerasbert.runs.static import StaticOptions, make_static
from kerasbert.tasks import task_named
from kerasbert.tasks.task import Example

RECIPE = {"epochs": 4, "batch_size": 20, "learning_rate": 5e-3, "layers": 1}


def test_a_student_learns_from_texts_without_labels(tiny_classifier, opinion_file, tmp_path, caplog):
    """It is one block, it sees no right answer, and it says what the teacher says."""
    texts = lines(tmp_path / "texts.txt", [text for text, _ in opinions(200)])
    with caplog.at_level(logging.INFO, logger="kerasbert"):
        figures = distill(
            tiny_classifier, None, tmp_path / "out", **RECIPE, unlabelled=texts, dev=opinion_file, alpha=1.0
        )
    assert "the student begins as the teacher's block 0 of 2, counted from 0" in caplog.text
    assert figures["val_accuracy"] == 1.0
    student = open_model(tmp_path / "out")
    assert (student.labels, student.config.num_hidden_layers) == (("negative", "positive"), 1)
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert report["teacher"]["blocks"] == [0]
    assert report["teacher"]["alpha"] == 1.0


def test_report_and_card_tell_apart_what_was_given_and_made(tiny_classifier, tmp_path, caplog):
    """Each kind of example has its number and its file, and the card names the teacher."""
    train = write_csv(tmp_path / "train.csv", opinions(6))
    texts = lines(tmp_path / "texts.txt", ["the film was lovely today", "a very good film it was", " "])
    with caplog.at_level(logging.INFO, logger="kerasbert"):
        distill(tiny_classifier, train, tmp_path / "out", layers=1, epochs=1, augment=2, unlabelled=texts)
    data = json.loads((tmp_path / "out" / "report.json").read_text())["data"]
    made = data["made_rows"]
    assert 8 < made <= 16
    assert {name: value for name, value in data.items() if "sha256" not in name} == {
        "train": str(train), "unlabelled": str(texts), "rows": 6, "unlabelled_rows": 2, "made_rows": made
    }  # fmt: skip
    assert f"{train}: 6 examples, {texts}: 2 unlabelled texts, {made} made texts, labels negative" in caplog.text
    card = (tmp_path / "out" / "README.md").read_text()
    for row in ("train | train.csv", "unlabelled | texts.txt", "made_rows | ", "alpha | 0.5", "augment | 2"):
        assert f"| {row}" in card
    assert f"## Teacher\n\n| | |\n|---|---|\n| folder | {tiny_classifier.name} |" in card
    assert "dev_" not in card


def test_a_second_run_asks_the_teacher_nothing_and_a_changed_file_only_what_changed(
    tiny_classifier, tmp_path, answered
):
    rows = opinions(30)
    quick = {**RECIPE, "epochs": 1}
    different = len({text for text, _ in rows})
    distill(tiny_classifier, write_csv(tmp_path / "a.csv", rows), tmp_path / "a", **quick)
    assert len(answered) == different
    changed = [*rows[:-1], ("the film was new", "positive")]
    distill(tiny_classifier, write_csv(tmp_path / "b.csv", changed), tmp_path / "b", **quick)
    assert [each.fields["text"] for each in answered[different:]] == ["the film was new"]
    distill(tiny_classifier, tmp_path / "a.csv", tmp_path / "c", **quick)
    assert len(answered) == different + 1
    assert weights(tmp_path / "a") == weights(tmp_path / "c")


def test_made_texts_are_answered_by_the_teacher_too(tiny_classifier, opinion_file, tmp_path, answered, caplog):
    """The student has fewer neurons and another activation; it makes no mistake."""
    shape = {"intermediate_size": 40, "hidden_act": "relu"}
    with caplog.at_level(logging.INFO, logger="kerasbert"):
        figures = distill(
            tiny_classifier, opinion_file, tmp_path / "out", **RECIPE, **shape, augment=2, dev=opinion_file
        )
    given = {each.fields["text"] for each in read_examples(opinion_file, task_named("text-classification"))}
    made = {each.fields["text"] for each in answered} - given
    assert len(made) > len(given)
    assert f"{len(made)} texts made of" in caplog.text
    assert figures["val_accuracy"] == 1.0
    config = open_model(tmp_path / "out").config
    assert (config.intermediate_size, config.hidden_act) == (40, "relu")
    taught = json.loads((tmp_path / "out" / "report.json").read_text())["teacher"]
    assert {name: taught[name] for name in (*shape, "augment")} == {**shape, "augment": 2}


def test_a_sentence_encoder_answers_made_texts_one_by_one(tiny_bert, tmp_path, answered):
    kb.SentenceEncoder.from_pretrained(str(tiny_bert)).save_pretrained(tmp_path / "teacher")
    pairs = write_csv(
        tmp_path / "pairs.csv", [("the film was lovely today", "a very good film it was")], ("anchor", "positive")
    )
    distill(tmp_path / "teacher", pairs, tmp_path / "out", layers=1, epochs=1, augment=3)
    assert len(answered) == 2 + 2 * 3


def labels_of(teacher, folder, **changes) -> SoftLabels:
    task = task_named("text-classification")
    settings = replace(open_model(teacher).settings, **changes)
    return SoftLabels(open_checkpoint(teacher), task, settings, folder, keep=outputs_of)


def test_answers_are_those_of_the_teacher_by_its_weights_and_settings(tiny_classifier, tmp_path):
    texts = ["the film was lovely", "x", "the film was rude " * 40]  # the last one has several windows
    examples = [Example({"text": text}) for text in texts]
    soft = labels_of(tiny_classifier, tmp_path)
    assert soft.answer([*examples, examples[0]]) == 3
    found = np.stack([each["logits"][0][0] for each in soft.of(examples)])
    np.testing.assert_allclose(found, open_model(tiny_classifier).predict_logits(texts), atol=1e-5)
    assert soft.answer(examples) == 0
    assert labels_of(tiny_classifier, tmp_path, max_length=16).hash != soft.hash
    with pytest.raises(
        KerasBertError, match=r"cannot be made \(Not a directory\); name another folder for the teacher's"
    ):
        labels_of(tiny_classifier, tiny_classifier / "config.json").answer(examples)
    (alone,) = soft.of(examples[1:2])
    np.testing.assert_array_equal(alone["logits"][0][0], found[1])
    with pytest.raises(KerasBertError, match=r"no answer of the teacher is in .*; machines that share the work need a"):
        soft.of([*examples, Example({"text": "another"})])
    (part,) = soft.folder.iterdir()
    for content in (part.read_bytes()[:100], b""):
        part.write_bytes(content)
        with pytest.raises(KerasBertError, match=r"not readable \(.*\); remove it, and its texts are answered again"):
            soft.of(examples)


def test_the_hash_of_a_writer_tells_its_decoder_too():
    encoder = kb.BertConfig.from_size("tiny", vocab_size=30)
    settings = task_named("seq2seq").Settings(max_length=8, decoder_start_token_id=1, eos_token_id=2)

    def hashed(**of_decoder) -> str:
        pair = EncoderDecoderConfig(encoder=encoder, decoder=replace(encoder, **of_decoder))
        tokenizer = SimpleNamespace(content="")
        teacher = SimpleNamespace(pair=pair, config=encoder, task="seq2seq", shapes={}, tokenizer=lambda: tokenizer)
        return soft_labels.teacher_hash(teacher, settings)

    assert hashed() == hashed() != hashed(hidden_act="relu")


def test_work_that_is_stopped_goes_on(tiny_classifier, tmp_path, answered, monkeypatch):
    monkeypatch.setattr(soft_labels, "PART", 4)
    examples = [Example({"text": f"the film was {number}"}) for number in range(7)]
    soft, usual, seen = labels_of(tiny_classifier, tmp_path), outputs_of, []

    def stopped(*arguments):
        seen.append(arguments)
        if len(seen) == 6:
            raise KeyboardInterrupt
        return usual(*arguments)

    with pytest.raises(Stopped, match=r"the teacher's answers so far are in .*, and the same command goes on"):
        SoftLabels(soft.teacher, soft.task, soft.settings, tmp_path, keep=stopped).answer(examples)
    assert soft.answer(examples) == 2
    assert len(list(soft.folder.iterdir())) == 3


def test_a_tagger_teaches_its_tokens(tiny_tagger, tmp_path):
    """From tagged words, and from texts without tags, in windows."""
    data = write_conll(tmp_path / "few.conll", tagged(6))
    texts = [" ".join(word for word, _ in sentence) for sentence in tagged(120)]
    texts = lines(tmp_path / "texts.txt", [f"{one} {two}" for one, two in pairwise(texts)])
    figures = distill(
        tiny_tagger / "tagger", data, tmp_path / "out", **RECIPE, unlabelled=texts, dev=tiny_tagger / "train.conll"
    )
    assert figures["val_f1"] > 0.95


@pytest.mark.parametrize(
    ("problem_type", "labels"), [("multi_label_classification", ["a", "b", "c"]), ("regression", ["score"])]
)
def test_labels_together_and_numbers_are_taught(tiny_bert, tmp_path, problem_type, labels):
    """Random as the teacher is, its block comes nearer to it."""
    keras.utils.set_random_seed(2)
    encoder = kb.BertEncoder.from_pretrained(str(tiny_bert))
    encoder = kb.BertEncoder(replace(encoder.config, initializer_range=0.3), tokenizer=encoder.tokenizer)
    teacher = kb.TextClassifier(encoder, labels=labels, problem_type=problem_type, max_length=16)
    teacher.save_pretrained(tmp_path / "teacher")
    texts = sorted({text for text, _ in opinions(200)})
    wanted = teacher.predict_logits(texts)

    def distance(model) -> float:
        return float(np.abs(model.predict_logits(texts) - wanted).mean())

    options = {**RECIPE, "epochs": 20, "unlabelled": lines(tmp_path / "texts.txt", texts), "alpha": 1.0}
    distill(tmp_path / "teacher", None, tmp_path / "out", **options)
    start = kb.TextClassifier.from_pretrained(student_of(open_checkpoint(tmp_path / "teacher"), 1))
    assert distance(open_model(tmp_path / "out")) < distance(start) / 2


def test_an_answerer_teaches_its_places(tiny_bert, tmp_path):
    """Random as it is, its block comes nearer to it."""
    keras.utils.set_random_seed(2)
    encoder = kb.BertEncoder.from_pretrained(str(tiny_bert))
    config = replace(encoder.config, initializer_range=0.3)
    teacher = kb.QuestionAnswerer(kb.BertEncoder(config, tokenizer=encoder.tokenizer, pooler=False), max_length=32)
    teacher.save_pretrained(tmp_path / "teacher")
    nouns = ("film", "book", "hotel", "room", "staff", "food", "story")
    rows = [
        {"question": f"what was {noun} ?", "context": f"the {noun} was good and the {other} was bad"}
        for noun in nouns
        for other in nouns
    ]
    path = tmp_path / "texts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    columns = [[row[name] for row in rows] for name in ("question", "context")]
    wanted = teacher.predict_outputs(*columns)["end_logits"]

    def distance(model) -> float:
        both = zip(model.predict_outputs(*columns)["end_logits"], wanted, strict=True)
        softened = [[np.asarray(keras.ops.softmax(x)) for x in pair] for pair in both]
        return float(np.mean([np.abs(a - b).sum() for a, b in softened]))

    options = {**RECIPE, "epochs": 10, "unlabelled": path, "alpha": 1.0, "temperature": 1.0}
    distill(tmp_path / "teacher", None, tmp_path / "out", **options)
    start = kb.QuestionAnswerer.from_pretrained(student_of(open_checkpoint(tmp_path / "teacher"), 1))
    assert distance(open_model(tmp_path / "out")) < distance(start) / 2


def test_a_student_that_is_stopped_goes_on_to_the_last_bit(tiny_classifier, opinion_file, tmp_path, monkeypatch):
    options = {**RECIPE, "epochs": 1, "batch_size": 50}
    distill(tiny_classifier, opinion_file, tmp_path / "whole", **options)
    steps = []

    class Stop(trials.BatchFigures):
        def on_train_batch_end(self, batch, logs=None):
            steps.append(batch)
            if len(steps) == 2:
                signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(trials, "BatchFigures", Stop)
    with pytest.raises(Stopped):
        distill(tiny_classifier, opinion_file, tmp_path / "out", **options)
    others = {"teacher alpha 0.5, now 0.7": {"alpha": 0.7}, r"teacher blocks \[0\], now \[0, 1\]": {"layers": 2}}
    for begun, changed in others.items():
        with pytest.raises(ConfigError, match=f"begun with {begun}"):
            distill(tiny_classifier, opinion_file, tmp_path / "out", **{**options, **changed}, resume=True)
    distill(tiny_classifier, opinion_file, tmp_path / "out", **options, resume=True)
    assert weights(tmp_path / "out") == weights(tmp_path / "whole")


def test_a_sentence_encoder_teaches_its_vectors(tiny_bert, tmp_path):
    teacher = kb.SentenceEncoder.from_pretrained(str(tiny_bert), max_length=16)
    teacher.save_pretrained(tmp_path / "teacher")
    texts = [text for text, _ in opinions(100)]
    path = lines(tmp_path / "texts.txt", texts)
    distill(tmp_path / "teacher", None, tmp_path / "out", **RECIPE, unlabelled=path)
    student = kb.SentenceEncoder.from_pretrained(str(tmp_path / "out"))
    assert np.sum(student.encode(texts) * teacher.encode(texts), axis=1).mean() > 0.95


@pytest.fixture(scope="module")
def writer(tiny_bert, tmp_path_factory):
    """The folder of a teacher that writes texts."""
    keras.utils.set_random_seed(1)
    folder = tmp_path_factory.mktemp("writer") / "teacher"
    kb.Seq2Seq.from_pretrained(tiny_bert, max_new_tokens=6, num_beams=2).save_pretrained(folder)
    return folder


@pytest.mark.parametrize("alpha", [None, 0.7, 0.0])
def test_texts_of_a_writer_are_right_answers_beside_others(writer, tmp_path, alpha, answered):
    """Each has its part of the loss; the teacher's is all of it unless told otherwise."""
    sources = ["the film was good", "the hotel was bad"]
    theirs = dict(zip(sources, (x["generated_text"] for x in open_model(writer).predict_text(sources)), strict=True))
    answered.clear()
    path = tmp_path / "train.csv"
    path.write_text("source,target\nthe film was good,a good film\n", encoding="utf-8")
    unlabelled = None if alpha == 0 else lines(tmp_path / "texts.txt", sources[1:])
    teaching = teaching_of(writer, tmp_path / "out", DistillOptions(unlabelled=unlabelled, alpha=alpha))
    job = teaching.taught(job_of(teaching.task, path, tmp_path / "out", teaching.options, teaching))
    taught = [(text, theirs[text], alpha) for text in sources]
    own = (sources[0], "a good film", pytest.approx(0.3))
    wanted = {None: taught, 0.7: [taught[0], own, taught[1]], 0.0: [(*own[:2], None)]}[alpha]
    assert [(each.fields["source"], each.truth, each.weight) for each in job.examples] == wanted
    assert len(answered) == (0 if alpha == 0 else 2)


@pytest.mark.slow
def test_a_writer_teaches_its_texts(writer, tmp_path):
    """A student that begins as the teacher finds the teacher's text ever more probable."""
    path = lines(tmp_path / "texts.txt", ["the film was good"])
    given = {"unlabelled": path, "learning_rate": 1e-2, "checkpoint": writer}
    distill(writer, None, tmp_path / "out", epochs=20, **given)
    losses = [row["loss"] for row in read_csv(tmp_path / "out") if "loss" in row]
    assert losses[-1] < losses[0] / 2


def test_a_student_of_labels_alone_asks_no_teacher(tiny_classifier, opinion_file, tmp_path, answered):
    """It learns what fine-tuning of the same blocks learns."""
    distill(tiny_classifier, opinion_file, tmp_path / "out", **{**RECIPE, "epochs": 1}, alpha=0.0)
    assert not answered
    recipe = {name: value for name, value in RECIPE.items() if name != "layers"}
    start = student_of(open_checkpoint(tiny_classifier), 1)
    finetune("text-classification", opinion_file, tmp_path / "tuned", checkpoint=start, **{**recipe, "epochs": 1})
    assert weights(tmp_path / "out") == weights(tmp_path / "tuned")


def test_a_static_student_learns_the_task_of_a_teacher_that_pools_its_first_token(
    tiny_classifier, opinion_file, tmp_path
):
    """It begins as the teacher's static encoder, at the rate of such models."""
    options = {"epochs": 8, "batch_size": 20, "unlabelled": None, "dev": opinion_file}
    figures = distill(tiny_classifier, opinion_file, tmp_path / "out", **options, static=16)
    assert figures["val_accuracy"] == 1.0
    student = open_model(tmp_path / "out")
    assert (student.config.model_type, student.config.hidden_size) == ("static", 16)
    assert (student.settings.pooling, student.labels) == ("mean", ("negative", "positive"))
    report = json.loads((tmp_path / "out" / "report.json").read_text())
    assert (report["teacher"]["static"], report["recipe"]["learning_rate"]) == (16, [3e-3])


def test_a_static_student_begins_as_the_static_encoder_of_its_teacher(tiny_classifier, tmp_path):
    path = lines(tmp_path / "texts.txt", ["the film"])
    teaching = teaching_of(tiny_classifier, tmp_path / "out", DistillOptions(unlabelled=path, static=16))
    made = make_static(tmp_path / "static", StaticOptions(checkpoint=tiny_classifier, size=16))
    found = kb.BertEncoder.from_pretrained(teaching.student)
    np.testing.assert_array_equal(found.embeddings.word_table, made.embeddings.word_table)
    assert found.config == made.config
