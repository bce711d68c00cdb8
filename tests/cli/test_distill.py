"""kerasbert distill: the teacher's folder decides what is taught, and which options mean something."""

import json
import shutil

import click
import pytest

import kerasbert as kb
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.cli import options
from kerasbert.cli.distill import LOSSES, OF_ENCODER, WITH_TASK, distill
from kerasbert.errors import ConfigError
from kerasbert.runs import distill_encoder as job
from kerasbert.runs import ladder_run
from kerasbert.runs.distill_encoder_options import LOSSES as OF_JOB
from kerasbert.runs.distill_encoder_options import EncoderDistillOptions
from kerasbert.runs.distill_options import DistillOptions


@pytest.fixture(scope="module")
def encoder(tiny_bert, tmp_path_factory):
    """The folder of a sentence encoder."""
    folder = tmp_path_factory.mktemp("sentences") / "encoder"
    kb.SentenceEncoder.from_pretrained(str(tiny_bert)).save_pretrained(folder)
    return folder


def test_a_teacher_with_a_task_teaches_it(run, tiny_classifier, opinion_file, tmp_path):
    recipe = ("--layers", "1", "--epochs", "1", "--learning-rate", "5e-3", "--max-length", "16")
    call = ("distill", "--teacher", tiny_classifier, "--train", opinion_file, "--dev", opinion_file, *recipe)
    result = run(*call, "--out", "s")
    assert result.exit_code == 0, result.output
    assert "the teacher answers" in result.stderr
    assert "the student begins as the teacher's block 0 of 2, counted from 0" in result.stderr
    assert "s: saved; loss" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"s", "soft-labels"}
    again = run(*call, "--out", "s")
    assert (again.exit_code, again.stderr) == (1, "Error: s: holds a run that has ended; name another --out\n")


def test_an_encoder_teaches_on_raw_text(run, tiny_bert, tmp_path, monkeypatch):
    """The job gets the texts, the folder and the options that were given."""
    called = []
    monkeypatch.setattr(job, "plan_of", lambda *arguments: called.append(arguments))
    monkeypatch.setattr(job, "carry_out", lambda plan: {"loss": 1.5})
    words = (
        "--unlabelled",
        "a.txt",
        "--unlabelled",
        "b.txt",
        "--layers",
        "0,1",
        "--steps",
        "3",
        "--learning-rate",
        "1e-3",
    )
    result = run("distill", "--teacher", tiny_bert, *words, "--out", "s")
    assert (result.exit_code, result.stdout) == (0, "s: saved; loss 1.5000\n"), result.output
    ((teacher, texts, folder, chosen),) = called
    assert (teacher.folder, [str(each) for each in texts], str(folder)) == (tiny_bert, ["a.txt", "b.txt"], "s")
    assert chosen == EncoderDistillOptions(layers=(0, 1), steps=3, learning_rate=1e-3)


def test_an_encoder_gives_a_static_one_that_finetune_takes(run, tiny_bert, opinion_file, tmp_path):
    result = run("distill", "--teacher", tiny_bert, "--static", "--size", "16", "--out", "s")
    tokens = kb.BertEncoder.from_pretrained("s").config.vocab_size
    assert (result.exit_code, result.stdout) == (0, f"s: saved; {tokens} vectors of 16 numbers\n"), result.output
    recipe = ("--epochs", "1", "--max-length", "16", "--out", "t")
    result = run("finetune", "text-classification", "--checkpoint", "s", "--train", opinion_file, *recipe)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "t" / "report.json").read_text())["recipe"]["learning_rate"] == [3e-3]


def test_the_encoder_in_the_package_teaches_by_its_name(run, monkeypatch):
    called = []
    monkeypatch.setattr("kerasbert.runs.distill_encoder.plan_of", lambda *given: called.append(given))
    monkeypatch.setattr("kerasbert.runs.distill_encoder.carry_out", lambda plan: {"loss": 1.0})
    words = "--teacher package --unlabelled a.txt --loss triple --layers 0,2,4 --out s"
    result = run("distill", *words.split())
    assert result.exit_code == 0, result.output
    assert called[0][0].folder == open_checkpoint(None).folder


