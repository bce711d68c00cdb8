"""Static encoders: a vector per token, made from a teacher."""

import keras
import numpy as np
import pytest
from conftest import small_vocabulary
from families import small_encoder

from kerasbert import BertConfig, BertEncoder, FeatureExtractor, MaskFiller, SentenceEncoder, TextClassifier
from kerasbert.checkpoints.convert import convert
from kerasbert.checkpoints.vocabulary import prune_vocabulary
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.models.static import principal_components, static_of
from kerasbert.runs.static import StaticOptions, make_static
from kerasbert.tokenizers import WordPieceTokenizer

TEXTS = ["the film was good", "good", "the room was kind and the day was awful"]


@pytest.fixture(scope="module")
def teacher() -> BertEncoder:
    return small_encoder("bert", WordPieceTokenizer(small_vocabulary()), pooler=False)


@pytest.fixture(scope="module")
def static(teacher) -> BertEncoder:
    return static_of(teacher, size=6, batch_size=7)


def expected_table(teacher: BertEncoder, size: int) -> np.ndarray:
    """model2vec's recipe, text by text and with a singular value decomposition."""
    tokenizer = teacher.tokenizer
    kept = [i for i, token in enumerate(tokenizer.vocabulary) if token not in tokenizer.special_tokens]
    alone = []
    for token in kept:
        ids = np.array([[tokenizer.id_of("cls"), token, tokenizer.id_of("sep")]])
        inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
        alone.append(np.asarray(teacher(inputs)["sequence_output"])[0].mean(axis=0))
    centred = np.array(alone, np.float64) - np.mean(alone, axis=0)
    rows = centred @ np.linalg.svd(centred)[2][:size].T
    frequencies = 1 / np.arange(2, 2 + len(rows))
    rows *= (1e-4 / (1e-4 + frequencies / frequencies.sum()))[:, None]
    table = np.zeros((tokenizer.vocab_size, size))
    table[kept] = rows / np.sqrt((rows**2).sum(axis=1).mean())
    return table


def test_the_table_is_that_of_the_recipe(teacher, static):
    found, wanted = np.asarray(static.embeddings.word_table), expected_table(teacher, 6)
    signs = np.sign((found * wanted).sum(axis=0))  # an axis has no sign
    np.testing.assert_allclose(found * signs, wanted, atol=1e-5)
    special = [static.tokenizer.id_of(role) for role in ("pad", "unk", "cls", "sep", "mask")]
    assert not found[special].any()


def test_principal_components_have_signs():
    vectors = np.random.default_rng(1).normal(size=(40, 5))
    once, mirrored = principal_components(vectors, 2), principal_components(-vectors, 2)
    np.testing.assert_allclose(once, -mirrored, atol=1e-12)
    assert np.abs(once.mean(axis=0)).max() < 1e-12 < np.ptp(once)


def test_a_text_is_the_mean_of_its_tokens(static):
    """Zeros of [CLS] and [SEP] count in the length of the mean, and not in its direction, as without them."""
    table, tokenizer = np.asarray(static.embeddings.word_table), static.tokenizer
    means = np.array([table[ids].mean(axis=0) for ids in tokenizer.piece_ids(TEXTS)])
    found = SentenceEncoder(static).encode(TEXTS)
    np.testing.assert_allclose(found, means / np.linalg.norm(means, axis=1, keepdims=True), atol=1e-6)


def test_a_folder_begins_every_task_with_the_mean_and_keeps_the_weights(static, tmp_path):
    static.save_pretrained(tmp_path / "static")
    classifier = TextClassifier.from_pretrained(tmp_path / "static", labels=["bad", "good"])
    assert (classifier.settings.pooling, classifier.config) == ("mean", static.config)
    classifier.save_pretrained(tmp_path / "classifier")
    again = TextClassifier.from_pretrained(tmp_path / "classifier")
    np.testing.assert_array_equal(again.predict_logits(TEXTS), classifier.predict_logits(TEXTS))
    classifier.save(tmp_path / "classifier.keras")
    loaded = keras.models.load_model(tmp_path / "classifier.keras")
    np.testing.assert_array_equal(loaded.predict_logits(TEXTS), classifier.predict_logits(TEXTS))
    vectors = FeatureExtractor.from_pretrained(tmp_path / "static").predict_outputs(TEXTS)["sequence_output"]
    ids = static.tokenizer(TEXTS[1])["input_ids"][0]
    np.testing.assert_array_equal(vectors[1], np.asarray(static.embeddings.word_table)[ids])


