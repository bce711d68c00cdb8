"""A ladder from a teacher's folder and texts: its files, its report, and what goes on."""

import json
import logging
import signal
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from conftest import opinions, write_csv
from runs.short_runs import weights

import kerasbert as kb
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import ConfigError, DataError, ExportError, KerasBertError
from kerasbert.examples.readers import read_examples
from kerasbert.models.opening import open_model
from kerasbert.runs import ladder_report, ladder_run, trials
from kerasbert.runs.begun import Stopped
from kerasbert.runs.ladder import OF_STUDENT, RUNGS, STEPS, STUDENTS, TASKS, Student, plan_of
from kerasbert.runs.ladder_options import FREE, OF_DATA, OF_TEACHING
from kerasbert.runs.ladder_run import LadderOptions, ladder, parted
from kerasbert.runs.teaching import TAUGHT
from kerasbert.runtime import load
from kerasbert.tasks import task_named
from kerasbert.tasks.task import Example
from kerasbert.tasks.words import as_text

RECIPE = {"epochs": 3, "batch_size": 20}
LADDER = [name for name, rung in RUNGS.items() if rung.kept]


@pytest.fixture(scope="module")
def made(tiny_classifier, opinion_file, tmp_path_factory):
    """A ladder without comparisons that was stopped behind its second rung, and then went on: `folder`, `report`, what
    it said (`before`, `after`), and the time that the first rung was written (`written`)."""
    folder, said = tmp_path_factory.mktemp("ladder") / "out", []
    given = {"dev": opinion_file, "compare": False, "resume": True, **RECIPE}
    log = logging.getLogger("kerasbert")
    handler = logging.Handler()
    handler.emit = lambda record: said.append(record.getMessage())
    level, log.level = log.level, logging.INFO
    log.addHandler(handler)
    usual = ladder_run.export_bundle

    def stopped(model, place, *arguments, **options):
        if place.name == "tenth":
            raise KeyboardInterrupt
        return usual(model, place, *arguments, **options)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ladder_report, "ROUNDS", 1)
        patched.setattr(ladder_report, "RUNS", 2)
        patched.setattr(ladder_run, "export_bundle", stopped)
        with pytest.raises(KerasBertError, match="a signal ended the run; --resume goes on"):
            ladder(tiny_classifier, opinion_file, folder, **given)
        before, written = list(said), (folder / "teacher" / "kerasbert.json").stat().st_mtime_ns
        said.clear()
        patched.setattr(ladder_run, "export_bundle", usual)
        report = ladder(tiny_classifier, opinion_file, folder, **given)
    log.removeHandler(handler)
    log.level = level
    return SimpleNamespace(folder=folder, report=report, before=before, after=said, written=written, given=given)


def test_a_ladder_has_a_checked_bundle_for_each_rung(made):
    assert list(made.report["rungs"]) == LADDER == ["teacher", "half", "tenth", "static"]
    assert {path.name for path in made.folder.iterdir()} == {*LADDER, "run", "report.md", "report.json"}
    for name in LADDER:
        (row,) = json.loads((made.folder / name / "report.json").read_text())
        assert (row["format"], row["failed"]) == ("tflite-int8", None)
    config = {name: open_checkpoint(made.folder / "run" / name).config for name in ("half", "narrow", "static")}
    assert config["half"].num_hidden_layers == config["narrow"].num_hidden_layers == 1
    assert (config["narrow"].model_type, config["narrow"].embedding_size) == ("electra", 11)
    assert (config["static"].model_type, config["static"].hidden_size) == ("static", 32)
    pruned = open_checkpoint(made.folder / "run" / "narrow-pruned").config
    assert pruned.vocab_size < config["narrow"].vocab_size


def test_the_report_is_about_the_files(made, opinion_file):
    """Accuracy and size are those of the files on disk."""
    assert made.report == json.loads((made.folder / "report.json").read_text())
    texts, labels = zip(*opinions(200), strict=True)
    for name, row in made.report["rungs"].items():
        found = load(made.folder / name).predict_text(list(texts))
        right = np.mean([each["label"] == label for each, label in zip(found, labels, strict=True)])
        assert row["accuracy"] == pytest.approx(right, abs=1e-4)
        assert row["MB"] == pytest.approx((made.folder / row["file"]).stat().st_size / 1e6, abs=1e-3)
        assert row["ms"] > 0
    assert made.report["rungs"]["half"]["accuracy"] > 0.9
    assert "| tenth | blocks 0 of 2, 16 of 64 neurons, tables of 11 numbers per word, pruned vocab" in (
        (made.folder / "report.md").read_text()
    )