@pytest.mark.parametrize(
    ("teacher", "words", "message"),
    [
        ("tiny_bert", "--static --size 33", "size is 33: use 1 to 32, the width of"),
        (
            "tiny_classifier",
            "--no-compare --train a.csv",
            "--compare and --no-compare are for --ladder; leave them out",
        ),
        ("tiny_bert", "--static --epochs 2", "--epochs means nothing to --static without texts to learn from"),
        ("tiny_bert", "--static --unlabelled a.txt", "an encoder has no task that its static encoder could learn"),
        ("encoder", "--static --loss relations --unlabelled a.txt", "its static encoder could learn: leave --loss out"),
        ("tiny_bert", "--size 8 --unlabelled a.txt", "--size is for --static and --ladder; leave it out, or"),
        ("tiny_classifier", "--static --layers 1 --train a.csv", "--layers and --static: a student begins as one of"),
        ("tiny_answerer", "--static --train a.json", "question-answering does not pool the tokens of a text, so a"),
        (
            "tiny_classifier",
            "--train a.csv --loss triple",
            "--loss means nothing to a teacher that is text-cl",
        ),
        ("tiny_classifier", "", "there are no texts to learn from: give --train, --unlabelled or both"),
        ("tiny_classifier", "--train a.csv --layers 3", "a student of 3 blocks: the teacher has 2; use 1 to 2"),
        ("tiny_classifier", "--train a.csv --layers 1,0", "name different ones from 0 to 1, in rising order"),
        ("tiny_classifier", "--train a.csv --layers two", "'two': give a number of blocks, such as 2, or their places"),
        (
            "tiny_classifier",
            "--train a.csv --layers 1 --student b",
            "--student and --layers: a student begins as one of them",
        ),
        ("tiny_answerer", "--train a.json --augment 2", "--augment means nothing to a teacher that is question-answ"),
        ("tiny_answerer", "--ladder --train a.json --dev a.json --augment 2", "--augment means nothing to a teacher"),
        ("tiny_classifier", "--train a.csv --student b --hidden-act relu", "--hidden-act is for blocks of the teacher"),
        ("tiny_classifier", "--train a.csv --static --intermediate-size 8", "--intermediate-size is for blocks of the"),
        (
            "tiny_classifier",
            "--ladder --train a.csv --dev a.csv --hidden-act relu",
            "--hidden-act means nothing to --l",
        ),
        (
            "tiny_classifier",
            "--train a.csv --intermediate-size 5000",
            "--intermediate-size is 5000: use a whole number from",
        ),
        (
            "tiny_bert",
            "--unlabelled a.txt --intermediate-size 5000",
            "--intermediate-size is 5000: use a whole number f",
        ),
        (
            "tiny_classifier",
            "--train a.csv --metric f1",
            "--metric f1: this teacher for text-classification has loss, accuracy, macro_f1",
        ),
        ("tiny_classifier", "--train a.csv --metric accuracy", "--metric needs held-out examples: give --dev"),
        ("tiny_classifier", "--train a.csv --alpha 2", "2.0 is not in the range 0<=x<=1"),
        ("tiny_classifier", "--unlabelled a.txt --unlabelled b.txt", "a teacher with a task takes one file"),
        ("tiny_bert", "--train a.csv --unlabelled b.txt", "--train means nothing to a teacher that is an encoder"),
        ("tiny_bert", "--layers 1", "an encoder teaches on raw text: give --unlabelled"),
        (
            "tiny_bert",
            "--unlabelled a.txt --text-column b",
            "--text-column means nothing to a teacher that",
        ),
        ("tiny_bert", "--unlabelled a.txt --loss relations --mask-rate 0.2", "--mask-rate is of the loss triple"),
    ],
)
def test_a_wrong_call_is_told_and_writes_nothing(run, request, tmp_path, teacher, words, message):
    result = run("distill", "--teacher", request.getfixturevalue(teacher), *words.split(), "--out", "s")
    assert result.exit_code == 2, result.output
    assert message in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_a_column_that_no_file_of_the_task_has_is_told(run, tiny_classifier, tmp_path):
    result = run(
        "distill", "--teacher", tiny_classifier, "--unlabelled", "a.csv", "--question-column", "q", "--out", "s"
    )
    message = "Error: text-classification has no column for 'question': name text, pair, "
    assert (result.exit_code, result.stderr[: len(message)]) == (1, message)
    assert not list(tmp_path.iterdir())


def test_a_static_teacher_teaches_a_student_that_is_named(run, tiny_bert, tmp_path):
    """It goes on to the file, which is not there."""
    tokenizer = kb.BertEncoder.from_pretrained(str(tiny_bert)).tokenizer
    config = kb.BertConfig(model_type="static", vocab_size=tokenizer.vocab_size, hidden_size=4)
    static = kb.BertEncoder(config, tokenizer=tokenizer)
    kb.TextClassifier(static, labels=["a", "b"], pooling="mean").save_pretrained(tmp_path / "teacher")
    call = ("distill", "--teacher", "teacher", "--train", "none.csv", "--out", "s")
    result = run(*call)
    assert (result.exit_code, "has no blocks; name a student" in result.stderr) == (2, True), result.output
    result = run(*call, "--student", tiny_bert)
    assert (result.exit_code, result.stderr) == (1, "Error: none.csv: no such file\n")