def test_no_other_library_is_told_that_it_may_open_the_folder(static, tmp_path):
    SentenceEncoder(static, max_length=9).save_pretrained(tmp_path / "encoder")
    files = {path.name for path in (tmp_path / "encoder").iterdir()}
    assert "modules.json" not in files
    page = (tmp_path / "encoder" / "README.md").read_text("utf-8")
    assert "library_name: kerasbert" in page
    assert "import transformers" not in page
    assert "sentence_transformers" not in page
    assert SentenceEncoder.from_pretrained(tmp_path / "encoder").settings.max_length == 9


def test_the_whole_learns(static):
    model = TextClassifier(static_copy(static), labels=["bad", "good"], pooling="mean", max_length=16)
    model.compile()
    before = np.asarray(model.encoder.embeddings.word_table).copy()
    model.fit(TEXTS, ["good", "good", "bad"], epochs=1, verbose=0)
    changed = (np.asarray(model.encoder.embeddings.word_table) != before).any(axis=1)
    used = {i for ids in static.tokenizer(TEXTS)["input_ids"] for i in ids}
    assert set(np.flatnonzero(changed)) <= used | {i for i, row in enumerate(before) if row.any()}
    assert changed[static.tokenizer.piece_ids(["good"])[0]].all()
    with pytest.raises(ConfigError, match="LoRA needs the blocks of an encoder, and a static one has none"):
        model.enable_lora(2)


def static_copy(static: BertEncoder) -> BertEncoder:
    copy = BertEncoder(static.config, tokenizer=static.tokenizer)
    copy.set_weights(static.get_weights())
    return copy


def test_a_smaller_vocabulary_gives_the_same_vectors(static, tmp_path):
    static.save_pretrained(tmp_path / "static")
    done = prune_vocabulary(tmp_path / "static", tmp_path / "small", TEXTS)
    assert done.tokens[1] < done.tokens[0]
    found = SentenceEncoder.from_pretrained(tmp_path / "small").encode(TEXTS)
    np.testing.assert_allclose(found, SentenceEncoder(static).encode(TEXTS), atol=1e-6)


def test_what_needs_blocks_is_refused(static, teacher, tmp_path):
    with pytest.raises(ConfigError, match="pooling 'cls' needs the blocks of an encoder, and a static one has none"):
        SentenceEncoder(static, pooling="cls")
    with pytest.raises(ConfigError, match="fill-mask needs the blocks"):
        MaskFiller(static)
    with pytest.raises(ConfigError, match="a teacher needs the blocks"):
        static_of(static, size=2)
    with pytest.raises(ConfigError, match="size is 17: use a whole number from 1 to 16"):
        static_of(teacher, size=17)
    with pytest.raises(ConfigError, match="the teacher has no tokenizer"):
        static_of(BertEncoder(BertConfig.from_size("tiny", vocab_size=30)))
    static.save_pretrained(tmp_path / "static")
    with pytest.raises(CheckpointError, match="has no place in other formats"):
        convert(tmp_path / "static", tmp_path / "out", to="keras-hub")


def test_a_run_writes_the_folder_and_tells_how_far_it_is(teacher, tmp_path):
    teacher.save_pretrained(tmp_path / "teacher")
    told = []
    options = StaticOptions(checkpoint=str(tmp_path / "teacher"), size=6, batch_size=50)
    made = make_static(tmp_path / "static", options, told=lambda done, total: told.append((done, total)))
    again = BertEncoder.from_pretrained(tmp_path / "static")
    np.testing.assert_array_equal(again.get_weights()[0], made.get_weights()[0])
    assert again.config == made.config
    count = teacher.tokenizer.vocab_size - len(teacher.tokenizer.special_tokens)
    assert told[0][0] == min(50, count)
    assert told[-1] == (count, count)