def test_the_report_tells_what_was_learned_and_how(made, opinion_file):
    """The same as the report of a student tells."""
    student = json.loads((made.folder / "run" / "half" / "report.json").read_text())
    own = {"teacher": student["teacher"]["folder"], "tokens of the timed text": 32}
    assert made.report["data"] == own | student["data"]
    assert student["data"]["train"] == student["data"]["dev"] == str(opinion_file)
    learned = {**student["recipe"], **student["teacher"]}
    same = ("batch_size", "alpha", "temperature", "weight_decay")
    assert {name: made.report["recipe"][name] for name in same} == {name: learned[name] for name in same}


def test_a_ladder_that_is_stopped_goes_on_and_repeats_nothing(made):
    assert (
        "file 3 of 4: tenth (blocks 0 of 2, 16 of 64 neurons, tables of 11 numbers per word, pruned vocabulary)"
        in made.before
    )
    assert [line for line in made.after if line.endswith("was made before")] == [
        f"{made.folder / name}: was made before" for name in ("teacher", "half")
    ]
    assert sum("the teacher answers" in line for line in made.before) == 2
    assert sum("the teacher answers 0 texts" in line for line in made.after) == 1  # of the static rung
    assert (made.folder / "teacher" / "kerasbert.json").stat().st_mtime_ns == made.written


def test_a_ladder_that_has_ended_is_not_made_again(made, tiny_classifier, opinion_file):
    assert ladder(tiny_classifier, opinion_file, made.folder, **made.given) == made.report
    with pytest.raises(KerasBertError, match="holds a run that has ended; name another --out"):
        ladder(tiny_classifier, opinion_file, made.folder, **{**made.given, "resume": False})


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 4}, "begun with options epochs 3, now 4"),
        ({"weight_decay": 0.1}, "begun with options weight_decay 0.01, now 0.1"),
        ({"layer_decay": 0.9}, "begun with options layer_decay None, now 0.9"),
        ({"average": 2}, "begun with options average 1, now 2"),
        ({"keep": "best"}, "begun with options keep None, now 'best'"),
        ({"max_length": 16}, "begun with options max_length None, now 16"),
        ({"compare": True}, "begun with options compare False, now True"),
        ({"alpha": 0.7}, "begun with teacher alpha 0.5, now 0.7"),
        ({"augment": 2}, "begun with teacher augment 0, now 2"),
    ],
)
def test_a_ladder_goes_on_with_its_recipe_alone(made, tiny_classifier, opinion_file, changes, message):
    with pytest.raises(ConfigError, match=message):
        ladder(tiny_classifier, opinion_file, made.folder, **{**made.given, **changes})


def test_how_a_ladder_is_computed_may_change(made, tiny_classifier, opinion_file):
    free = {"accumulate": 2, "save_minutes": 1.0, "strategy": "one"}
    assert ladder(tiny_classifier, opinion_file, made.folder, **{**made.given, **free}) == made.report


def test_every_option_is_of_a_student_or_of_the_recipe_or_free():
    """A new option of distillation is compared when a ladder goes on, unless it is listed."""
    every = set(LadderOptions.__dataclass_fields__)
    listed = {*FREE, *OF_DATA, *OF_TEACHING, *OF_STUDENT}
    assert listed < every
    assert LadderOptions().recipe.keys() == every - listed


@pytest.mark.parametrize(("most", "count"), [(1000, 5), (3, 3), (1, 1)])
def test_texts_are_measured_or_learned(monkeypatch, most, count):
    """All that are not measured are learned, however many there are; a text that is there twice is not both."""
    monkeypatch.setattr(ladder_run, "MOST", most)
    texts = [Example({"text": str(number % 50)}) for number in range(120)]
    measured, learned = ([each.fields["text"] for each in part] for part in parted(texts))
    assert len(measured) == len(set(measured)) == count
    assert learned == [each.fields["text"] for each in texts if each.fields["text"] not in measured]