def test_a_ladder_is_made_and_shown(run, tiny_classifier, opinion_file, monkeypatch):
    """The job gets the files and the options that were given."""
    called = []
    rungs = {
        name: {"made of": "x", "accuracy": accuracy, "MB": 1.5, "ms": 2.0, "of the teacher's ms": 1.0, "file": "y"}
        for name, accuracy in (("teacher", 0.75), ("half", 0.5))
    }
    steps = {"ReLU": {"from": "few", "to": "relu", "accuracy": -0.25, "MB": 0.0, "ms": -0.5}}
    report = {"figure": "accuracy", "rungs": rungs, "tried": {}, "steps": steps, "failed": {"few": "too far"}}
    monkeypatch.setattr(ladder_run, "make_ladder", lambda making, progress: called.append(making) or report)
    words = ("--train", opinion_file, "--dev", opinion_file, "--epochs", "2", "--size", "8", "--no-compare")
    result = run("distill", "--ladder", "--teacher", tiny_classifier, *words, "--out", "l")
    assert result.exit_code == 0, result.output
    (making,) = called
    chosen = making.options
    assert (making.teacher.folder, len(making.train), str(making.folder)) == (tiny_classifier, 200, "l")
    assert (chosen.dev, chosen.epochs, chosen.size, chosen.compare) == (opinion_file, 2, 8, False)
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines == [
        "rung accuracy MB ms of the teacher's ms", "teacher 0.7500 1.5000 2.0000 1.0000",
        "half 0.5000 1.5000 2.0000 1.0000", "", "step accuracy MB ms", "ReLU -0.2500 0.0000 -0.5000", "",
        "few could not be made: too far",
        "l: every file is checked; report.md tells what each is made of",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("teacher", "words", "code", "message"),
    [
        ("tiny_classifier", "--train a.csv", 2, "--ladder measures its rungs on held-out examples: give --dev"),
        ("tiny_classifier", "", 2, "there are no texts to learn from: give --train, --unlabelled or both"),
        ("tiny_classifier", "--unlabelled a.txt --layers 1", 2, "--layers means nothing to --ladder, whose rungs have"),
        ("tiny_classifier", "--unlabelled a.txt --steps 3", 2, "--steps means nothing to a teacher that is text-cl"),
        ("tiny_classifier", "--unlabelled a.txt --loss triple", 2, "--loss means nothing to a teacher that is text-cl"),
        ("tiny_classifier", "--unlabelled a.txt --metric loss", 2, "--metric loss: the report of a ladder has figures"),
        ("tiny_classifier", "--unlabelled a.txt --size 33", 2, "size is 33: use 1 to 32, the width of"),
        (
            "tiny_classifier",
            "--unlabelled a.txt --metric f2",
            2,
            "--metric f2: this teacher for text-classification has lo",
        ),
        ("tiny_answerer", "--unlabelled a.json --size 8", 2, "--size: question-answering does not pool tokens, so"),
        ("tiny_classifier", "--unlabelled none.txt", 1, "none.txt: no such file"),
        ("tiny_bert", "--unlabelled a.txt", 1, "holds an encoder (BertModel), which kerasbert cannot answer with yet"),
    ],
)
def test_a_ladder_that_cannot_be_made_is_told_and_writes_nothing(
    run, request, tmp_path, monkeypatch, teacher, words, code, message
):
    monkeypatch.setattr(options, "load_tensorflow", lambda: pytest.fail("this can be told before TensorFlow loads"))
    call = ("distill", "--ladder", "--teacher", request.getfixturevalue(teacher), *words.split(), "--out", "l")
    result = run(*call)
    assert (result.exit_code, message in " ".join(result.stderr.split())) == (code, True), result.output
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ladder", [(), ("--ladder",)])
@pytest.mark.parametrize(
    ("teacher", "words", "message"),
    [
        ("encoder", "--unlabelled texts.txt --alpha 1", "alpha means nothing to a teacher for sentence-embedding"),
        (
            "encoder",
            "--unlabelled texts.txt --temperature 1",
            "temperature means nothing to a teacher for sentence-emb",
        ),
        (
            "tiny_classifier",
            "--unlabelled texts.txt --alpha 0",
            "the texts of unlabelled have none; leave --unlabelled out",
        ),
        ("tiny_classifier", "--unlabelled pairs.csv --augment 2", "--augment is 2, and texts are made of single texts"),
        ("tiny_classifier", "--unlabelled texts.txt --max-length 1000", "--max-length is 1000: "),
    ],
)
def test_options_that_do_not_suit_the_teacher_are_a_wrong_call(run, request, tmp_path, teacher, words, message, ladder):
    (tmp_path / "texts.txt").write_text("a text\nanother\n", encoding="utf-8")
    (tmp_path / "pairs.csv").write_text("text,text_pair\na,b\nc,d\n", encoding="utf-8")
    result = run("distill", *ladder, "--teacher", request.getfixturevalue(teacher), *words.split(), "--out", "s")
    assert (result.exit_code, message in " ".join(result.stderr.split())) == (2, True), result.output
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--relation-heads 7", "--relation-heads is 7, which does not divide the teacher's width 32"),
        ("--teacher-block 9", "--teacher-block is 9: the teacher has 2 blocks, so use 0 to 1"),
        ("--loss triple", "has no head for masked words, which the triple loss needs; use the loss relations"),
        ("--max-length 80", "texts.txt: its rows have up to 80 tokens, but student and teacher take 64; use a --max-l"),
        ("--steps 3 --epochs 2", "--steps is 3 and --epochs is 2: either ends the run, so give one"),
    ],
)
def test_options_that_do_not_suit_an_encoder_are_a_wrong_call(run, tiny_bert, tmp_path, words, message):
    (tmp_path / "texts.txt").write_text("a text\nanother\n", encoding="utf-8")
    result = run("distill", "--teacher", tiny_bert, "--unlabelled", "texts.txt", *words.split(), "--out", "s")
    assert (result.exit_code, message in " ".join(result.stderr.split())) == (2, True), result.output
    assert not (tmp_path / "s").exists()


