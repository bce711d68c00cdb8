"""The signatures of a model that writes texts: its two graphs, and one from texts to texts."""

from collections.abc import Callable, Iterator, Mapping

import numpy as np
import tensorflow as tf

from kerasbert.export.formats.inputs import specifications
from kerasbert.export.formats.saved_model.from_texts import text_signatures, tokenizer_in_graph
from kerasbert.export.formats.saved_model.serving_requests import BATCHES
from kerasbert.models.functions import GraphFunction
from kerasbert.tasks.task import Run
from kerasbert.tf.cutting import cut_rows
from kerasbert.tf.greedy import write_greedily
from kerasbert.tf.written_text import InGraphText, is_blank

TEXT = "text"
"""The input of the signature for texts."""


def signatures_of(model, module: tf.Module) -> dict[str, Callable]:
    """Makes the functions of the signatures, each with an `input_signature`.

    Args:
        module: gets what the functions need besides the weights.

    Raises:
        TokenizerError: the graph cannot follow the tokenizer.
    """
    signatures = {each.graph.name: _traceable(each) for each in model.functions()}
    module.tokenizer = tokenizer_in_graph(model, instead=" and ".join(signatures))
    if module.tokenizer is None:
        return signatures
    module.text = InGraphText(model.tokenizer)
    (verb,) = text_signatures(model.task)
    # Traced here, so that the loop calls the signature's own graph.
    graphs = {name: function.get_concrete_function() for name, function in signatures.items()}
    writes = _writes(model, module, **graphs)
    return signatures | {verb: writes, "serving_default": writes}


def _traceable(function: GraphFunction) -> Callable:
    """A graph as a TensorFlow function of a dict of its inputs, whose axes are free."""
    taken = specifications(function.graph, like=function.inputs)
    return tf.function(lambda inputs: function.call(inputs), autograph=False, input_signature=[taken])


def _writes(model, module: tf.Module, *, encoder: Callable, decoder_step: Callable) -> Callable:
    """The function from texts to texts, greedily.

    Args:
        module: has the tokenizer, `tokenizer`, and what makes texts of ids, `text`.
        encoder, decoder_step: the graphs.
    """
    room = model.max_length - 2  # beside [CLS] and [SEP]

    def write(given: dict) -> dict:
        ids, blank = module.tokenizer.pieces(given[TEXT]), is_blank(given[TEXT])
        read = module.tokenizer.inputs([cut_rows(ids, tf.minimum(ids.row_lengths(), room), room)])
        mask = read["attention_mask"]
        memory = encoder({name: read[name] for name in model.parts.encoder.input})["memory"]
        found = write_greedily(decoder_step, memory, mask, ~blank, model.settings)
        return {
            "generated_text": module.text(found.tokens, found.lengths),
            "score": found.scores,
            "finished": found.ended | blank,
            "truncated": ids.row_lengths() > room,
        }

    taken = {TEXT: tf.TensorSpec((None,), tf.string, name=TEXT)}
    return tf.function(write, autograph=False, input_signature=[taken])


def run_of_texts(loaded, signature: str, field: str) -> Run:
    """The signature for texts as a function of arrays.

    Args:
        loaded: the SavedModel. field: the field of an example whose text the signature takes.

    Returns:
        A function from the field's texts, (batch,), to lists of one value per text: `generated_text`, `score`,
        `finished` and `truncated`.
    """

    def run(batch: dict) -> dict:
        found = loaded.signatures[signature](**{TEXT: tf.constant(batch[field], tf.string)})
        lists = {name: values.numpy().tolist() for name, values in found.items()}
        return lists | {"generated_text": [text.decode() for text in lists["generated_text"]]}

    return run


def requests_of(model, signatures: Mapping[str, Callable]) -> Iterator[tuple[str, dict]]:
    """The requests that warm up each signature: its name, and its inputs for each of `BATCHES`.

    A step gets the first one only, because the vectors of long sources would make the file large.
    """
    for name, function in signatures.items():
        taken = function.input_signature[0]
        for texts in BATCHES[:1] if "cache" in taken else BATCHES:
            known = {TEXT: texts, **model.tokenizer(texts, max_length=model.max_length)}
            rows, length = known["attention_mask"].shape
            for each in taken.keys() - known.keys():
                spec = taken[each]
                known[each] = np.zeros((rows, length, *spec.shape[2:])[: len(spec.shape)], spec.dtype.as_numpy_dtype)
            yield name, {each: known[each] for each in taken}
