"""finetune, evaluate and predict on real files, and how they fail."""

import json
import re
import shutil
from pathlib import Path

import pytest
from safetensors.numpy import load_file

from kerasbert.tokenizers import WordPieceTokenizer

TEXTS = [("the film was lovely", "positive"), ("the hotel was rude", "negative"), ("the day was warm", "positive")]


@pytest.fixture
def labelled(file):
    return file("test.csv", "text,label\n" + "".join(f"{text},{label}\n" for text, label in TEXTS))


@pytest.fixture
def finetune(tiny_bert, opinion_file, tmp_path):
    """The words of a call that would work, with changes."""

    def words(**changes):
        options = {"checkpoint": tiny_bert, "train": opinion_file, "out": tmp_path / "out", "max-length": 16, **changes}
        return (
            "finetune",
            "text-classification",
            *(word for name, value in options.items() for word in (f"--{name}", value)),
        )

    return words


def answers(result) -> list[dict]:
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_finetune_writes_a_folder_and_says_what_it_reached(run, finetune, opinion_file, tmp_path):
    result = run(*finetune(**{"dev": opinion_file, "epochs": 2, "learning-rate": 5e-3, "batch-size": 20}))
    assert result.exit_code == 0, result.output
    figures = ("accuracy", "loss", "val_accuracy", "val_loss", "val_macro_f1")
    shown = ", ".join(rf"{name} \d\.\d{{4}}" for name in figures)
    *table, last = result.stdout.splitlines()
    assert re.fullmatch(rf"{tmp_path}/out: saved; {shown}", last)
    assert [line.split()[0] if line else "" for line in table] == ["class", "negative", "positive", ""]
    assert table[0].split() == ["class", "precision", "recall", "f1", "support"]
    assert re.fullmatch(r"positive +\d\.\d{4} +\d\.\d{4} +\d\.\d{4} +100", table[2])
    lines = result.stderr.splitlines()
    assert lines[0].endswith("bert: new, not from the checkpoint: classifier")
    assert lines[1].endswith("train.csv: 200 examples, labels negative, positive; 20 steps, the first of them slow")
    assert list(dict.fromkeys(line.split("  ")[0] for line in lines[2:])) == ["epoch 1/2", "epoch 2/2"]
    assert {"config.json", "model.safetensors", "vocab.txt"} <= {path.name for path in (tmp_path / "out").iterdir()}


@pytest.mark.slow
def test_finetune_lets_lower_layers_learn_more_slowly(run, finetune, tiny_bert, tmp_path):
    """So slowly here that only the head and the pooler, which learn at the full rate, move visibly."""
    rates = {"epochs": 1, "batch-size": 50, "learning-rate": 1e-3, "warmup": 0}
    assert run(*finetune(**{"layer-decay": 1e-4, **rates})).exit_code == 0
    before, after = (load_file(folder / "model.safetensors") for folder in (tiny_bert, tmp_path / "out"))
    after = {name.removeprefix("bert."): value for name, value in after.items()}
    moved = {name: float(abs(value - after[name]).max()) for name, value in before.items()}
    assert min(value for name, value in moved.items() if name.startswith("pooler")) > 1e-4
    assert max(value for name, value in moved.items() if not name.startswith("pooler")) < 1e-5


def test_evaluate_prints_a_line_a_figure(run, tiny_classifier, labelled):
    result = run("evaluate", tiny_classifier, "--data", labelled)
    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout.splitlines()[:4] == ["texts      3", "accuracy   1.0000", "macro_f1   1.0000", ""]


def test_evaluate_prints_json_and_nothing_else(run, tiny_classifier, file):
    data = file("test.tsv", "words\tmood\nthe film was lovely\tpositive\nthe film was bad\tpositive\n")
    result = run(
        "evaluate", tiny_classifier, "--data", data, "--json", "--text-column", "words", "--label-column", "mood"
    )
    (found,) = answers(result)
    assert list(found) == ["texts", "accuracy", "macro_f1", "classes", "confusion"]
    assert (found["accuracy"], found["macro_f1"]) == (0.5, pytest.approx((2 / 3 + 0) / 2))