@pytest.mark.parametrize("teacher", ["tiny_bert", "tiny_classifier"])
def test_a_folder_without_a_tokenizer_is_a_failed_run(run, request, tmp_path, teacher):
    folder = shutil.copytree(request.getfixturevalue(teacher), tmp_path / "teacher")
    for name in ("tokenizer.json", "vocab.txt"):
        (folder / name).unlink(missing_ok=True)
    (tmp_path / "texts.txt").write_text("a text\nanother\n", encoding="utf-8")
    result = run("distill", "--teacher", "teacher", "--unlabelled", "texts.txt", "--out", "s")
    assert (result.exit_code, "has no tokenizer" in result.stderr) == (1, True), result.output
    assert not (tmp_path / "s").exists()


def test_a_wrong_label_is_told_before_the_student_begins(run, tiny_classifier, tmp_path):
    (tmp_path / "a.csv").write_text("text,label\na text,positive\nanother,strange\n", encoding="utf-8")
    result = run("distill", "--teacher", tiny_classifier, "--train", "a.csv", "--out", "s")
    assert (result.exit_code, result.stderr.count("\n")) == (1, 1), result.output
    assert "line 3: unknown label 'strange'" in result.stderr


def test_every_option_is_one_of_a_job():
    names = {each.name for each in distill.params} - {
        "teacher",
        "folder",
        "train",
        "student",
        "size",
        "ladder",
        "compare",
    }
    names -= {name for name in names if name.endswith("_column")}
    of_task, of_encoder = (set(each.__dataclass_fields__) for each in (DistillOptions, EncoderDistillOptions))
    assert names - set(OF_ENCODER) - {"train"} <= of_task
    assert names - set(WITH_TASK) - {"unlabelled"} <= of_encoder
    assert LOSSES == OF_JOB


def test_a_message_names_the_options_as_they_are_typed():
    """Words of a sentence, paths and values stay as they are."""
    said = {
        "batch_size is 8 and batch_tokens is 5: give one": "--batch-size is 8 and --batch-tokens is 5: give one",
        "keep is best: give dev": "--keep is best: give --dev",
        "a.csv, line 2: augment is 2; leave augment out": "a.csv, line 2: --augment is 2; leave --augment out",
        **{same: same for same in ("a/max_length/b: the student is of 'max_length'", "num_hidden_layers is 3")},
    }
    with distill.make_context("distill", ["--teacher", "t", "--out", "o"]):
        for message, shown in said.items():
            with pytest.raises(click.UsageError) as found, options.wrong_call():
                raise ConfigError(message)
            assert found.value.message == shown
