"""Explanations of models of every family and task that can be explained."""

import dataclasses

import keras
import numpy as np
import pytest
from conftest import small_vocabulary
from families import small_encoder, small_model, tokenizer_of

import kerasbert as kb
from kerasbert.errors import ConfigError, DataError, TokenizerError
from kerasbert.explanations.integral import TOLERANCE
from kerasbert.explanations.targets import TARGETS
from kerasbert.layers.gradients import values_and_gradients
from kerasbert.layers.intermediates import replaced
from kerasbert.models.text_classification import TextClassifier

PIECES = small_vocabulary()
TEXT = "the film 🎬 was good, and the room was kind"
LONG = " ".join(f"{TEXT} {word}" for word in ("one", "two", "three", "four", "five", "six", "seven"))
FAMILIES = ("bert", "roberta", "distilbert")
FIELDS = {
    "text-classification": {"text": TEXT, "text_pair": "no room"},
    "token-classification": {"text": TEXT},
    "question-answering": {"question": "the room was?", "context": TEXT},
}
made: dict = {}


def model_of(family: str, task: str):
    """A small random model, made once per run of this file."""
    if (family, task) not in made:
        made[family, task] = small_model(family, task, PIECES)
    return made[family, task]


def summed(pieces) -> float:
    return sum(each.attribution for each in pieces)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("task", TARGETS)
def test_attributions_add_up_to_the_change_of_the_logit(family, task):
    model, fields = model_of(family, task), FIELDS[task]
    found = kb.explain(model, **fields)
    (usual,) = model.predict_text(**{name: [value] for name, value in fields.items()})
    assert found.answer == usual
    assert found.attributions
    for each in found.attributions:
        change = each.score - each.baseline_score
        assert each.complete
        assert each.error <= TOLERANCE
        assert summed(each.tokens) == pytest.approx(change, rel=TOLERANCE)
        assert summed(each.words) == pytest.approx(summed(each.tokens), abs=1e-9)
        for word in each.words:
            assert word.text == fields[word.field][word.start : word.end]
        assert {word.field for word in each.words} == set(fields)
        letters = "".join(word.text for word in each.words)
        assert letters == "".join("".join(fields.values()).split())


def test_the_score_of_a_label_is_its_logit():
    model = model_of("bert", "text-classification")
    for label, logit in zip(model.labels, model.predict_logits([TEXT])[0], strict=True):
        (one,) = kb.explain(model, TEXT, target=label, steps=4).attributions
        assert (one.target, one.score) == (label, pytest.approx(logit, abs=1e-5))


def test_the_baseline_is_padding_between_the_special_tokens():
    model = model_of("bert", "text-classification")
    found = kb.explain(model, TEXT, target="O", steps=4)
    assert found.baseline == "[PAD] in place of every token of the texts, between [CLS] and [SEP]"
    (one,) = found.attributions
    ids = model.tokenizer([TEXT])["input_ids"]
    ids[0, 1:-1] = model.config.pad_token_id
    inputs = {"input_ids": ids, "attention_mask": np.ones_like(ids), "token_type_ids": np.zeros_like(ids)}
    assert one.baseline_score == pytest.approx(float(model.predict_on_batch(inputs)[0, 0]), abs=1e-5)
    assert len(one.tokens) == ids.shape[1] - 2


def test_entities_are_explained_at_their_first_token():
    model = model_of("bert", "token-classification")
    found = kb.explain(model, TEXT, steps=4)
    logits = model.predict_outputs([TEXT])["logits"][0]
    (encoding,) = model.tokenizer.encode([TEXT])
    assert [each.answer for each in found.attributions] == found.answer
    for each in found.attributions:
        token = next(i for i, (start, end) in enumerate(encoding.offsets) if end and start == each.answer["start"])
        assert each.score == pytest.approx(logits[token].max(), abs=1e-5)
        assert each.target == model.labels[logits[token].argmax()]


def test_start_and_end_of_an_answer_are_explained():
    model = model_of("bert", "question-answering")
    fields = FIELDS["question-answering"]
    found = kb.explain(model, **fields, steps=4)
    outputs = model.predict_outputs([fields["question"]], [fields["context"]])
    (encoding,) = model.tokenizer.encode([fields["question"]], [fields["context"]])
    start, end = found.attributions
    assert (start.target, end.target) == ("start", "end")
    place = next(
        i
        for i, ((begin, _), sequence) in enumerate(zip(encoding.offsets, encoding.sequence_ids, strict=True))
        if sequence == 1 and begin == found.answer["start"]
    )
    assert start.score == pytest.approx(outputs["start_logits"][0][place], abs=1e-5)
    assert any(end.score == pytest.approx(float(x), abs=1e-5) for x in outputs["end_logits"][0])


def test_no_answer_is_explained_at_the_first_token():
    model = small_model("bert", "question-answering", PIECES)
    model.settings = dataclasses.replace(
        model.settings, handle_impossible_answer=True, null_score_diff_threshold=-1000.0
    )
    found = kb.explain(model, **FIELDS["question-answering"], steps=4)
    outputs = model.predict_outputs(*([each] for each in FIELDS["question-answering"].values()))
    assert found.answer["answer"] == ""
    scores = [each.score for each in found.attributions]
    np.testing.assert_allclose(scores, [outputs[f"{name}_logits"][0][0] for name in ("start", "end")], atol=1e-5)


