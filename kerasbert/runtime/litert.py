"""`.tflite` files that take ids, on LiteRT.

LiteRT prints one line on stderr, "INFO: Created TensorFlow Lite XNNPACK delegate for CPU.", when a process runs its
first interpreter. Its Python package has no switch for that, and file descriptors belong to the whole process, so the
line stays.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasbert.decoding.labels import logits_of
from kerasbert.errors import BundleError, MissingDependency
from kerasbert.runtime.parallel import Pool, in_threads
from kerasbert.runtime.reopening import reopening
from kerasbert.runtime.rows import tokens_of
from kerasbert.tasks.batches import together
from kerasbert.tasks.matching import check_matches
from kerasbert.tasks.task import MODEL_INPUTS, Graph, Run

LEARNING = ("train", "save", "load")
"""Signatures of a file whose head learns (`kerasbert.export.formats.tflite`), beside `infer`, which answers."""
SCORES = "probability"
"""The output of a file for MediaPipe that gives scores."""


@dataclass(frozen=True)
class _Signature:
    """A signature of an interpreter.

    Attributes:
        runner: the function that runs it, from arrays by name to arrays by name.
        inputs: name -> shape and dtype. outputs: name -> shape.
        given: name -> the array that a call fills. New arrays would cost more time than to fill them: a cache has
            hundreds of memory pages.
    """

    runner: Callable[..., Mapping[str, np.ndarray]]
    inputs: Mapping[str, tuple[tuple[int, ...], type]]
    outputs: Mapping[str, tuple[int, ...]]
    given: Mapping[str, np.ndarray] = field(default_factory=dict)


class _Interpreter:
    """An interpreter of a file. Its signatures share state, so one thread at a time may use it.

    Each graph has a signature per length. If a file has several graphs, the names of their signatures begin with the
    graph's, as `encoder_16` does.
    """

    compiled = False
    """Whether LiteRT's `CompiledModel` computes the signatures, in which case the interpreter only describes them."""

    def __init__(self, path: Path, graphs: Sequence[Graph], *, threads: int):
        from ai_edge_litert.interpreter import Interpreter

        self.path, self._graphs, self._signatures = path, {graph.name: graph for graph in graphs}, {}
        try:
            self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
            names = [name for name in self._interpreter.get_signature_list() if name not in LEARNING]
            signatures = {name: _signature(self._interpreter.get_signature_runner(name)) for name in names}
            if self.compiled:
                signatures = _compiled(path, signatures)
        except (ValueError, RuntimeError) as error:
            raise BundleError(
                f"{path}: not a whole TFLite model ({str(error).splitlines()[0]}); export again"
            ) from None
        for graph in graphs:
            named = (each for name, each in signatures.items() if name.rpartition("_")[0] == graph.name)
            self._signatures[graph.name] = _by_length(path, graph, [*(named if graphs[1:] else signatures.values())])

    def run(self, name: str, row: Mapping[str, np.ndarray], tokens: int) -> dict[str, np.ndarray]:
        """A graph's outputs for a row with that number of tokens, each (1, ...), from the shortest signature that holds
        it."""
        graph, signatures = self._graphs[name], self._signatures[name]
        signature = next((each for length, each in signatures.items() if length >= tokens), None)
        if signature is None:
            longest = max(signatures)
            raise BundleError(
                f"{self.path}: takes {longest} tokens per text, not {tokens}; export again for a longer max_length"
            )
        for each in graph.inputs:
            values = row.get(each.name, ())  # a file for MediaPipe has segments even where the model has none
            flat = signature.given[each.name].reshape(-1)
            values = np.ravel(values[:tokens] if each.axis == "token" else values)
            flat[: values.size], flat[values.size :] = values, each.pad
        outputs = signature.runner(**signature.given)
        return {each.name: outputs[each.name] for each in graph.outputs}


class _CompiledModel(_Interpreter):
    """The same file in LiteRT's `CompiledModel`, the interface of LiteRT 2 for apps, on the CPU with one thread."""

    compiled = True


def _signature(runner) -> _Signature:
    inputs, outputs = runner.get_input_details(), runner.get_output_details()
    return _Signature(
        runner,
        {name: (tuple(each["shape"]), each["dtype"]) for name, each in inputs.items()},
        {name: tuple(map(int, each["shape"])) for name, each in outputs.items()},
        {name: np.zeros(each["shape"], each["dtype"]) for name, each in inputs.items()},
    )


