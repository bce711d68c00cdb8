"""The pre-training model and the classifier as Keras models."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from kerasbert import BertConfig, BertEncoder, MultipleChoice, NextSentenceScorer, TextClassifier, TokenClassifier
from kerasbert.checkpoints import names
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import ConfigError
from kerasbert.families import FAMILIES
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.models.text_classification import needs_pooler
from kerasbert.runs.describe import describe

SMALL = {"vocab_size": 40, "hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2}
SMALL |= {"intermediate_size": 24, "max_position_embeddings": 20}
IDS = np.random.default_rng(0).integers(2, 40, (3, 7)).astype("int32")
BATCH = {
    "input_ids": IDS,
    "attention_mask": (np.arange(7) < np.array([[7], [3], [5]])).astype("int32"),
    "token_type_ids": IDS % 2,
    "mlm_positions": np.array([[1, 2], [2, 0], [3, 1]], "int32"),
}


def encoder_of(model_type="bert", *, pooler=None, **changes) -> BertEncoder:
    return BertEncoder(BertConfig.from_size("tiny", **{**SMALL, "model_type": model_type, **changes}), pooler=pooler)


def classifier(model_type="bert", *, pooling="cls", dtype=None, **changes) -> TextClassifier:
    encoder = encoder_of(model_type)
    return TextClassifier(encoder, labels=["a", "b", "c"], pooling=pooling, dtype=dtype, **changes)


def tagger(model_type="bert", **changes) -> TokenClassifier:
    return TokenClassifier(encoder_of(model_type, pooler=False), labels=["O", "B-A", "I-A"], **changes)


def answers(model) -> dict:
    found = model({name: BATCH[name] for name in model.input})
    return found if isinstance(found, dict) else {"logits": found}


MODELS = {
    "pretraining": lambda: PretrainingModel(encoder_of()),
    "masked words alone": lambda: PretrainingModel(encoder_of(), nsp=False),
    "masked words of roberta": lambda: PretrainingModel(encoder_of("roberta")),
    "masked words of distilbert": lambda: PretrainingModel(encoder_of("distilbert")),
    "masked words of electra": lambda: PretrainingModel(encoder_of("electra", embedding_size=6)),
    "classifier": classifier,
    "classifier in half precision": lambda: classifier(dtype="mixed_bfloat16"),
    "classifier of roberta": lambda: classifier("roberta"),
    "classifier of distilbert, mean": lambda: classifier("distilbert", pooling="mean"),
    "classifier of roberta, additive": lambda: classifier("roberta", pooling="additive"),
    "tagger": tagger,
    "tagger in half precision": lambda: tagger(dtype="mixed_bfloat16"),
    "tagger of roberta": lambda: tagger("roberta"),
    "tagger of distilbert": lambda: tagger("distilbert", aggregation="max", max_length=12),
    "chooser": lambda: MultipleChoice(encoder_of()),
    "chooser of roberta": lambda: MultipleChoice(encoder_of("roberta"), max_length=12),
    "chooser of distilbert, in half precision": lambda: MultipleChoice(
        encoder_of("distilbert"), dtype="mixed_bfloat16"
    ),
    "chooser of electra": lambda: MultipleChoice(encoder_of("electra", embedding_size=6)),
    "classifier of electra": lambda: classifier("electra"),
    "scorer of pairs": lambda: NextSentenceScorer(encoder_of(), labels=["yes", "no"]),
    "scorer of pairs in half precision": lambda: NextSentenceScorer(encoder_of(), dtype="mixed_bfloat16"),
    "several labels": lambda: classifier(problem_type="multi_label_classification", max_length=12),
}


@pytest.mark.parametrize("name", MODELS)
def test_a_keras_file_gives_the_same_model(name, tmp_path):
    model = MODELS[name]()
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded) is type(model)
    assert loaded.get_config() == model.get_config()
    before, after = answers(model), answers(loaded)
    assert before.keys() == after.keys()
    for output, value in before.items():
        np.testing.assert_array_equal(value, after[output])


@pytest.mark.parametrize("name", MODELS)
def test_save_pretrained_gives_the_same_model(name, tmp_path):
    model = MODELS[name]()
    model.save_pretrained(tmp_path / "model")
    loaded = type(model).from_pretrained(tmp_path / "model", dtype=model.get_config()["dtype"])
    assert loaded.config == model.config
    before, after = answers(model), answers(loaded)
    assert before.keys() == after.keys()
    if isinstance(model, TextClassifier | TokenClassifier):
        assert loaded.settings == model.settings
    if "half" not in name:  # there the encoder was float32, and the whole of the loaded model is not
        for output, value in before.items():
            np.testing.assert_array_equal(value, after[output])


@pytest.mark.parametrize("family", [name for name, family in FAMILIES.items() if not family.static])
@pytest.mark.parametrize("pooling", ["cls", "mean", "additive"])
def test_a_folder_says_what_transformers_may_open(family, pooling, tmp_path):
    """transformers would open one with another pooling than "cls", and answer by chance."""
    model = classifier(family, pooling=pooling)
    model.save_pretrained(tmp_path / "model")
    stored = json.loads((tmp_path / "model/config.json").read_text("utf-8"))
    if pooling == "cls":
        assert stored["model_type"] == family
        assert stored["architectures"][0].endswith("ForSequenceClassification")
        assert "model_type" not in stored["kerasbert"]
    else:
        assert (stored["model_type"], stored["kerasbert"]["model_type"]) == ("kerasbert", family)
        assert "architectures" not in stored
    checkpoint = open_checkpoint(tmp_path / "model")
    assert (checkpoint.config, checkpoint.task) == (model.config, "text-classification")
    assert describe(str(tmp_path / "model"))["family"] == family
    encoder = BertEncoder.from_pretrained(tmp_path / "model")
    for weight, again in zip(model.encoder.weights, encoder.weights, strict=False):
        np.testing.assert_array_equal(weight, again)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        (None, "the section kerasbert of config.json has no model_type: add one of bert, "),
        ("yes", "the section kerasbert of config.json has no model_type: add one of bert, "),
        ({}, "the section kerasbert of config.json has no model_type: add one of bert, "),
        ({"model_type": "gpt2"}, "model_type is 'gpt2': kerasbert reads bert, "),
        ({"model_type": "kerasbert"}, "model_type is 'kerasbert': kerasbert reads bert, "),
    ],
)
def test_a_folder_of_ours_needs_a_family(section, said, tmp_path):
    classifier(pooling="mean").save_pretrained(tmp_path / "model")
    path = tmp_path / "model/config.json"
    path.write_text(json.dumps({**json.loads(path.read_text("utf-8")), "kerasbert": section}), "utf-8")
    with pytest.raises(ConfigError, match=said):
        open_checkpoint(path.parent)


def test_a_compiled_and_trained_model_saves_its_weights_alone(tmp_path):
    model = classifier()
    model.compile(run_eagerly=True)
    inputs = {name: BATCH[name] for name in model.input}
    model.fit(inputs, np.array([0, 1, 2]), verbose=0)
    model.save_pretrained(tmp_path / "model")
    np.testing.assert_array_equal(TextClassifier.from_pretrained(tmp_path / "model")(inputs), model(inputs))


def test_each_family_has_a_name_for_every_task_and_weight():
    for family, row in FAMILIES.items():
        tasks = {"encoder", "text-classification", *(["pre-training"] if row.nsp else [])}
        tasks |= set() if row.static else {"fill-mask"}
        assert tasks <= set(names.ARCHITECTURES[family])
    for name, model in ((name, make()) for name, make in MODELS.items()):
        wanted = [names.tensor_name(model.config.model_type, w.path, prefix=True)[0] for w in model.weights]
        assert len(set(wanted)) == len(wanted), name


def test_only_masked_positions_reach_the_vocabulary():
    assert answers(MODELS["pretraining"]())["mlm_logits"].shape == (3, 2, 40)


def test_pretraining_reaches_every_weight():
    model = MODELS["pretraining"]()
    with tf.GradientTape() as tape:
        outputs = model({name: BATCH[name] for name in model.input})
        loss = sum(tf.reduce_sum(tf.square(value)) for value in outputs.values())
    gradients = tape.gradient(loss, [weight.value for weight in model.trainable_weights])
    without = [w.path for w, g in zip(model.trainable_weights, gradients, strict=True) if g is None]
    assert without == []


def test_the_next_sentence_head_needs_a_family_and_a_pooler_that_have_one():
    with pytest.raises(ConfigError, match="pooler=True"):
        PretrainingModel(encoder_of(pooler=False), nsp=True)
    with pytest.raises(ConfigError, match="distilbert has no next-sentence head"):
        PretrainingModel(encoder_of("distilbert", pooler=True), nsp=True)
    assert "nsp_logits" not in PretrainingModel(encoder_of(pooler=False)).output


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"labels": []}, "labels is empty: give names"),
        ({"labels": "ab"}, "give a list of names"),
        ({"labels": ["a", "a"]}, "labels repeat: a"),
        ({"labels": ["a"]}, "two or more"),
        ({"labels": ["a", "b"], "problem_type": "regression"}, "regression has one value"),
        ({"labels": ["a", "b"], "problem_type": "ranking"}, "problem_type is 'ranking'"),
        ({"labels": ["a", "b"], "pooling": "max"}, "pooling is 'max': use one of cls, mean, additive"),
        ({"labels": ["a", "b"], "max_length": 21}, "max_length is 21: use 3 to 20"),
        ({"labels": ["a", "b"], "max_length": 2}, "max_length is 2: use 3 or more"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(changes, said):
    with pytest.raises(ConfigError, match=said):
        TextClassifier(encoder_of(), **changes)


def test_pooling_cls_of_bert_needs_the_pooler():
    assert needs_pooler(BertConfig(), "cls")
    with pytest.raises(ConfigError, match="pooler=True"):
        TextClassifier(encoder_of(pooler=False), labels=["a", "b"])


def test_a_model_without_a_tokenizer_says_so():
    with pytest.raises(ConfigError, match="no tokenizer"):
        classifier().predict_text(["a text"])