def test_predict_answers_texts_in_their_order(run, tiny_classifier):
    rows = answers(run("predict", tiny_classifier, *(text for text, _ in TEXTS)))
    assert [(row["text"], row["label"]) for row in rows] == TEXTS
    assert all(0.5 < row["score"] <= 1 for row in rows)


def test_predict_answers_a_file_with_one_object_a_line(run, tiny_classifier, labelled, file):
    many = [text for text, _ in TEXTS] * 100
    plain = file("texts.txt", "\n".join(many))
    rows = answers(run("predict", tiny_classifier, "--input", plain))
    assert [row["text"] for row in rows] == many
    assert [row["label"] for row in rows] == [label for _, label in TEXTS] * 100
    again = answers(run("predict", tiny_classifier, "--input", labelled))
    assert [(row["text"], row["label"]) for row in again] == TEXTS


def test_predict_gives_pairs_back_with_their_answers(run, tiny_classifier, file):
    pairs = file("pairs.csv", "first,second\nthe film,was good\nthe day,was bad\n")
    rows = answers(
        run("predict", tiny_classifier, "--input", pairs, "--text-column", "first", "--pair-column", "second")
    )
    assert [(row["text"], row["text_pair"]) for row in rows] == [("the film", "was good"), ("the day", "was bad")]
    (row,) = answers(run("predict", tiny_classifier, "the film", "--pair", "was good"))
    assert row == {**rows[0], "score": pytest.approx(rows[0]["score"])}


def test_predict_keeps_letters_of_all_scripts(run, tiny_classifier):
    assert "这家电影很好 été" in run("predict", tiny_classifier, "这家电影很好 été").stdout


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("test.csv", None, r"test\.csv: no such file"),
        ("test.csv", "", r"test\.csv: holds no rows"),
        (
            "test.csv",
            "text,label\na,negative\nb\n",
            r"test\.csv, line 3: 1 column, the header has 2 \(text, label\); .*",
        ),
        (
            "test.csv",
            "text,label\na,neutral\n",
            r".*line 2: unknown label 'neutral'; the model knows negative, positive",
        ),
        ("test.csv", b"text,label\n\xff,negative\n", r".*line 2: byte 0xff is not UTF-8; save the file as UTF-8"),
        ("test.csv", "text,stars\na,1\n", r".*no label column among text, stars; name it with --label-column"),
        (
            "test.xlsx",
            "",
            r"test\.xlsx: files named '\.xlsx' are not read for text-classification; use \.csv, \.tsv, \.jsonl",
        ),
    ],
)
def test_evaluate_names_the_file_and_line_of_bad_data(fails, tiny_classifier, file, name, content, message):
    if content is not None:
        file(name, content)
    line = fails("evaluate", tiny_classifier, "--data", name)
    assert re.fullmatch(message, line.removeprefix("Error: "))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--input", "none.txt"), "none.txt: no such file"),
        (("--input", "."), ".: cannot be read (Is a directory)"),
    ],
)
def test_predict_names_the_file_that_it_cannot_read(fails, tiny_classifier, words, message):
    assert fails("predict", tiny_classifier, *words) == message


@pytest.mark.parametrize("command", [("predict", "none/", "a"), ("evaluate", "none/", "--data", "test.csv")])
def test_a_model_that_is_not_there_is_named(fails, labelled, command):
    assert fails(*command) == "none/: no such folder, nor a hub id such as `owner/name`"


@pytest.fixture
def damaged(tiny_bert, tmp_path):
    """A copy of the tiny checkpoint that a test may spoil."""
    return Path(shutil.copytree(tiny_bert, tmp_path / "damaged"))


def test_finetune_refuses_truncated_weights(fails, finetune, damaged):
    weights = damaged / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    assert "model.safetensors: not a whole safetensors file" in fails(*finetune(checkpoint=damaged))


