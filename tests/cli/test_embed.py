"""kerasbert embed: the vectors of a file of texts, in its order, whole or not at all."""

import json

import numpy as np
import pytest

from kerasbert import SentenceEncoder
from kerasbert.runs.vectors import write_vectors

TEXTS = ["the film was lovely", "", "bad", "the room was clean and the staff was kind", "good"]


@pytest.fixture(scope="module")
def encoder(tiny_bert, tmp_path_factory):
    folder = tmp_path_factory.mktemp("embed") / "model"
    SentenceEncoder.from_pretrained(
        tiny_bert, max_length=16, prompt="it was ", prompts={"query": "good "}
    ).save_pretrained(folder)
    return folder


def test_an_array_has_the_vectors_in_the_order_of_the_texts(run, encoder, file, tmp_path):
    path = file("texts.txt", "\n".join(TEXTS) + "\n")
    result = run("embed", encoder, "--data", path, "--out", "vectors.npy", "--batch-size", 2)
    assert (result.exit_code, result.stdout) == (0, "vectors.npy: 5 vectors of 32 numbers\n"), result.output
    assert "1 of 5 texts (the first on line 2) is empty" in result.stderr
    found = np.load(tmp_path / "vectors.npy")
    assert found.dtype == np.float32
    model = SentenceEncoder.from_pretrained(encoder)
    np.testing.assert_allclose(found, model.encode(TEXTS), atol=1e-5)
    assert run("embed", encoder, "--data", path, "--out", "vectors.npy", "--prompt", "").exit_code == 0
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), model.encode(TEXTS, prompt=""), atol=1e-5)
    assert run("embed", encoder, "--data", path, "--out", "vectors.npy", "--prompt-name", "query").exit_code == 0
    np.testing.assert_allclose(np.load(tmp_path / "vectors.npy"), model.encode(TEXTS, prompt="good "), atol=1e-5)
    assert sorted(each.name for each in tmp_path.iterdir()) == ["texts.txt", "vectors.npy"]
    result = run("embed", encoder, "--data", path, "--out", "other.npy", "--prompt-name", "title")
    assert (result.exit_code, result.stderr.splitlines()[-1]) == (
        1,
        "Error: prompt_name is 'title': the model has query",
    )
    result = run("embed", encoder, "--data", path, "--out", "other.npy", "--prompt-name", "query", "--prompt", "a")
    assert result.exit_code == 2
    assert "--prompt and --prompt-name: give one of them" in result.stderr
    assert not (tmp_path / "other.npy").exists()


def test_lines_have_the_texts_too_and_second_texts_do_not_count(run, encoder, file, tmp_path):
    path = file("pairs.csv", "review,text_pair\nthe film was lovely,x\nbad,y\n")
    result = run("embed", encoder, "--data", path, "--out", "vectors.jsonl", "--text-column", "review")
    assert result.exit_code == 0, result.output
    lines = [json.loads(line) for line in (tmp_path / "vectors.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [each["text"] for each in lines] == ["the film was lovely", "bad"]
    wanted = SentenceEncoder.from_pretrained(encoder).encode([each["text"] for each in lines])
    np.testing.assert_allclose([each["embedding"] for each in lines], wanted, atol=1e-5)


@pytest.mark.parametrize(
    ("out", "code", "message"),
    [
        ("vectors.csv", 2, "vectors.csv: name a file that ends with .npy or .jsonl"),
        ("nowhere/vectors.npy", 2, "nowhere: no such folder"),
        ("vectors.npy", 1, "no.txt: "),
    ],
)
def test_a_call_that_cannot_be_is_one_line(run, out, code, message):
    result = run("embed", "model", "--data", "no.txt", "--out", out)
    assert result.exit_code == code
    assert message in result.stderr


@pytest.mark.parametrize("name", ["vectors.npy", "vectors.jsonl"])
def test_work_that_ends_early_leaves_the_old_file(tmp_path, name):
    (tmp_path / name).write_text("old")

    def vectors():
        yield "a", np.ones(3, np.float32)
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_vectors(tmp_path / name, vectors(), count=2, width=3)
    assert [(each.name, each.read_text()) for each in tmp_path.iterdir()] == [(name, "old")]


def test_numbers_of_lines_are_those_of_float32(tmp_path):
    vector = np.random.default_rng(0).normal(size=9).astype(np.float32)
    write_vectors(tmp_path / "x.jsonl", [("a", vector)], count=1, width=9)
    found = json.loads((tmp_path / "x.jsonl").read_text())
    np.testing.assert_array_equal(np.array(found["embedding"], np.float32), vector)
