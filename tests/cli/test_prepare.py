"""vocab, prepare and inspect on raw text, and how they fail."""

import gzip
import json

import pytest

from kerasbert.corpus.index import Index

TEXT = "\n\n".join(
    f"The hotel was clean and the food was good, said guest {number}. We would open the door. "
    f"Nobody knew the answer to question {number}. The people were kind!\nIt was a long day."
    for number in range(40)
)


@pytest.fixture
def corpus(tmp_path):
    (tmp_path / "corpus.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path / "corpus.txt"


def test_from_text_to_data(run, corpus, tmp_path):
    result = run("vocab", corpus, "--size", 120, "--out", "vocab")
    assert (result.exit_code, result.stdout) == (0, "vocab: 120 tokens\n"), result.output
    result = run("prepare", corpus, "--vocab", "vocab", "--max-length", 64, "--out", "data")
    assert result.exit_code == 0, result.output
    index = Index.read(tmp_path / "data")
    assert result.stdout == f"data: {index.total('tokens')} tokens in {index.total('rows')} rows, 1 shards\n"
    assert "M tokens/CPU-s" in result.stderr
    result = run("inspect", "data", "--plot", "lengths.png")
    assert result.exit_code == 0, result.output
    facts = dict(line.split(maxsplit=1) for line in result.stdout.splitlines() if not line.startswith("instance"))
    assert facts["mode"] == "mlm"
    assert "[MASK]→" in result.stdout
    assert (tmp_path / "lengths.png").read_bytes().endswith(b"IEND\xae\x42\x60\x82")  # whole
    facts = json.loads(run("inspect", "data", "--json").stdout)
    assert facts["documents in all"] == 40
    assert sum(line.count("[CLS]") for name, line in facts.items() if name.startswith("instance ")) == 3


def test_packed_rows_are_shown_too(run, corpus, tiny_bert):
    words = ("--mode", "mlm", "--pack", "--max-length", 128, "--out", "data")
    assert run("prepare", corpus, "--vocab", tiny_bert, *words).exit_code == 0
    shown = [line for line in run("inspect", "data").stdout.splitlines() if line.startswith("instance 1")]
    assert shown[0].count("[CLS]") > 1


def test_defaults_of_prepare_and_pretrain_agree():
    from kerasbert.cli.prepare import prepare
    from kerasbert.cli.pretrain import pretrain
    from kerasbert.corpus.preparation import Settings
    from kerasbert.training.recipes import Recipe

    usual, settings = {each.name: each.default for each in prepare.params}, Settings()
    for name in ("mode", "max_length", "short_probability", "sentences", "documents", "errors", "seed"):
        assert usual[name] == getattr(settings, name), name
    assert usual["slice_mb"] * 2**20 == settings.slice_bytes
    recipe = Recipe.named(next(each.default for each in pretrain.params if each.name == "recipe"))
    assert (recipe.mode, recipe.max_length) == (settings.mode, settings.max_length)


@pytest.mark.parametrize("name", ["vocab.txt", "tokenizer.json"])
def test_a_vocabulary_may_be_named_by_its_file(run, corpus, tiny_bert, tmp_path, name):
    for out, vocabulary in (("a", tiny_bert), ("b", tiny_bert / name)):
        assert run("prepare", corpus, "--vocab", vocabulary, "--out", out).exit_code == 0
    assert (tmp_path / "a" / "index.json").read_bytes() == (tmp_path / "b" / "index.json").read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", b"plain\0bytes", "a.txt: a NUL byte"),
        ("a.txt.gz", gzip.compress(TEXT.encode())[:-20], "a.txt.gz: broken .gz file"),
        ("a.txt", b"first line\nsecond \xff line", "a.txt, line 2: byte 0xff is not UTF-8"),
        ("a.txt", b" \n\n \n", "the corpus is empty"),
        ("a.jsonl", b'{"text": "fine"}\n{"txt": 1}\n', 'a.jsonl, line 2: no object with a "text"'),
    ],
)
def test_text_that_cannot_be_used_is_named_and_nothing_is_left(run, tmp_path, tiny_bert, name, content, message):
    (tmp_path / name).write_bytes(content)
    result = run("prepare", tmp_path / name, "--vocab", tiny_bert, "--out", "new/data")
    assert result.exit_code == 1, result.output
    assert message in result.stderr.splitlines()[-1]
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_bytes_that_are_not_utf8_can_be_let_through(run, tmp_path, tiny_bert):
    (tmp_path / "a.txt").write_bytes(TEXT.encode() + b"\n\nA bad \xff byte. And another sentence.")
    result = run("prepare", tmp_path / "a.txt", "--vocab", tiny_bert, "--errors", "replace", "--out", "data")
    assert result.exit_code == 0, result.output


def test_a_vocabulary_without_mask_is_refused_before_anything_is_written(fails, corpus, tmp_path):
    (tmp_path / "vocab").mkdir()
    (tmp_path / "vocab" / "vocab.txt").write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\nthe\n")
    assert "has no [MASK]" in fails("prepare", corpus, "--vocab", tmp_path / "vocab", "--out", "data")


def test_wrong_calls_end_with_2(run, corpus, tiny_bert, opinion_file):
    for words in (("--beam=--x=1",), ("--max-length", 3), ("--mode", "nsp")):
        assert run("prepare", corpus, "--vocab", tiny_bert, "--out", "data", *words).exit_code == 2
    assert run("vocab", corpus, "--kind", "bpe", "--cased", "--out", "vocab").exit_code == 2
    assert run("inspect", opinion_file, "--plot", "x.png").exit_code == 2