def test_what_would_stop_a_student_is_told_before_the_ladder_begins(tiny_classifier, tmp_path, opinion_file):
    strange = write_csv(tmp_path / "strange.csv", [("the film", "unheard-of")])
    (tmp_path / "pairs.csv").write_text("text,text_pair\na,b\nc,d\n", encoding="utf-8")
    labelled = {"train": opinion_file, "dev": opinion_file}
    pairs = {"unlabelled": tmp_path / "pairs.csv"}
    for given, error, message in (
        ({**labelled, "max_length": 9999}, ConfigError, "max_length is 9999: .* takes 64 tokens; use 64 or less"),
        ({**labelled, "train": strange}, DataError, "strange.csv, line 2: .*unheard-of"),
        ({**labelled, "dev": strange}, DataError, "strange.csv, line 2: .*unheard-of"),
        ({**labelled, "metric": "pearson"}, ConfigError, "metric is 'pearson': use one of loss, accuracy"),
        ({**labelled, "metric": "loss"}, ConfigError, "metric is loss: the report of a ladder has figures"),
        ({**labelled, "alpha": 0.0, "augment": 1}, ConfigError, "the texts of augment have none; leave augment out"),
        ({**pairs, "alpha": 0.0}, ConfigError, "the texts of unlabelled have none; leave unlabelled out"),
        ({**pairs, "augment": 1}, ConfigError, "pairs.csv, line 3: augment is 1, and texts are made of single texts"),
    ):
        train = given.pop("train", None)
        with pytest.raises(error, match=message):
            ladder(tiny_classifier, train, tmp_path / "out", **given)
        assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_texts_alone_make_a_ladder_whose_steps_are_compared(tiny_classifier, tmp_path, monkeypatch):
    """Files are compared with the teacher on texts that no student has learned."""
    monkeypatch.setattr(ladder_report, "ROUNDS", 1)
    monkeypatch.setattr(ladder_report, "RUNS", 2)
    texts = [text for text, _ in opinions(200)]
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    report = ladder(tiny_classifier, None, tmp_path / "out", unlabelled=tmp_path / "texts.txt", **RECIPE)
    held_out, figure = list(dict.fromkeys(texts))[::10], "agreement with the teacher"
    assert (report["figure"], report["data"]["dev_rows"], "dev" in report["data"]) == (figure, len(held_out), False)
    assert report["data"]["unlabelled"] == str(tmp_path / "texts.txt")
    learned = json.loads((tmp_path / "out" / "run" / "half" / "report.json").read_text())["data"]
    assert learned["unlabelled_rows"] == sum(text not in held_out for text in texts)
    wanted = [each["label"] for each in open_model(tiny_classifier).predict_text(held_out)]
    rows = {**report["rungs"], **report["tried"]}
    assert set(rows) == set(RUNGS) - {"few"}  # of two blocks, an eighth is one, and so is a half
    for name in ("half", "half-width"):
        place = (tmp_path / "out" / rows[name]["file"]).parent
        found = [each["label"] for each in load(place).predict_text(held_out)]
        assert rows[name][figure] == pytest.approx(np.mean([a == b for a, b in zip(found, wanted, strict=True)]))
    assert set(report["steps"]) == set(STEPS) - {"fewer blocks"}
    step = report["steps"]["half width"]
    assert step["MB"] == pytest.approx(rows["half-width"]["MB"] - rows["half"]["MB"])
    assert open_checkpoint(tmp_path / "out" / "run" / "relu").config.hidden_act == "relu"
    assert open_checkpoint(tmp_path / "out" / "run" / "half-width").config.hidden_size == 16


@pytest.mark.slow
def test_a_few_texts_make_every_file(tiny_classifier, tmp_path, monkeypatch):
    """New weights read fewer texts than a usual batch has. A file that is only compared may fail."""
    monkeypatch.setattr(ladder_report, "ROUNDS", 1)
    monkeypatch.setattr(ladder_report, "RUNS", 2)
    usual = ladder_run.distill

    def failing(teacher, train, folder, options):
        if folder.name == "relu":
            raise DataError("nothing to learn")
        return usual(teacher, train, folder, options)

    monkeypatch.setattr(ladder_run, "distill", failing)
    texts = list(dict.fromkeys(text for text, _ in opinions(200)))[:8]
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in texts), encoding="utf-8")
    report = ladder(tiny_classifier, None, tmp_path / "out", unlabelled=tmp_path / "texts.txt", epochs=1, batch_size=4)
    assert report["failed"] == {"relu": "nothing to learn"}
    assert set(report["tried"]) == {"thin", "narrow", "half-width"}