def test_padding_changes_no_gradient():
    model = model_of("roberta", "text-classification")
    table = np.asarray(model.encoder.embeddings.word_table)

    def gradients(padding: int) -> np.ndarray:
        ids = model.tokenizer([TEXT])["input_ids"]
        mask = np.pad(np.ones_like(ids), ((0, 0), (0, padding)))
        ids = np.pad(ids, ((0, 0), (0, padding)), constant_values=model.config.pad_token_id)

        def logit(words):
            with replaced({"embeddings/words": words}):
                return model({"input_ids": ids, "attention_mask": mask}, training=False)[:, 1]

        return np.asarray(values_and_gradients(logit, table[ids] * 0.5)[1])[0]

    alone, padded = gradients(0), gradients(5)
    np.testing.assert_allclose(padded[:-5], alone, atol=1e-5)
    np.testing.assert_array_equal(padded[-5:], 0)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_a_long_text_is_explained_as_the_mean_of_its_windows(family):
    model = small_model(family, "text-classification", PIECES, max_length=24)
    found = kb.explain(model, LONG, attention=True)
    (one,) = found.attributions
    assert len(found.attention) > 2
    assert one.complete
    assert one.score == pytest.approx(model.predict_logits([LONG]).max(), abs=1e-5)
    (whole,) = model.tokenizer.encode([LONG])
    assert [each.text for each in one.tokens] == whole.tokens[1:-1]
    assert [(each.start, each.end) for each in one.tokens] == whole.offsets[1:-1]


@pytest.mark.parametrize("task", ["token-classification", "question-answering"])
def test_an_answer_in_a_long_text_is_explained_in_its_window(task):
    model = small_model("bert", task, PIECES, max_length=24)
    fields = {"text": LONG} if task == "token-classification" else {"question": "the room?", "context": LONG}
    found = kb.explain(model, **fields, steps=4)
    for each in found.attributions:
        inside = [word for word in each.words if word.field in ("text", "context")]
        assert inside[0].start <= each.answer["start"] < inside[-1].end
        assert len(each.tokens) < 24


def test_attention_is_that_of_the_row():
    model = model_of("roberta", "text-classification")
    (found,) = kb.explain(model, TEXT, steps=4, attention=True).attention
    (encoding,) = model.tokenizer.encode([TEXT])
    config = model.config
    assert list(found.tokens) == encoding.tokens
    assert found.weights.shape == (config.num_hidden_layers, config.num_attention_heads, *[len(encoding.ids)] * 2)
    np.testing.assert_allclose(found.weights.sum(-1), 1, atol=1e-5)


def test_several_labels_are_each_explained():
    encoder = small_encoder("bert", tokenizer_of("bert", PIECES))
    model = TextClassifier(encoder, labels=["a", "b", "c", "d"], problem_type="multi_label_classification")
    found = kb.explain(model, TEXT, steps=4)
    assert [each.target for each in found.attributions] == [each["label"] for each in found.answer]
    left = next(label for label in model.labels if label not in {each["label"] for each in found.answer})
    (other,) = kb.explain(model, TEXT, target=left, steps=4).attributions
    assert other.answer == {"label": left}
    model.get_layer("classifier").dense.bias.assign([-1000.0] * 4)
    with pytest.raises(DataError, match=r"no label of the text has a score above 0\.5; name one of a, b, c, d"):
        kb.explain(model, TEXT)


def test_layers_of_the_users_own_are_explained_with_their_numbers():
    encoder = small_encoder("bert", tokenizer_of("bert", PIECES))
    price = keras.Input((1,), name="price")
    x = keras.layers.Concatenate()([encoder.output["sequence_output"][:, 0], price])
    model = kb.TextClassifier(encoder, labels=["no", "yes"], outputs=keras.layers.Dense(2)(x))
    found = kb.explain(model, TEXT, price=2.5)
    assert found.fields == {"text": TEXT, "price": 2.5}
    assert found.attributions[0].complete
    assert found.answer == model.predict_text([TEXT], price=[2.5])[0]


def test_a_list_of_words_is_one_text():
    found = kb.explain(model_of("bert", "token-classification"), ["the", "film", "film's"], steps=4)
    assert found.fields == {"text": "the film film's"}
    assert [each.text for each in found.attributions[0].words] == ["the", "film", "film", "'", "s"]


@pytest.mark.parametrize(
    ("task", "fields", "options", "error", "said"),
    [
        (
            "text-classification",
            {"text": TEXT},
            {"target": "odd"},
            ConfigError,
            "target is 'odd': the model knows O, B-",
        ),
        ("token-classification", {"text": TEXT}, {"target": "B-PER"}, ConfigError, "'B-PER': the model knows PER"),
        ("question-answering", FIELDS["question-answering"], {"target": "x"}, ConfigError, "takes none"),
        ("text-classification", {"text": TEXT}, {"steps": 0}, ConfigError, "steps is 0: use a whole number from 1"),
        ("text-classification", {"text": TEXT}, {"steps": 1.5}, ConfigError, "steps is 1.5"),
        ("text-classification", {"text": " "}, {}, TokenizerError, "the text is empty"),
        ("fill-mask", {"text": "a [MASK]"}, {}, ConfigError, "fill-mask cannot be explained; the tasks that can are"),
    ],
)
def test_what_cannot_be_explained_is_named(task, fields, options, error, said):
    with pytest.raises(error, match=said):
        kb.explain(model_of("bert", task), **fields, **options)


def test_a_text_without_an_entity_has_nothing_to_explain():
    model = small_model("bert", "token-classification", PIECES)
    model.get_layer("classifier").bias.assign([1000.0, 0.0, 0.0])
    with pytest.raises(DataError, match="the model finds no entity in the text, so there is nothing to explain"):
        kb.explain(model, TEXT)
