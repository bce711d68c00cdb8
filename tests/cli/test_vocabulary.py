"""prune-vocab and add-tokens: what they write, and what they say."""

import json

from kerasbert.tokenizers import load


def test_prune_vocab_says_what_is_kept(run, tiny_bert, file, tmp_path):
    data = file("train.csv", "text,label\nthe film was lovely,positive\na rude hotel 🙂,negative\n")
    result = run("prune-vocab", tiny_bert, data, "--out", tmp_path / "small")
    assert result.exit_code == 0, result.output
    tokens, before = load(tmp_path / "small").vocab_size, load(tiny_bert).vocab_size
    first, second, third = result.stdout.splitlines()
    assert first.startswith(f"{tmp_path / 'small'}: {tokens} tokens, before {before}; 0.")
    counts = dict(reversed(part.split(" ", 1)) for part in second.removeprefix("kept: ").split(", "))
    assert sum(map(int, counts.values())) == tokens
    assert counts["special or added"] == "5"
    texts = ["the film was lovely", "positive", "a rude hotel 🙂", "negative"]
    size = sum(map(len, load(tiny_bert).piece_ids(texts)))
    assert third == f"corpus: 4 texts with {size} tokens (1 unknown), all as before"


def test_prune_vocab_as_json(run, tiny_bert, file, tmp_path):
    result = run("prune-vocab", tiny_bert, file("a.txt", "the film"), "--out", tmp_path / "small", "--json")
    facts = json.loads(result.stdout)
    assert facts["tokens"]["after"] == load(tmp_path / "small").vocab_size == sum(facts["usage"]["kept"].values())
    assert facts["parameters"]["before"] > facts["parameters"]["after"]


def test_add_tokens_from_the_call_and_from_a_file(run, tiny_bert, file, tmp_path):
    listed = file("tokens.txt", "[E1]\r\n[/E1]\r\n")
    result = run("add-tokens", tiny_bert, "--input", listed, "--special", "--out", tmp_path / "marked")
    assert result.exit_code == 0, result.output
    before, tokenizer = load(tiny_bert), load(tmp_path / "marked")
    assert tokenizer.vocabulary == [*before.vocabulary, "[E1]", "[/E1]"]
    assert {"[E1]", "[/E1]"} < tokenizer.special_tokens
    assert result.stdout.startswith(f"{tmp_path / 'marked'}: {tokenizer.vocab_size} tokens, before {before.vocab_size}")
    assert result.stdout.count("\n") == 1
    run("add-tokens", tmp_path / "marked", "zebra", "--out", tmp_path / "both")
    assert load(tmp_path / "both").vocabulary == [*tokenizer.vocabulary, "zebra"]