@pytest.mark.slow
def test_a_sentence_encoder_has_a_ladder_of_its_width(tiny_bert, tmp_path, monkeypatch):
    monkeypatch.setattr(ladder_report, "ROUNDS", 1)
    monkeypatch.setattr(ladder_report, "RUNS", 2)
    keras.utils.set_random_seed(1)
    kb.SentenceEncoder.from_pretrained(str(tiny_bert), max_length=16).save_pretrained(tmp_path / "teacher")
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text, _ in opinions(100)), encoding="utf-8")
    given = {"unlabelled": tmp_path / "texts.txt", "compare": False, "epochs": 4, "batch_size": 10}
    report = ladder(tmp_path / "teacher", None, tmp_path / "out", **given)
    found = {name: row["cosine with the teacher"] for name, row in report["rungs"].items()}
    assert list(found) == LADDER
    assert found["half"] > 0.99
    assert found["static"] > 0.5
    assert open_checkpoint(tmp_path / "out" / "run" / "static").config.hidden_size == 32


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"layers": 1}, "layers: each rung of a ladder has its own"),
        ({"learning_rate": 1e-3}, "learning_rate: each rung of a ladder has its own"),
        ({"static": 8}, "static: each rung of a ladder has its own"),
        ({"size": 33, "dev": "a.csv"}, "size is 33: use 1 to 32"),
        ({"dev": None}, "a ladder measures its rungs on held-out examples: give dev"),
    ],
)
def test_what_no_ladder_can_have_is_told(tiny_classifier, tmp_path, changes, message):
    with pytest.raises(ConfigError, match=message):
        ladder(tiny_classifier, tmp_path / "none.csv", tmp_path / "out", **changes)
    assert not (tmp_path / "out").exists()


def test_a_ladder_needs_texts(tiny_classifier, tmp_path):
    (tmp_path / "texts.txt").write_text("one text\n", encoding="utf-8")
    with pytest.raises(DataError, match="there are no texts to learn from: give train, or two different texts"):
        ladder(tiny_classifier, None, tmp_path / "out", unlabelled=tmp_path / "texts.txt")
    assert not (tmp_path / "out").exists()


def test_every_rung_has_a_student_and_every_step_two_files():
    assert {rung.student for rung in RUNGS.values()} == {None, *STUDENTS}
    assert {name for step in STEPS.values() for name in (step.before, step.after)} <= set(RUNGS)
    assert {step.part for step in STEPS.values()} <= {None, *Student.__dataclass_fields__}
    assert set(TASKS) == set(TAUGHT) - {"seq2seq"}
    assert set(LadderOptions().of_student().__dataclass_fields__) < set(LadderOptions.__dataclass_fields__)


def test_a_plan_has_what_the_teacher_allows(tiny_bert):
    teacher, classification = open_checkpoint(tiny_bert), task_named("text-classification")
    plan = plan_of(teacher, task_named("token-classification"), compare=False)
    assert (list(plan.rungs), list(plan.students)) == (["teacher", "half", "tenth"], ["half", "narrow"])
    assert plan.left_out == {"static": "token-classification does not pool tokens"}
    assert not plan.steps
    sentences = plan_of(teacher, task_named("sentence-embedding"))
    assert "half width" not in sentences.steps
    assert sentences.left_out == {"width": "a student has the width of its teacher's vectors"}
    assert not plan_of(teacher, task_named("sentence-embedding"), compare=False).left_out
    assert list(sentences.rungs)[:4] == LADDER
    roberta = replace(teacher, settings={**teacher.settings, "model_type": "roberta", "hidden_act": "relu"})
    plan = plan_of(roberta, classification)
    assert list(plan.rungs) == [*LADDER, "thin", "half-width"]
    assert plan.rungs["tenth"].student == plan.rungs["thin"].student == "thin"
    assert plan.students["thin"] == STUDENTS["thin"]
    assert [(name, step.before, step.after) for name, step in plan.steps.items()] == [
        ("fewer neurons", "half", "thin"),
        ("pruned vocabulary", "thin", "tenth"),
        ("half width", "half", "half-width"),
    ]
    deep = replace(teacher, settings={**teacher.settings, "num_hidden_layers": 12})
    assert list(plan_of(deep, classification).steps) == list(STEPS)
    static = SimpleNamespace(config=kb.BertConfig(model_type="static", vocab_size=30, hidden_size=32))
    with pytest.raises(ConfigError, match="a ladder needs the blocks of an encoder"):
        plan_of(static, classification)
    with pytest.raises(ConfigError, match="teachers of a ladder are for text-classification, token-classification"):
        plan_of(teacher, task_named("multiple-choice"))


def test_students_of_blocks_learn_equally_long():
    assert len({student.passes for student in STUDENTS.values() if not student.static}) == 1