def test_finetune_refuses_weights_of_another_shape(fails, finetune, damaged):
    config = json.loads((damaged / "config.json").read_text())
    (damaged / "config.json").write_text(json.dumps({**config, "intermediate_size": 128}))
    line = fails(*finetune(checkpoint=damaged))
    assert "encoder.layer.0.intermediate.dense.weight: (64, 32) in the file, (128, 32) in the model" in line


@pytest.mark.parametrize(("change", "said"), [(300, "larger"), (-100, "smaller")])
def test_finetune_refuses_a_vocabulary_of_another_size(fails, finetune, damaged, change, said):
    pieces = (damaged / "vocab.txt").read_text(encoding="utf-8").splitlines()
    pieces = pieces[:change] if change < 0 else pieces + [f"extra{number}" for number in range(change)]
    WordPieceTokenizer(pieces).save(damaged)
    line = fails(*finetune(checkpoint=damaged))
    assert f"the vocabulary ({len(pieces)} tokens) is {said} than the embedding table" in line


def test_a_config_that_is_wrong_is_named(fails, finetune, damaged):
    config = json.loads((damaged / "config.json").read_text())
    (damaged / "config.json").write_text(json.dumps({**config, "num_attention_heads": 5}))
    message = f"{damaged}/config.json: hidden_size 32 is not a multiple of num_attention_heads 5"
    assert fails(*finetune(checkpoint=damaged)) == message


def test_a_wrong_vocab_size_is_told_from_a_wrong_vocabulary(fails, finetune, damaged):
    config = json.loads((damaged / "config.json").read_text())
    rows = config["vocab_size"]
    (damaged / "config.json").write_text(json.dumps({**config, "vocab_size": rows + 300}))
    line = fails(*finetune(checkpoint=damaged))
    assert f"embeddings.word_embeddings.weight: ({rows}, 32) in the file, ({rows + 300}, 32) in the model" in line


def test_export_of_a_bundle_names_what_to_do(fails, tiny_bundle):
    message = f"{tiny_bundle}: is a bundle already; name the model folder that it was made from"
    assert fails("export", tiny_bundle, "--out", "out") == message


def test_predict_wants_text_that_is_utf8(run):
    result = run("predict", "model", "caf\udce9")
    assert result.exit_code == 2
    assert "'caf\\udce9' is not UTF-8" in result.stderr


def test_finetune_takes_what_a_short_model_can_take(run, finetune, tmp_path):
    call = finetune(epochs=1)
    place = call.index("--max-length")
    assert run(*call[:place], *call[place + 2 :]).exit_code == 0
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["kerasbert"]["max_length"] == 64  # of 64 positions; 128 else


def test_int8_of_a_format_without_it_is_a_wrong_call(run, tiny_classifier, tmp_path):
    result = run(
        "export", tiny_classifier, "--format", "saved_model", "--quantize", "int8", "--out", tmp_path / "bundle"
    )
    assert (result.exit_code, list(tmp_path.iterdir())) == (2, [])
    assert "saved_model: has no int8; quantize can be none there" in result.stderr


def test_finetune_refuses_more_tokens_than_positions(run, finetune):
    result = run(*finetune(**{"max-length": 65}))
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: --max-length is 65: use 3 to 64, the model's positions\n")


@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("train", "", "data.csv: holds no rows"),
        ("train", "text,label\na,1\n", "data.csv: labels found: 1; at least 2 are needed to learn"),
        ("dev", "text,label\na,x\n", "data.csv, line 2: unknown label 'x'; the model knows negative, positive"),
    ],
)
def test_finetune_names_bad_data(fails, finetune, file, option, content, message):
    file("data.csv", content)
    assert fails(*finetune(**{option: "data.csv"})) == message


def test_finetune_looks_at_its_target_before_it_reads_anything(fails, finetune, file, tmp_path):
    file("mine", "x")
    for target, message in (
        (tmp_path, f"{tmp_path}: the output folder is not empty; name another, or empty it first"),
        (tmp_path / "mine", f"{tmp_path / 'mine'}: is a file; name a folder to write to"),
    ):
        assert fails(*finetune(out=target, train="none.csv", checkpoint="none/")) == message
