"""kerasbert distill: the teacher's folder decides what is taught, and which options mean something."""

import json

import pytest

import kerasbert as kb
from kerasbert.cli import options
from kerasbert.cli.distill import LOSSES, OF_ENCODER, WITH_TASK, distill
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
    assert "the student begins as the teacher's blocks 0 of 2, counted from 0" in result.stderr
    assert "s: saved; loss" in result.stdout
    assert {path.name for path in tmp_path.iterdir()} == {"s", "soft-labels"}
    again = run(*call, "--out", "s")
    assert (again.exit_code, again.stderr) == (1, "Error: s: holds a run that has ended; name another --out\n")


def test_an_encoder_teaches_on_raw_text(run, tiny_bert, tmp_path, monkeypatch):
    """The job gets the texts, the folder and the options that were given."""
    called = []
    monkeypatch.setattr(job, "distill_encoder", lambda *arguments: called.append(arguments) or {"loss": 1.5})
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
    assert (str(teacher), [str(each) for each in texts], str(folder)) == (str(tiny_bert), ["a.txt", "b.txt"], "s")
    assert chosen == EncoderDistillOptions(layers=(0, 1), steps=3, learning_rate=1e-3)


def test_an_encoder_gives_a_static_one_that_finetune_takes(run, tiny_bert, opinion_file, tmp_path):
    result = run("distill", "--teacher", tiny_bert, "--static", "--size", "16", "--out", "s")
    tokens = kb.BertEncoder.from_pretrained("s").config.vocab_size
    assert (result.exit_code, result.stdout) == (0, f"s: saved; {tokens} vectors of 16 numbers\n"), result.output
    recipe = ("--epochs", "1", "--max-length", "16", "--out", "t")
    result = run("finetune", "text-classification", "--checkpoint", "s", "--train", opinion_file, *recipe)
    assert result.exit_code == 0, result.output
    assert json.loads((tmp_path / "t" / "report.json").read_text())["recipe"]["learning_rate"] == [3e-3]


@pytest.mark.parametrize(
    ("teacher", "words", "message"),
    [
        ("tiny_bert", "--static --size 33", "size is 33: use 1 to 32, the width of"),
        ("tiny_classifier", "--no-compare --train a.csv", "--compare is for --ladder; leave it out, or give both"),
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
            "intermediate_size is 5000: use a whole number from",
        ),
        ("tiny_bert", "--unlabelled a.txt --intermediate-size 5000", "intermediate_size is 5000: use a whole number f"),
        ("tiny_classifier", "--train a.csv --metric f1", "--metric f1: text-classification has loss, accuracy"),
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
        ("tiny_bert", "--unlabelled a.txt --loss relations --mask-rate 0.2", "mask_rate is of the loss triple"),
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
        ("tiny_classifier", "--unlabelled a.txt --metric f2", 2, "--metric f2: text-classification has loss, accuracy"),
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
            "the texts of unlabelled have none; leave unlabelled out",
        ),
        ("tiny_classifier", "--unlabelled pairs.csv --augment 2", "augment is 2, and texts are made of single texts"),
    ],
)
def test_options_that_do_not_suit_the_teacher_are_a_wrong_call(run, request, tmp_path, teacher, words, message, ladder):
    (tmp_path / "texts.txt").write_text("a text\nanother\n", encoding="utf-8")
    (tmp_path / "pairs.csv").write_text("text,text_pair\na,b\nc,d\n", encoding="utf-8")
    result = run("distill", *ladder, "--teacher", request.getfixturevalue(teacher), *words.split(), "--out", "s")
    assert (result.exit_code, message in " ".join(result.stderr.split())) == (2, True), result.output
    assert not (tmp_path / "s").exists()


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
