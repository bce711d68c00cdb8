"""Vocabulary surgery on folders: kept tokens answer as before to the last bit, and nothing else of a folder changes."""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from checkpoints.head_classes import NAMES, PIECES, make_folder
from checkpoints.keras_hub_models import own_model
from safetensors.numpy import load_file, save_file

import kerasbert as kb
from kerasbert.checkpoints.convert import convert
from kerasbert.config import BertConfig
from kerasbert.errors import CheckpointError, KerasBertError, TokenizerError
from kerasbert.tokenizers import WordPieceTokenizer

FIXTURES = Path(__file__).parents[1] / "parity" / "fixtures"
CORPUS = ["The dog was 7", "cab, and the cat"]
ROWS = ("word_embeddings.weight", "cls.predictions.bias", "lm_head.bias", "vocab_projector.bias", "decoder.bias")
ROWS += ("decoder.weight", "vocab_projector.weight")
"""The ends of the names of tensors with one row per token."""


def settings_of(folder: Path) -> dict:
    return json.loads((folder / "config.json").read_text(encoding="utf-8"))


def bits(values) -> np.ndarray:
    return np.asarray(values, "float32").view("uint32")


@pytest.mark.parametrize("name", NAMES)
def test_rows_of_tokens_change_and_nothing_else(name, tmp_path):
    folder = make_folder(tmp_path / "model", name)
    pieces = [*PIECES[:5], *(f"word{number}" for number in range(10)), *PIECES[5:95]]
    kept = [*range(5), *range(15, 105)]
    (folder / "vocab.txt").write_text("\n".join(pieces), "utf-8")
    pruned = kb.prune_vocabulary(folder, tmp_path / "small", ["word", "abc 1!"])
    grown = kb.add_tokens(folder, tmp_path / "large", ["zebra", "[E1]"])
    assert pruned.tokens == (len(pieces), 95)
    assert grown.tokens == (len(pieces), len(pieces) + 2)
    before, small, large = (
        load_file(path / "model.safetensors") for path in (folder, tmp_path / "small", tmp_path / "large")
    )
    assert before.keys() == small.keys() == large.keys()
    for tensor, values in before.items():
        if tensor.endswith(ROWS):
            assert np.array_equal(small[tensor], values[kept])
            assert np.array_equal(large[tensor][:-2], values)
            mean = values.mean(axis=0, dtype="float64")
            assert np.allclose(large[tensor][-2:], [mean, mean], atol=1e-7)
        else:
            assert np.array_equal(small[tensor], values)
            assert np.array_equal(large[tensor], values)
    for path, done in (("small", pruned), ("large", grown)):
        assert settings_of(tmp_path / path) == {**settings_of(folder), "vocab_size": done.tokens[1], "dtype": "float32"}
        assert done.numbers == tuple(
            sum(x.size for x in tensors.values()) for tensors in (before, small if path == "small" else large)
        )


@pytest.mark.parametrize("name", ["bert", "roberta_mlm", "distilbert_mlm"])
def test_a_pruned_model_gives_the_same_logits_on_kept_tokens(name, tmp_path):
    kb.prune_vocabulary(FIXTURES / name, tmp_path / "small", CORPUS)
    before, after = (kb.MaskFiller.from_pretrained(path) for path in (FIXTURES / name, tmp_path / "small"))
    old, new = before.encoder.tokenizer.vocabulary, after.encoder.tokenizer.vocabulary
    assert len(new) < len(old)
    texts = [text.replace("the", "[MASK]").replace("7", "[MASK]") for text in CORPUS]
    first, second = (bits(model.predict_outputs(texts)["logits"]) for model in (before, after))
    assert np.array_equal(first[:, [old.index(token) for token in new]], second)


@pytest.mark.parametrize("name", ["bert_classifier", "roberta_classifier", "distilbert_classifier"])
def test_a_pruned_classifier_gives_the_same_scores(name, tmp_path):
    kb.prune_vocabulary(FIXTURES / name, tmp_path / "small", CORPUS)
    first, second = (
        bits(kb.TextClassifier.from_pretrained(path).predict_outputs(CORPUS)["logits"])
        for path in (FIXTURES / name, tmp_path / "small")
    )
    assert np.array_equal(first, second)


@pytest.mark.parametrize("name", ["bert", "roberta_mlm", "distilbert_mlm"])
def test_a_new_token_gets_the_mean_of_the_other_logits(name, tmp_path):
    """So that no new word takes the place of one that the model knows, before it is trained."""
    kb.add_tokens(FIXTURES / name, tmp_path / "large", ["covid"])
    model = kb.MaskFiller.from_pretrained(tmp_path / "large")
    assert model.encoder.tokenizer.vocabulary[-1] == "covid"
    (logits,) = model.predict_outputs(["the [MASK] covid was"])["logits"]
    assert logits[-1] == pytest.approx(logits[:-1].mean(), abs=1e-4)


