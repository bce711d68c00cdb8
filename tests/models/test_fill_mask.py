"""The mask filler in Keras: heads of transformers and of pre-training, only masked positions, learning from texts."""

from pathlib import Path

import keras
import numpy as np
import pytest

from kerasbert import BertConfig, BertEncoder, MaskFiller, PretrainingModel
from kerasbert.errors import DataError, TokenizerError
from kerasbert.models.opening import open_model
from kerasbert.runs.finetune import finetune
from kerasbert.tasks.fill_mask import TASK
from kerasbert.tokenizers import WordPieceTokenizer

FIXTURES = Path(__file__).parents[1] / "parity" / "fixtures"
WORDS = [f"w{number}" for number in range(12)]


def filler(**settings) -> MaskFiller:
    keras.utils.set_random_seed(2)
    tokenizer = WordPieceTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS])
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 24}
    sizes |= {"max_position_embeddings": 20, "initializer_range": 0.2, "hidden_dropout_prob": 0.0}
    config = BertConfig(vocab_size=tokenizer.vocab_size, **sizes)
    return MaskFiller(BertEncoder(config, tokenizer=tokenizer, pooler=False), **settings)


@pytest.mark.parametrize("folder", ["bert", "roberta_mlm", "distilbert_mlm"])
def test_logits_at_the_positions_are_those_of_transformers(folder):
    model, arrays = MaskFiller.from_pretrained(FIXTURES / folder), np.load(FIXTURES / f"{folder}.npz")
    for case in ("short", "short_padded", "long_padded"):
        found = model({name: arrays[f"{case}.{name}"] for name in model.input})
        np.testing.assert_allclose(found["logits"], arrays[f"{case}.mlm_logits"], atol=1e-4)


@pytest.mark.parametrize("nsp", [False, True])
def test_what_pretraining_saved_is_opened(tmp_path, nsp):
    trained = PretrainingModel.from_pretrained(FIXTURES / "bert", nsp=nsp)
    trained.save_pretrained(tmp_path / "model")
    model = open_model(tmp_path / "model")
    assert isinstance(model, MaskFiller)
    assert model.encoder.pooler is None
    (row,) = model.task.rows(model.tokenizer, *TASK.examples(["the [MASK] was a cat"]), model.settings)
    inputs = {name: np.array([values]) for name, values in row.inputs.items()}
    np.testing.assert_allclose(model(inputs)["logits"], trained(inputs)["mlm_logits"], atol=1e-5)
    model.save_pretrained(tmp_path / "again")
    assert open_model(tmp_path / "again").predict_text(["a [MASK]"]) == model.predict_text(["a [MASK]"])


def test_an_answer_does_not_depend_on_padding_or_on_the_last_block_of_others():
    model = filler()
    texts = ["w1 [MASK] w2", "[MASK] " + "w3 " * 15, "w4 [MASK]"]
    together, alone = model.predict_text(texts), [model.predict_text([text])[0] for text in texts]
    for ours, theirs in zip(together, alone, strict=True):
        assert [each["token"] for each in ours] == [each["token"] for each in theirs]
        np.testing.assert_allclose([x["score"] for x in ours], [x["score"] for x in theirs], rtol=1e-5)


def test_texts_without_a_token_are_one_line():
    model = filler()
    model.compile()
    for learn in (model.fit, model.evaluate):
        with pytest.raises(DataError, match=r"^the examples: no text has a token to learn or to judge$"):
            learn(["", "\u200b"])


def test_the_users_metrics_do_not_count_unused_positions():
    """A short text has fewer masked words than the longest one has positions; unused ones have the target 0."""
    model = filler(max_length=20)
    used = keras.metrics.MeanMetricWrapper(lambda right, _: keras.ops.cast(right > 0, "float32"), name="used")
    model.compile(metrics=[used])
    assert model.evaluate(["w1", "w2 " * 18, "w3 w4"], verbose=0, return_dict=True)["used"] == 1.0


@pytest.mark.slow
def test_it_learns_the_words_of_texts_from_a_file_and_from_a_list(tmp_path):
    """Each text is one word, again and again, so that a masked word follows from the others."""
    model = filler(max_length=12)
    texts = [f"{word} " * 8 for word in WORDS[:4]] * 12
    path = tmp_path / "texts.txt"
    path.write_text("\n".join(texts), encoding="utf-8")
    model.compile(keras.optimizers.Adam(0.02))
    before = model.evaluate(texts, verbose=0, return_dict=True)
    assert before == model.evaluate(texts, verbose=0, return_dict=True)
    model.fit(model.dataset(path, batch_size=8), epochs=9, verbose=0)
    model.fit(texts, epochs=4, batch_size=8, verbose=0)
    after = model.evaluate(texts, verbose=0, return_dict=True)
    assert after["loss"] < 0.6 * before["loss"]
    assert TASK.figures(list(model.answered(TASK.to_learn(TASK.examples(texts)))), model.settings)["accuracy"] > 0.9


def test_a_keras_file_keeps_settings_and_answers(tmp_path):
    model = filler(max_length=9, top_k=2, targets=["w1", "w5", "w7"])
    model.save(tmp_path / "model.keras")
    again = open_model(str(tmp_path / "model.keras"))
    assert again.settings == model.settings
    assert again.predict_text(["w1 [MASK]"]) == model.predict_text(["w1 [MASK]"])
    assert len(model.predict_text(["w1 [MASK]"])[0]) == 2


def test_a_call_may_ask_for_other_words_and_another_number_of_them():
    model = filler(max_length=9, top_k=2)
    words = ("w1", "w5", "w7")
    (few,) = model.predict_text(["w1 [MASK]"], targets=words, top_k=3)
    (best,) = model.predict_text(["w1 [MASK]"], top_k=10_000)
    assert [each["token_str"] for each in few] == [each["token_str"] for each in best if each["token_str"] in words]
    assert len(model.predict_text(["w1 [MASK]"])[0]) == 2
    assert model.settings.targets == ()


def test_targets_that_are_no_tokens_are_refused_before_anything_is_learned(tiny_bert, tmp_path):
    said = r"^targets: 'zzzqq' is no token of the vocabulary, but "
    with pytest.raises(TokenizerError, match=said):
        MaskFiller.from_pretrained(tiny_bert, targets=["good", "zzzqq"])
    path = tmp_path / "texts.txt"
    path.write_text("the film was good\n" * 4, encoding="utf-8")
    with pytest.raises(TokenizerError, match=said):
        finetune("fill-mask", path, tmp_path / "out", checkpoint=str(tiny_bert), settings={"targets": ("zzzqq",)})
    assert not (tmp_path / "out").exists()