def _by_length(path: Path, graph: Graph, signatures: Sequence[_Signature]) -> dict[int, _Signature]:
    """The signatures of a graph by their number of tokens, the smallest number first.

    Raises:
        BundleError: there are none, or one does not compute the graph.
    """
    for each in signatures or [_Signature(None, {}, {})]:
        check_matches(path, graph, inputs=each.inputs, outputs={n: shape[-1] for n, shape in each.outputs.items()})
    name = next(each.name for each in graph.inputs if each.axis == "token")
    by_length = {each.inputs[name][0][1]: each for each in signatures}
    return dict(sorted(by_length.items()))


def _compiled(path: Path, signatures: Mapping[str, _Signature]) -> dict[str, _Signature]:
    """The signatures of a file, computed by a `CompiledModel` that they share."""
    from ai_edge_litert.compiled_model import CompiledModel

    model = CompiledModel.from_file(str(path))

    def runner(name: str, described: _Signature) -> Callable:
        def run(**inputs) -> dict[str, np.ndarray]:
            given = {each: model.create_input_buffer_by_name(name, each) for each in inputs}
            found = {each: model.create_output_buffer_by_name(name, each) for each in described.outputs}
            for each, values in inputs.items():
                given[each].write(values)
            model.run_by_name(name, given, found)
            shapes = described.outputs.items()
            return {each: found[each].read(int(np.prod(shape)), np.float32).reshape(shape) for each, shape in shapes}

        return run

    return {name: replace(each, runner=runner(name, each)) for name, each in signatures.items()}


def tflite(
    path: Path, graphs: Sequence[Graph], *, threads: int, integers: bool, engine: type[_Interpreter] = _Interpreter
) -> dict[str, Run]:
    """For each graph, a function that runs each row by itself, in the shortest signature that holds it.

    A file of floats has one interpreter with all threads, for which callers wait in turn: that is as fast as several
    interpreters, each of which would need memory for weights in XNNPACK's own layout. A file of integers gains little
    from threads inside, so it has one interpreter for a text alone and further ones with one thread each: on 2 cores
    they answer twice as many texts per second.

    Raises:
        BundleError: a broken file, or one that does not compute a graph; from the returned functions, a file that was
            replaced before a further interpreter opened it.
        MissingDependency: LiteRT is not installed.
    """
    try:
        import ai_edge_litert.interpreter  # noqa: F401 - whether it is there
    except ImportError as error:
        raise MissingDependency(
            f"{path}: needs the package ai-edge-litert ({error}); pip install ai-edge-litert"
        ) from None
    beside = threads if integers and threads > 1 else 0
    again = reopening(path, lambda: engine(path, graphs, threads=1))
    pool = Pool(engine(path, graphs, threads=threads), again, beside=beside)

    def run(graph: Graph, batch: dict) -> dict:
        tokens = tokens_of(batch)
        rows = len(tokens)
        found: list[dict] = [{}] * rows

        def some(part: range) -> None:
            with pool.lent(alone=rows == 1) as interpreter:
                for i in part:
                    found[i] = interpreter.run(
                        graph.name, {name: values[i] for name, values in batch.items()}, tokens[i]
                    )

        # Neighbours are of like length, so rows are dealt like cards.
        parts = max(1, min(beside, rows))
        in_threads(some, [range(part, rows, parts) for part in range(parts)], parts)
        return {each.name: together([row[each.name] for row in found]) for each in graph.outputs}

    return {graph.name: partial(run, graph) for graph in graphs}


def mediapipe(path: Path, graphs: Sequence[Graph], **options) -> dict[str, Run]:
    """A file for MediaPipe: always three inputs; of a classifier scores in place of logits, and logits that have these
    scores.
    """
    (graph,) = graphs
    output = graph.outputs[0]
    if len(graph.outputs) > 1 or output.bar == "vector":
        return tflite(path, [replace(graph, inputs=MODEL_INPUTS)], **options)
    scored = Graph(graph.name, MODEL_INPUTS, (replace(output, name=SCORES),))
    run = tflite(path, [scored], **options)[graph.name]
    return {graph.name: lambda batch: {output.name: logits_of(run(batch)[SCORES], output.bar)}}


compiled_tflite = partial(tflite, engine=_CompiledModel)
compiled_mediapipe = partial(mediapipe, engine=_CompiledModel)