WORDS = ["dog", "cat", "zebra", "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "##s", "d", "was"]


@pytest.mark.parametrize(("family", "kept"), [("bert", WORDS[:1] + WORDS[3:-1]), ("roberta", WORDS[:-1])])
def test_the_ids_of_config_json_follow_their_tokens(family, kept, tmp_path):
    """RoBERTa counts positions from the id of its padding, which therefore stays."""
    keras.utils.set_random_seed(0)
    config = BertConfig.from_size(
        "tiny", model_type=family, vocab_size=len(WORDS), pad_token_id=3, max_position_embeddings=20
    )
    encoder = kb.BertEncoder(config, tokenizer=WordPieceTokenizer(WORDS))
    encoder.save_pretrained(tmp_path / "model")
    settings = {**settings_of(tmp_path / "model"), "eos_token_id": 6, "bos_token_id": None, "sep_token_id": 99}
    (tmp_path / "model" / "config.json").write_text(json.dumps(settings))
    kb.prune_vocabulary(tmp_path / "model", tmp_path / "small", ["dogs"])
    small = kb.BertEncoder.from_pretrained(tmp_path / "small")
    assert small.tokenizer.vocabulary == kept
    wanted = {"pad_token_id": kept.index("[PAD]"), "eos_token_id": kept.index("[SEP]"), "vocab_size": len(kept)}
    assert settings_of(tmp_path / "small") == {**settings, **wanted}
    first, second = (each.predict_on_batch(each.tokenizer(["dogs dog", "d"])) for each in (encoder, small))
    assert np.array_equal(bits(first["sequence_output"])[0], bits(second["sequence_output"])[0])


def test_rows_behind_the_vocabulary_are_left_out(tmp_path):
    """A table that is padded for speed: new tokens begin behind the last token, and at the mean of the real rows."""
    folder = shutil.copytree(FIXTURES / "bert", tmp_path / "model")
    tensors = load_file(folder / "model.safetensors")
    padded = {
        name: np.pad(x, [(0, 1), *[(0, 0)] * (x.ndim - 1)], constant_values=9) if name.endswith(ROWS) else x
        for name, x in tensors.items()
    }
    save_file(padded, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({**settings_of(folder), "vocab_size": 80}))
    assert kb.add_tokens(folder, tmp_path / "large", ["covid"]).tokens == (79, 80)
    table = next(x for name, x in load_file(tmp_path / "large" / "model.safetensors").items() if name.endswith(ROWS[0]))
    assert np.allclose(table[79], table[:79].mean(axis=0), atol=1e-7)
    kb.prune_vocabulary(folder, tmp_path / "small", CORPUS)
    assert settings_of(tmp_path / "small")["vocab_size"] < 79


def test_words_that_a_mask_filler_chooses_among_stay(tmp_path):
    kb.MaskFiller.from_pretrained(FIXTURES / "bert", targets=("dog", "cat")).save_pretrained(tmp_path / "model")
    kb.prune_vocabulary(tmp_path / "model", tmp_path / "small", ["was"])
    (answers,) = kb.MaskFiller.from_pretrained(tmp_path / "small").predict_text(["a [MASK]"])
    assert {answer["token_str"] for answer in answers} == {"dog", "cat"}


def test_a_sentence_encoder_keeps_its_modules_and_its_length(tiny_bert, tmp_path):
    model = kb.SentenceEncoder.from_pretrained(tiny_bert, pooling="mean", max_length=24)
    model.save_pretrained(tmp_path / "model")
    texts = ["the film was lovely", "a rude hotel"]
    kb.prune_vocabulary(tmp_path / "model", tmp_path / "small", texts)
    small = kb.SentenceEncoder.from_pretrained(tmp_path / "small")
    assert np.array_equal(bits(model.encode(texts)), bits(small.encode(texts)))
    names = [
        {path.relative_to(tmp_path / each) for path in (tmp_path / each).rglob("*")} for each in ("model", "small")
    ]
    assert names[0] == names[1]
    limit = json.loads((tmp_path / "small" / "tokenizer_config.json").read_text(encoding="utf-8"))["model_max_length"]
    assert (small.settings.max_length, limit) == (24, 24)


@pytest.mark.parametrize("name", ["bert", "roberta"])
def test_a_prompt_has_the_same_tokens_before_each_text(name, tmp_path):
    """With RoBERTa the first word of a text is another token behind a prompt."""
    model = kb.SentenceEncoder.from_pretrained(FIXTURES / name, prompt="this is ", prompts={"other": "is 7 to: "})
    model.save_pretrained(tmp_path / "model")
    text = CORPUS[0]
    kb.prune_vocabulary(tmp_path / "model", tmp_path / "small", [text])
    small = kb.SentenceEncoder.from_pretrained(tmp_path / "small")

    def pieces(encoder, prompt: str) -> list[int]:
        return encoder.tokenizer.piece_ids([prompt + text])[0]

    for prompt in ("", "this is ", "is 7 to: "):
        before, after = (
            [each.tokenizer.vocabulary[index] for index in pieces(each, prompt)] for each in (model, small)
        )
        assert before == after
        assert np.array_equal(*(bits(each.encode([text], prompt=prompt)) for each in (model, small)))


@pytest.mark.parametrize("to", ["tf1", "keras-hub"])
def test_a_vocabulary_of_another_format_changes_too(to, tmp_path):
    encoder = own_model("bert", "encoder")
    encoder.save_pretrained(tmp_path / "model")
    convert(tmp_path / "model", tmp_path / "source", to=to, approximate=True)
    tokens = encoder.tokenizer.vocabulary
    assert kb.add_tokens(tmp_path / "source", tmp_path / "large", ["zebra"]).tokens == (len(tokens), len(tokens) + 1)
    assert kb.BertEncoder.from_pretrained(tmp_path / "large").tokenizer.vocabulary == [*tokens, "zebra"]
    small = kb.prune_vocabulary(tmp_path / "source", tmp_path / "small", ["the film"])
    assert kb.BertEncoder.from_pretrained(tmp_path / "small").tokenizer.vocab_size == small.tokens[1] < len(tokens)
    for name in ("large", "small"):
        assert "transformers does not have" not in (tmp_path / name / "README.md").read_text(encoding="utf-8")


def test_a_head_of_masked_words_keeps_what_it_computes_with(tmp_path):
    """Such a head comes from KerasHub, and transformers does not have it."""
    model = own_model("bert", "fill-mask")
    model.save_pretrained(tmp_path / "model")
    convert(tmp_path / "model", tmp_path / "preset", to="keras-hub")
    for source in ("model", "preset"):
        kb.add_tokens(tmp_path / source, tmp_path / f"{source}.large", ["zebra"])
        large = kb.MaskFiller.from_pretrained(tmp_path / f"{source}.large")
        assert large.config.mlm == model.config.mlm
        first, second = (each.predict_outputs(["the [MASK]"])["logits"] for each in (model, large))
        assert np.allclose(first, second[:, :-1], atol=1e-5)
        card = (tmp_path / f"{source}.large" / "README.md").read_text(encoding="utf-8")
        assert "transformers does not have this architecture" in card


@pytest.mark.slow
def test_real_weights_give_the_same_vectors(minilm, tmp_path):
    texts = ["It was a lovely film, wasn't it?", "Two lost hours.", "An unforgettable café 🙂", "naïve 词 and more"]
    done = kb.prune_vocabulary(minilm, tmp_path / "small", texts)
    assert done.tokens[1] < 2100
    first, second = (
        bits(kb.SentenceEncoder.from_pretrained(path).encode(texts)) for path in (minilm, tmp_path / "small")
    )
    assert np.array_equal(first, second)


# Refusals


def short_bias(folder: Path) -> None:
    tensors = load_file(folder / "model.safetensors")
    save_file(
        {name: x[:-1] if name.endswith("predictions.bias") else x for name, x in tensors.items()},
        folder / "model.safetensors",
    )


@pytest.mark.parametrize(
    ("spoil", "texts", "error", "said"),
    [
        (
            lambda folder: (folder / "vocab.txt").unlink(),
            ["a"],
            CheckpointError,
            "model: has no tokenizer, so there is no vocabulary",
        ),
        (short_bias, ["a"], CheckpointError, r"cls.predictions.bias: \(78,\) in the file, \(79,\)"),
        (lambda folder: None, [" "], TokenizerError, "the corpus holds no text"),
        (
            lambda folder: (folder.parent / "out").write_text("x"),
            ["a"],
            KerasBertError,
            "out: is a file; name a folder",
        ),
    ],
)
def test_nothing_is_written_of_what_cannot_be_pruned(tmp_path, spoil, texts, error, said):
    folder = shutil.copytree(FIXTURES / "bert", tmp_path / "model")
    spoil(folder)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(error, match=said):
        kb.prune_vocabulary(folder, tmp_path / "out", texts)
    assert sorted(tmp_path.rglob("*")) == before


def test_a_token_that_cannot_be_added_leaves_nothing(tmp_path):
    with pytest.raises(TokenizerError, match="token 2, 'dog', is in the vocabulary already"):
        kb.add_tokens(FIXTURES / "bert", tmp_path / "out", ["covid", "dog"])
    assert list(tmp_path.iterdir()) == []
