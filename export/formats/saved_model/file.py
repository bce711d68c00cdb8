"""SavedModel: ids in or raw text in, for TF Serving and plain TensorFlow."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the signatures for texts

from kerasbert.export.formats.saved_model.module import save_module
from kerasbert.export.formats.saved_model.serving_requests import BATCHES, write_requests
from kerasbert.export.formats.scores import SCORES
from kerasbert.export.formats.settings import Settings
from kerasbert.quiet import quiet
from kerasbert.tasks.encoding import TEXT_FIELDS
from kerasbert.tasks.task import Run


def write_saved_model(model, targets: Mapping[Path, str], settings: Settings | None = None) -> None:
    """Writes a model as SavedModels, with requests that warm up TensorFlow Serving (`serving_requests`).

    Signatures:

    - `predict` takes the model's inputs, int32 (batch, length);
    - a verb of the task, such as `classify`, `embed` or `encode`, takes `text`, strings (batch,);
    - the same with `_pair` takes `text` and `text_pair`.

    All give the task's outputs. A model with one output of logits also gives `scores`, float32 (batch, labels). The
    signatures for texts exist for tasks of texts and pairs with a WordPiece vocabulary; the first of them is then the
    default, `serving_default`. Without them, `predict` is.

    Args:
        model: a `TextModel` with float32 variables and a tokenizer.
        targets: folder -> "none": a SavedModel has float32 weights.
        settings: not read; batch and length are free.
    """
    scored = [output for output in model.graphs()[0].outputs if output.bar in SCORES]

    def answer(inputs: dict) -> dict:
        outputs = model.export_outputs(inputs)
        if len(scored) != 1:
            return outputs
        return {**outputs, "scores": SCORES[scored[0].bar](outputs[scored[0].name])}

    # Nothing below has a branch on tensors, and AutoGraph would rewrite every function called, for seconds.
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    predict = tf.function(
        answer,
        autograph=False,
        input_signature=[{name: tf.TensorSpec((None, None), tf.int32, name=name) for name in model.encoder.input}],
    )
    signatures = {"predict": predict, "serving_default": predict}
    if model.task.fields == TEXT_FIELDS and model.tokenizer.kind == "wordpiece":
        from kerasbert.tf.wordpiece import InGraphWordPiece

        module.tokenizer = InGraphWordPiece(model.tokenizer)

        def answer_text(text, text_pair=None) -> dict:
            encoded = module.tokenizer(text, text_pair, max_length=model.max_length)
            return answer({name: encoded[name] for name in model.encoder.input})

        def strings(name):
            return tf.TensorSpec((None,), tf.string, name=name)

        text = tf.function(answer_text, autograph=False, input_signature=[strings("text")])
        text_pair = tf.function(answer_text, autograph=False, input_signature=[strings("text"), strings("text_pair")])
        verb = model.task.words.verb
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


def open_saved_model(path: Path, *, verb: str) -> tuple[Run, dict[tuple[str, ...], Run]]:
    """A SavedModel's functions to outputs by name.

    Args:
        verb: the name of the task's signature for texts (`kerasbert.tasks.task.Words.verb`).

    Returns:
        The function of `predict`, which takes ids; and those of the signatures for texts, by the fields that they take.
    """
    with quiet():
        loaded = tf.saved_model.load(str(path))
    names = list(loaded.signatures["predict"].structured_input_signature[1])

    def ask(signature: str, inputs: dict) -> dict:
        return {name: output.numpy() for name, output in loaded.signatures[signature](**inputs).items()}

    def predict(batch: dict) -> dict:
        return ask("predict", {name: tf.constant(batch[name], tf.int32) for name in names})

    def from_texts(signature: str) -> Run:
        return lambda batch: ask(signature, {name: tf.constant(list(values)) for name, values in batch.items()})

    known = {("text",): verb, ("text", "text_pair"): f"{verb}_pair"}
    return predict, {fields: from_texts(name) for fields, name in known.items() if name in loaded.signatures}
