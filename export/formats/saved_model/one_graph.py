"""The signatures of a model with one graph: `predict`, which takes ids, and those for texts."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from kerasbert.export.formats.inputs import specifications
from kerasbert.export.formats.saved_model.from_texts import function_of_texts, text_signatures, tokenizer_in_graph
from kerasbert.export.formats.saved_model.masks import positions_in_rows
from kerasbert.export.formats.saved_model.serving_requests import BATCHES
from kerasbert.export.formats.scores import scores_names, scores_of
from kerasbert.tasks.fill_mask import MASK
from kerasbert.tasks.numbers import numbers_of


def signatures_of(model, module: tf.Module) -> dict[str, Callable]:
    """Makes the functions of the signatures, each with an `input_signature`.

    Args:
        module: gets what the functions need besides the weights.

    Raises:
        ExportError: the scores of an output have no name.
        TokenizerError: the graph cannot follow the tokenizer.
    """
    (graph,) = model.graphs()
    by_name, named = {each.name: each for each in graph.outputs}, scores_names(graph.outputs)

    def scored(outputs: dict, mask) -> dict:
        return outputs | {scores: scores_of(by_name[name], outputs[name], mask) for name, scores in named.items()}

    predict = tf.function(
        lambda inputs: scored(model.export_outputs(inputs), inputs["attention_mask"]),
        autograph=False,
        input_signature=[specifications(graph)],
    )
    signatures = {"predict": predict, "serving_default": predict}
    fields = text_signatures(model.task)
    module.tokenizer = tokenizer_in_graph(model, instead="predict") if fields else None
    if module.tokenizer is None:
        return signatures
    signatures |= {name: function_of_texts(model, module.tokenizer, names, scored) for name, names in fields.items()}
    return signatures | {"serving_default": signatures[next(iter(fields))]}


def requests_of(model, signatures: Mapping[str, Callable]) -> Iterator[tuple[str, dict]]:
    """The requests that warm up each signature: its name, and its inputs for each of `BATCHES`."""
    for name, function in signatures.items():
        taken = [spec.name for spec in tf.nest.flatten(function.input_signature)]
        for texts in ([model.task.pose(text) for text in batch] for batch in BATCHES):
            choices = [[text, *BATCHES[0]] for text in texts]
            fields = {each.name: choices if each.lists_texts else texts for each in model.task.fields}
            fields |= {each.name: np.zeros((len(texts), each.width), "float32") for each in numbers_of(model.graphs())}
            read = [text.replace(MASK, model.tokenizer.special["mask"]) for text in texts]
            known = {**fields, **model.tokenizer(read, max_length=model.max_length)}
            known |= positions_in_rows(model, known)
            yield name, {each: known[each] for each in taken}