@pytest.mark.slow
def test_a_tagger_has_a_ladder_whose_files_are_compared(tiny_tagger, tmp_path, monkeypatch):
    """A student with new weights reads sentences, not words. One file that cannot be made does not stop the others."""
    monkeypatch.setattr(ladder_report, "ROUNDS", 1)
    monkeypatch.setattr(ladder_report, "RUNS", 2)
    usual = ladder_run.export_bundle

    def failing(model, place, *arguments, **options):
        if place.name == "relu":
            raise ExportError("too far from the model")
        return usual(model, place, *arguments, **options)

    monkeypatch.setattr(ladder_run, "export_bundle", failing)
    file = tiny_tagger / "train.conll"
    report = ladder(tiny_tagger / "tagger", file, tmp_path / "out", dev=file, layer_decay=0.9, **RECIPE)
    assert report["figure"] == "f1"
    assert report["rungs"]["half"]["f1"] > 0.9
    assert report["failed"] == {"relu": "too far from the model"}
    assert "| relu | too far from the model |" in (tmp_path / "out" / "report.md").read_text()
    assert set(report["steps"]) == {"fewer neurons", "narrow word table", "pruned vocabulary", "half width"}
    read = (tmp_path / "out" / "run" / "texts.txt").read_text(encoding="utf-8").split("\n\n")
    sentences = [as_text(each.fields["text"]) for each in read_examples(file, task_named("token-classification"))]
    assert [line.strip() for line in read] == sentences


def test_a_rung_that_cannot_be_made_stops_the_ladder(tiny_classifier, opinion_file, tmp_path, monkeypatch):
    def failing(*arguments, **options):
        raise ExportError("too far from the model")

    monkeypatch.setattr(ladder_run, "export_bundle", failing)
    with pytest.raises(ExportError, match="too far from the model"):
        ladder(tiny_classifier, opinion_file, tmp_path / "out", dev=opinion_file)


def test_a_student_that_is_stopped_in_an_epoch_goes_on(tiny_classifier, opinion_file, tmp_path, monkeypatch):
    """No step is made twice, and the weights are those of a ladder that was not stopped."""
    usual, steps = ladder_run.plan_of, []
    alone = {"rungs": {"half": RUNGS["half"]}, "students": {"half": STUDENTS["half"]}}
    monkeypatch.setattr(ladder_run, "plan_of", lambda *given, **named: replace(usual(*given, **named), **alone))
    monkeypatch.setattr(ladder_run, "export_bundle", lambda *given, **named: None)
    monkeypatch.setattr(ladder_run, "write_ladder_report", lambda *given: {})

    class Stop(trials.BatchFigures):
        def on_train_batch_end(self, batch, logs=None):
            steps.append(batch)
            if len(steps) == 2:
                signal.raise_signal(signal.SIGTERM)

    given = {"dev": opinion_file, "compare": False, "epochs": 1, "batch_size": 50, "resume": True}
    ladder(tiny_classifier, opinion_file, tmp_path / "whole", **given)
    monkeypatch.setattr(trials, "BatchFigures", Stop)
    with pytest.raises(Stopped):
        ladder(tiny_classifier, opinion_file, tmp_path / "out", **given)
    assert len(steps) < 200 / 50
    ladder(tiny_classifier, opinion_file, tmp_path / "out", **given)
    assert len(steps) == STUDENTS["half"].passes * 200 / 50
    assert weights(tmp_path / "out" / "run" / "half") == weights(tmp_path / "whole" / "run" / "half")


def test_files_of_vectors_and_of_numbers_are_compared_as_such():
    vectors = [{"embedding": np.array(each)} for each in ([1.0, 0.0], [0.0, 2.0])]
    assert ladder_report._mean_cosine(vectors, vectors) == pytest.approx(1.0)
    assert ladder_report._mean_cosine(vectors, vectors[::-1]) == pytest.approx(0.0)
    numbers = [{"score": each} for each in (1.0, 2.0, 4.0)]
    assert ladder_report._correlation(numbers, [{"score": 3 * each["score"] - 1} for each in numbers]) == 1.0
    assert ladder_report._correlation(numbers, numbers[:1] * 3) == 0.0


def test_narrow_tables_and_another_activation_begin_as_the_teacher(tiny_classifier):
    """In memory, with the weights that are left."""
    from kerasbert.models.narrow import narrowed
    from kerasbert.models.starts import blocks_start, narrow_start

    teacher = open_checkpoint(tiny_classifier)
    start = narrow_start(blocks_start(teacher, teacher.config.num_hidden_layers, hidden_act="relu"), 11)
    found = kb.BertEncoder.from_pretrained(start)
    wanted = narrowed(kb.BertEncoder.from_pretrained(teacher), 11)
    assert found.config == replace(wanted.config, hidden_act="relu")
    for ours, theirs in zip(found.get_weights(), wanted.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert start.tokenizer().content == teacher.tokenizer().content
