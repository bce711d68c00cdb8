"""SavedModel for TensorFlow Serving and plain TensorFlow: takes ids or the texts themselves."""

import logging
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the signatures for texts

from kerasbert.errors import BundleError
from kerasbert.export.formats.inputs import specifications
from kerasbert.export.formats.saved_model.from_texts import TOLD, function_of_texts
from kerasbert.export.formats.saved_model.masks import positions_in_rows
from kerasbert.export.formats.saved_model.module import save_module
from kerasbert.export.formats.saved_model.serving_requests import BATCHES, write_requests
from kerasbert.export.formats.scores import scores_names, scores_of
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.texts import why_not
from kerasbert.quiet import quiet
from kerasbert.tasks.fill_mask import MASK
from kerasbert.tasks.matching import check_matches
from kerasbert.tasks.numbers import numbers_of
from kerasbert.tasks.task import Graph, Run, Task
from kerasbert.tf.wordpiece import InGraphWordPiece

log = logging.getLogger("kerasbert")


def write_saved_model(model, targets: Mapping[Path, str], settings: Settings | None = None) -> None:
    """Writes a model as SavedModels, with requests that warm up TensorFlow Serving (`serving_requests`).

    Signatures:

    - `predict` takes the model's inputs, int32 (batch, length), (batch, 1) for one value per row, and float32 (batch,
      width) for numbers;
    - a verb of the task, such as `classify`, `embed` or `encode`, takes the fields that every example has, such as
      `text`, strings (batch,), and numbers as `predict` does;
    - the same with `_pair` takes all fields, such as `text` and `text_pair`, if the task has fields that are optional.

    A field with several texts, such as `choices`, is strings (batch, choices); an empty string is no choice. `logits`
    and `scores` are then (batch, choices).

    `keras.layers.TFSMLayer` calls each of them by its name.

    All give the task's outputs, and for every output of logits also the scores, such as `scores` for `logits`. The
    signatures for texts exist for examples of one or two texts, if the graph can follow the tokenizer
    (`kerasbert.export.formats.texts`); a line says why it cannot. The first of them is then the default,
    `serving_default`. Without them, `predict` is. They read a text that is longer than the model in windows and give
    the averages of these, if the task does so (`Task.averages`). For other tasks they cut it. If the task has an output
    per token, they also give `offsets`, int32 (batch, tokens, 2), the place of each token in its text in code points;
    `words`, int32 (batch, tokens), the number of its word, -1 for special tokens; and `truncated`, bool (batch,),
    whether the text was cut. For a model that fills masks they answer the first mask of each text, from the tokens
    around it, and refuse a text without one.

    Args:
        model: a `TextModel` with float32 variables and a tokenizer.
        targets: folder -> "none": a SavedModel has float32 weights.
        settings: not read; batch and length are free.

    Raises:
        ExportError: the scores of an output have no name, or the disk refuses to write.
        TokenizerError: the graph cannot follow the tokenizer.
    """
    graph = model.graphs()[0]
    by_name, named = {each.name: each for each in graph.outputs}, scores_names(graph.outputs)

    def scored(outputs: dict, mask) -> dict:
        return outputs | {scores: scores_of(by_name[name], outputs[name], mask) for name, scores in named.items()}

    # No function below branches on tensors, and AutoGraph would take seconds to rewrite every function that is called.
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    predict = tf.function(
        lambda inputs: scored(model.export_outputs(inputs), inputs["attention_mask"]),
        autograph=False,
        input_signature=[specifications(graph)],
    )
    signatures = {"predict": predict, "serving_default": predict}
    fields = text_signatures(model.task)
    reason = why_not(model.tokenizer.options(), graph)
    if reason:
        log.info("SavedModel: no signature for texts: %s; tokenise on the host and use predict", reason)
    elif fields:
        module.tokenizer = InGraphWordPiece(model.tokenizer)
        signatures |= {
            name: function_of_texts(model, module.tokenizer, names, scored) for name, names in fields.items()
        }
        signatures["serving_default"] = signatures[next(iter(fields))]
    # Traced here, once: TensorFlow would trace each function anew where another calls it, and while it saves.
    traced = {name: function.get_concrete_function() for name, function in signatures.items()}
    for name, function in signatures.items():
        setattr(module, name, _for_keras(traced[name], *function.input_signature))
    for path in targets:
        save_module(module, path, traced)
        write_requests(path, _requests(model, signatures))


def _for_keras(traced: Callable, taken: Mapping[str, tf.TensorSpec]) -> Callable:
    """A signature as `keras.layers.TFSMLayer` calls it: with a dict of all inputs, or with the only input itself.

    The layer calls what the module has under the signature's name. The signature itself takes keywords alone.
    """
    name = next(iter(taken))
    either = tf.function(lambda given: traced(given if isinstance(given, dict) else {name: given}), autograph=False)
    for given in (taken, *(taken.values() if len(taken) == 1 else ())):
        either.get_concrete_function(given)
    return either


def text_signatures(task: Task) -> dict[str, tuple[str, ...]]:
    """The signatures for texts that a task's SavedModel has: name -> the fields that it takes, texts before numbers.

    Empty if the task's examples are not one or two texts, or a text and its choices: no row can be made of them in the
    graph.
    """
    verb, required = task.words.verb, tuple(each.name for each in task.fields if each.required)
    every = tuple(each.name for each in task.fields)
    texts = [each for each in task.fields if each.kind != "number"]
    strings = all(each.holds("") or each.kind == "texts" for each in texts)
    if not strings or not 1 <= sum(each.required for each in texts) <= len(texts) <= 2:
        return {}
    return {verb: required} if required == every else {verb: required, f"{verb}_pair": every}


def _requests(model, signatures: Mapping[str, Callable]) -> Iterator[tuple[str, dict]]:
    """The requests that warm up each signature: its name, and its inputs for each of `BATCHES`."""
    for name, function in signatures.items():
        taken = [spec.name for spec in tf.nest.flatten(function.input_signature)]
        for texts in ([model.task.pose(text) for text in batch] for batch in BATCHES):
            choices = [[text, *BATCHES[0]] for text in texts]
            fields = {each.name: choices if each.kind == "texts" else texts for each in model.task.fields}
            fields |= {each.name: np.zeros((len(texts), each.width), "float32") for each in numbers_of(model.graphs())}
            read = [text.replace(MASK, model.tokenizer.special["mask"]) for text in texts]
            known = {**fields, **model.tokenizer(read, max_length=model.max_length)}
            known |= positions_in_rows(model, known)
            yield name, {each: known[each] for each in taken}


def open_saved_model(path: Path, graph: Graph, *, task: Task) -> tuple[Run, dict[tuple[str, ...], Run]]:
    """`predict`, and by the fields that they take the signatures for texts, as functions to the graph's outputs.

    Args:
        task: says which signatures for texts there may be, and which fields they take.

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
    types = {name: spec.dtype for name, spec in specifications(graph).items()}
    fields = text_signatures(task)

    def ask(signature: str, inputs: dict) -> dict:
        found = loaded.signatures[signature](**inputs)
        return {name: found[name].numpy() for name in (*(each.name for each in graph.outputs), *TOLD) if name in found}

    def predict(batch: dict) -> dict:
        return ask("predict", {name: tf.constant(batch[name], types[name]) for name in names})

    def from_texts(signature: str) -> Run:
        return lambda batch: ask(signature, {name: tf.constant(batch[name]) for name in fields[signature]})

    return predict, {fields[name]: from_texts(name) for name in fields if name in loaded.signatures}
