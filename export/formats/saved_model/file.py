"""SavedModel: ids in or raw text in, for TF Serving and plain TensorFlow."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the signatures for texts

from kerasbert.export.formats.saved_model.module import save_module
from kerasbert.export.formats.saved_model.serving_requests import BATCHES, write_requests
from kerasbert.export.formats.settings import Settings
from kerasbert.quiet import quiet
from kerasbert.runtime.interpreter import Run

SCORES = {
    "single_label_classification": tf.nn.softmax,
    "multi_label_classification": tf.nn.sigmoid,
    "regression": tf.identity,
}
"""Problem type -> logits to scores."""
VERBS = {"text_classifier": "classify", "sentence_encoder": "embed", "encoder": "encode"}
"""What a task does with texts, which is the name of its signature for them; one without a row has `predict` only."""


def write_saved_model(model, targets: Mapping[Path, str], settings: Settings | None = None) -> None:
    """Writes a model as SavedModels, with requests that warm up TensorFlow Serving (`serving_requests`).

    Signatures are named by what they do. For texts, strings (batch,):

    - `classify`, `embed` or `encode` (`VERBS`) takes `text`; it is the default, `serving_default`;
    - `classify_pair`, `embed_pair` or `encode_pair` takes `text` and `text_pair`;

    and for token ids `predict`, which takes the model's inputs, int32 (batch, length). All give the task's outputs, and
    a classifier's also `scores`, float32 (batch, labels). Those for texts exist for WordPiece vocabularies; without
    them `predict` is the default.

    Args:
        model: a `TextModel` with float32 variables and a tokenizer.
        targets: folder -> "none": a SavedModel has float32 weights.
        settings: not read; batch and length are free.
    """
    scores = SCORES.get(model.problem_type)

    def answer(inputs: dict) -> dict:
        outputs = model.export_outputs(inputs)
        return outputs if scores is None else {**outputs, "scores": scores(outputs["logits"])}

    # Nothing below has a branch on tensors, and AutoGraph would rewrite every function called, for seconds.
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    predict = tf.function(
        answer,
        autograph=False,
        input_signature=[{name: tf.TensorSpec((None, None), tf.int32, name=name) for name in model.encoder.input}],
    )
    signatures = {"predict": predict, "serving_default": predict}
    verb = VERBS.get(model.task.name)
    if verb and model.tokenizer.kind == "wordpiece":
        from kerasbert.tf.wordpiece import InGraphWordPiece

        module.tokenizer = InGraphWordPiece(model.tokenizer)

        def answer_text(text, text_pair=None) -> dict:
            encoded = module.tokenizer(text, text_pair, max_length=model.max_length)
            return answer({name: encoded[name] for name in model.encoder.input})

        def strings(name):
            return tf.TensorSpec((None,), tf.string, name=name)

        text = tf.function(answer_text, autograph=False, input_signature=[strings("text")])
        text_pair = tf.function(answer_text, autograph=False, input_signature=[strings("text"), strings("text_pair")])
        signatures |= {verb: text, f"{verb}_pair": text_pair, "serving_default": text}
    for path in targets:
        save_module(module, path, signatures)
        write_requests(path, _requests(model, signatures))


def _requests(model, signatures: Mapping[str, Callable]) -> Iterator[tuple[str, dict]]:
    """What each signature is asked to warm up: its name, and its inputs for each of `BATCHES`."""
    for name, function in signatures.items():
        taken = [spec.name for spec in tf.nest.flatten(function.input_signature)]
        for texts in BATCHES:
            known = {"text": texts, "text_pair": texts, **model.tokenizer(texts, max_length=model.max_length)}
            yield name, {each: known[each] for each in taken}


def open_saved_model(path: Path) -> tuple[Run, Run | None]:
    """`predict` and the signatures for texts, where there are some, as functions to outputs by name.

    The second takes `{"text": strings, "text_pair": strings or None}`.
    """
    with quiet():
        loaded = tf.saved_model.load(str(path))
    names = list(loaded.signatures["predict"].structured_input_signature[1])
    verb = next((verb for verb in VERBS.values() if verb in loaded.signatures), None)

    def ask(signature: str, inputs: dict) -> dict:
        return {name: output.numpy() for name, output in loaded.signatures[signature](**inputs).items()}

    def predict(batch: dict) -> dict:
        return ask("predict", {name: tf.constant(batch[name], tf.int32) for name in names})

    def from_text(batch: dict) -> dict:
        given = {name: tf.constant(values) for name, values in batch.items() if values is not None}
        return ask(f"{verb}_pair" if "text_pair" in given else verb, given)

    return predict, from_text if verb else None
