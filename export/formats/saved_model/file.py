"""SavedModel for TensorFlow Serving and plain TensorFlow: takes ids or the texts themselves."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the signatures for texts

from kerasbert.errors import BundleError
from kerasbert.export.formats.saved_model import one_graph, two_graphs
from kerasbert.export.formats.saved_model.from_texts import TOLD, text_signatures
from kerasbert.export.formats.saved_model.module import save_module
from kerasbert.export.formats.saved_model.serving_requests import write_requests
from kerasbert.export.formats.settings import Settings
from kerasbert.quiet import quiet
from kerasbert.tasks.matching import check_matches
from kerasbert.tasks.task import Graph, Run, Task


def write_saved_model(model, targets: Mapping[Path, str], settings: Settings | None = None) -> None:
    """Writes a model as SavedModels, with requests that warm up TensorFlow Serving (`serving_requests`).

    Signatures of a model with one graph:

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

    Signatures of a model that writes texts:

    - `encoder` and `decoder_step` compute its two graphs (`kerasbert.tasks.seq2seq.graphs`), with any batch, length and
      number of places in the cache;
    - `translate` takes `text`, strings (batch,), and is the default. It exists under the same condition as other
      signatures for texts; without it there is no default. It gives `generated_text`, strings (batch,), by greedy
      search, with `max_new_tokens`, `min_new_tokens`, `no_repeat_ngram_size` and `length_penalty` of the model's
      settings; `score`, float32 (batch,), in nats per token for a `length_penalty` of 1; `finished`, bool (batch,),
      false for a text that was stopped at `max_new_tokens`; and `truncated`, bool (batch,). A text that is longer than
      the model is cut, also where `split_sentences` makes other files answer it sentence by sentence.

    Args:
        model: a `TextModel` with float32 variables and a tokenizer.
        targets: folder -> "none": a SavedModel has float32 weights.
        settings: not read; batch and length are free.

    Raises:
        ExportError: the scores of an output have no name, or the disk refuses to write.
        TokenizerError: the graph cannot follow the tokenizer.
    """
    kind = one_graph if len(model.graphs()) == 1 else two_graphs
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    # No function branches on tensors, and AutoGraph would take seconds to rewrite every function that is called.
    signatures = kind.signatures_of(model, module)
    # Traced here, once: TensorFlow would trace each function anew where another calls it, and while it saves.
    traced = {name: function.get_concrete_function() for name, function in signatures.items()}
    for name, function in signatures.items():
        setattr(module, name, _for_keras(traced[name], *function.input_signature))
    for path in targets:
        save_module(module, path, traced)
        write_requests(path, kind.requests_of(model, signatures))


def _for_keras(traced: Callable, taken: Mapping[str, tf.TensorSpec]) -> Callable:
    """A signature as `keras.layers.TFSMLayer` calls it: with a dict of all inputs, or with the only input itself.

    The layer calls what the module has under the signature's name. The signature itself takes keywords alone.
    """
    name = next(iter(taken))
    either = tf.function(lambda given: traced(given if isinstance(given, dict) else {name: given}), autograph=False)
    for given in (taken, *(taken.values() if len(taken) == 1 else ())):
        either.get_concrete_function(given)
    return either


def open_saved_model(path: Path, graphs: Sequence[Graph], *, task: Task) -> tuple[dict[str, Run], dict]:
    """The functions from ids to outputs by graph name, and those from texts by the fields that they take.

    Args:
        task: says which signatures for texts there may be, and which fields they take.

    Returns:
        The functions of the graphs, and those for texts. The latter have the same outputs, but for a model that writes
        texts see `two_graphs.run_of_texts`.

    Raises:
        BundleError: a broken SavedModel, or one that does not compute the graphs.
    """
    names = {each.name: "predict" if len(graphs) == 1 else each.name for each in graphs}
    try:
        with quiet():
            loaded = tf.saved_model.load(str(path))
        signatures = {graph: loaded.signatures[name] for graph, name in names.items()}
    except Exception as error:  # what TensorFlow raises has no base class, and AttributeError is among it
        reason = str(error).partition("\n")[0]
        raise BundleError(f"{path}: not a whole SavedModel ({reason}); export again") from None
    for graph in graphs:
        _, taken = signatures[graph.name].structured_input_signature
        given = {name: each.shape[-1] for name, each in signatures[graph.name].structured_outputs.items()}
        check_matches(path, graph, inputs=taken, outputs=given)
    runs = {each.name: _run(loaded, names[each.name], each) for each in graphs}
    texts = {
        fields: two_graphs.run_of_texts(loaded, name, *fields) if len(graphs) > 1 else _run(loaded, name, *graphs)
        for name, fields in text_signatures(task).items()
        if name in loaded.signatures
    }
    return runs, texts


def _run(loaded, signature: str, graph: Graph) -> Run:
    """A signature as a function of arrays, to the graph's outputs and what is told of the tokens.

    It holds the whole SavedModel, because the weights go with it.
    """

    def run(batch: dict) -> dict:
        function = loaded.signatures[signature]
        _, taken = function.structured_input_signature
        found = function(**{name: tf.constant(batch[name], spec.dtype) for name, spec in taken.items()})
        return {name: found[name].numpy() for name in (*(each.name for each in graph.outputs), *TOLD) if name in found}

    return run
