"""SavedModel for TensorFlow Serving and plain TensorFlow: takes ids or the texts themselves."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the signatures for texts

from kerasbert.errors import BundleError
from kerasbert.export.formats.saved_model.module import save_module
from kerasbert.export.formats.saved_model.serving_requests import BATCHES, write_requests
from kerasbert.export.formats.scores import SCORES
from kerasbert.export.formats.settings import Settings
from kerasbert.quiet import quiet
from kerasbert.tasks.matching import check_matches
from kerasbert.tasks.task import Graph, Run


def write_saved_model(model, targets: Mapping[Path, str], settings: Settings | None = None) -> None:
    """Writes a model as SavedModels, with requests that warm up TensorFlow Serving (`serving_requests`).

    Signatures:

    - `predict` takes the model's inputs, int32 (batch, length);
    - a verb of the task, such as `classify`, `embed` or `encode`, takes `text`, strings (batch,);
    - the same with `_pair` takes `text` and `text_pair`.

    All give the task's outputs, and for every output of logits also the scores, such as `scores` for `logits`. The
    signatures for texts exist for WordPiece vocabularies; the first of them is then the default, `serving_default`.
    Without them, `predict` is.

    Args:
        model: a `TextModel` with float32 variables and a tokenizer.
        targets: folder -> "none": a SavedModel has float32 weights.
        settings: not read; batch and length are free.
    """
    scored = {each.name: SCORES[each.bar] for each in model.graphs()[0].outputs if each.bar in SCORES}

    def answer(inputs: dict) -> dict:
        outputs = model.export_outputs(inputs)
        return outputs | {name.replace("logits", "scores"): scores(outputs[name]) for name, scores in scored.items()}

    # No function below branches on tensors, and AutoGraph would take seconds to rewrite every function that is called.
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    predict = tf.function(
        answer,
        autograph=False,
        input_signature=[{name: tf.TensorSpec((None, None), tf.int32, name=name) for name in model.encoder.input}],
    )
    signatures = {"predict": predict, "serving_default": predict}
    if model.tokenizer.kind == "wordpiece":
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
    """The requests that warm up each signature: its name, and its inputs for each of `BATCHES`."""
    for name, function in signatures.items():
        taken = [spec.name for spec in tf.nest.flatten(function.input_signature)]
        for texts in BATCHES:
            known = {"text": texts, "text_pair": texts, **model.tokenizer(texts, max_length=model.max_length)}
            yield name, {each: known[each] for each in taken}


def open_saved_model(path: Path, graph: Graph, *, verb: str) -> tuple[Run, dict[tuple[str, ...], Run]]:
    """`predict`, and by the fields that they take the signatures for texts, as functions to the graph's outputs.

    Args:
        verb: the task's, which names its signatures for texts.

    Raises:
        BundleError: a broken SavedModel, or one that does not compute the graph.
    """
    try:
        with quiet():
            loaded = tf.saved_model.load(str(path))
        function = loaded.signatures["predict"]
    except Exception as error:  # what TensorFlow raises has no base class, and AttributeError is among it
        reason = str(error).partition("\n")[0]
        raise BundleError(f"{path}: not a whole SavedModel ({reason}); export again") from None
    names = list(function.structured_input_signature[1])
    outputs = {name: each.shape[-1] for name, each in function.structured_outputs.items()}
    check_matches(path, graph, inputs=names, outputs=outputs)
    fields = {verb: ("text",), f"{verb}_pair": ("text", "text_pair")}

    def ask(signature: str, inputs: dict) -> dict:
        found = loaded.signatures[signature](**inputs)
        return {each.name: found[each.name].numpy() for each in graph.outputs}

    def predict(batch: dict) -> dict:
        return ask("predict", {name: tf.constant(batch[name], tf.int32) for name in names})

    def from_texts(signature: str) -> Run:
        return lambda batch: ask(signature, {name: tf.constant(batch[name]) for name in fields[signature]})

    return predict, {fields[name]: from_texts(name) for name in fields if name in loaded.signatures}
