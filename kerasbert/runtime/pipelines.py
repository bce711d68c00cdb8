"""`load` opens a bundle as a `Pipeline`, which turns texts into answers."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from numbers import Real
from pathlib import Path

import numpy as np

from kerasbert import tokenizers
from kerasbert.errors import BundleError, TokenizerError
from kerasbert.runtime.engines import open_runs
from kerasbert.runtime.kinds import KINDS
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.ask import Answered, ask, joined, outputs_of
from kerasbert.tasks.encoding import prompt_of
from kerasbert.tasks.numbers import numbers_of
from kerasbert.tasks.remarks import with_cut_counted
from kerasbert.tasks.request import Request
from kerasbert.tasks.sentence_embedding import prompted
from kerasbert.tasks.task import Example, Graph, Input, Run

FIELDS = ("text", "choice", "number")
"""The axes of inputs that are fields of an example."""


class Pipeline:
    """A bundle's file with its tokenizer: texts in, answers out.

    ```python
    answer = load("bundle/")
    answer("a lovely film")                       # {"label": "positive", "score": 0.98}
    answer(["a lovely film", "two lost hours"])   # a list of such answers
    answer("Is it open?", "The shop is open.")    # a pair of texts
    answer("a lovely film", price=3.5)            # for a model that also takes a number of this name
    answer("a lovely film", top_k=3)              # as `kerasbert predict --top-k 3` shows it
    ```

    Threads may share one. A pipeline that `load` made can be pickled; it opens its bundle again where it is unpickled.

    Args:
        manifest: what the bundle says of itself. tokenizer: its tokenizer.
        runs: graph name -> the function that computes it.
        graphs: what the functions take, if not the ids of the manifest's graphs; see `text_graphs`.
        source: the arguments of `load` that made it, by name; None if something else did.
    """

    def __init__(
        self,
        manifest: Manifest,
        tokenizer,
        runs: Mapping[str, Run],
        *,
        graphs: Sequence[Graph] | None = None,
        source: Mapping[str, object] | None = None,
    ):
        self._source = source
        self.manifest, self.runs = manifest, runs
        self.task, self.settings = manifest.definition, manifest.task_settings
        names = [each.name for graph in manifest.graphs for each in graph.inputs]
        self.tokenizer = tokenizer.with_token_types("token_type_ids" in names)
        self._graphs = tuple(manifest.graphs if graphs is None else graphs)
        by_axis = {each.name: each.axis for graph in self._graphs for each in graph.inputs}
        self.fields = {name for name, axis in by_axis.items() if "text" in by_axis.values() and axis in FIELDS}
        """The parts of an example that the functions themselves read; empty where they take ids."""

    def __reduce__(self):
        if self._source is None:
            raise BundleError(
                "this Pipeline was made from functions, which cannot be pickled; make it with load(bundle)"
            )
        return _load_again, (dict(self._source),)

    def graphs(self) -> tuple[Graph, ...]:
        """What the bundle's files compute."""
        return self._graphs

    def __call__(self, *columns, **named):
        """One text per field (or one list of choices) -> one answer; a list of these per field -> a list of answers."""
        answers = self.predict_text(*columns, **named)
        texts = (named.get(field.name) for field in self.task.fields)
        first = next(value for value in (*columns, *texts) if value is not None)
        return answers[0] if isinstance(first, str | Real) else answers

    def predict_text(self, *columns, **named) -> list:
        """One answer per example, as the model that was exported gives them. A warning counts what was cut.

        Args:
            columns, named: texts by field; by name also what to see of an answer (`top_k=3`, `threshold=0.9`,
                `all_scores=True`), and settings to answer with in place of the bundle's (`max_answer_length=5`).

        Raises:
            ConfigError: an argument means nothing to the model, or has a value that is not allowed.
        """
        request, named = Request.of(self.task, self.settings, named)
        return [request.answer(each) for each in self._asked_once(columns, named, request.settings)]

    def answers(self, examples: Iterable[Example]) -> Iterator:
        """Answers in the order of the examples, which are read as answers are taken."""
        return ask(*self._asked(examples, self.settings), graphs=self._graphs)

    def answered(self, examples: Iterable[Example], *, batch_size: int | None = None, **batching) -> Iterator[Answered]:
        """Examples with their rows and outputs, in their order; see `outputs_of` for `batching`.

        Args:
            examples: the examples, read lazily.
            batch_size: largest number of rows in a batch, however long they are; None: by the number of tokens.
        """
        if batch_size is not None:
            batching = {"batch_rows": batch_size, "batch_tokens": batch_size * self.settings.max_length, **batching}
        return outputs_of(*self._asked(examples, self.settings), graphs=self._graphs, **batching)

    def predict_outputs(self, *columns, **named) -> dict[str, np.ndarray | list[np.ndarray]]:
        """The model's outputs by name, float32 with the texts on axis 0.

        An output with one vector per token is a list, (tokens, width) for each text.
        """
        return joined(self.task, self._graphs, self._asked_once(columns, named, self.settings))

    def predict_logits(self, *columns, **named) -> np.ndarray:
        """A classifier's logits, float32 (texts, labels)."""
        return self._output("logits", columns, named)

    def encode(self, *columns, prompt: str | None = None, prompt_name: str | None = None, **named) -> np.ndarray:
        """A sentence encoder's unit vectors, float32 (texts, hidden_size).

        Args:
            columns, named: as in `predict_text`.
            prompt: a text that is put before each text. prompt_name: the name of one of the model's prompts. None for
                both: the prompt of the settings.

        Raises:
            ConfigError: there is no such prompt, or both are given.
        """
        return self._output("embedding", columns, named, partial(prompted, prompt=prompt, prompt_name=prompt_name))

    def _output(self, name: str, columns, named, changed: Callable = lambda settings: settings) -> np.ndarray:
        outputs = [each.name for graph in self._graphs for each in graph.outputs]
        if name not in outputs:
            raise BundleError(f"this bundle has no {name}: {self.task.name} gives {', '.join(outputs)}")
        answered = self._asked_once(columns, named, changed(self.settings))
        return joined(self.task, self._graphs, answered)[name]

    def _asked_once(self, columns: tuple, named: Mapping, settings) -> Iterator[Answered]:
        examples = self.task.examples(*columns, **named)
        answered = outputs_of(*self._asked(examples, settings), graphs=self._graphs)
        return with_cut_counted(self.task, examples, answered, settings)

    def _asked(self, examples: Iterable[Example], settings) -> tuple:
        if self.fields:
            if prompt_of(settings) != (own := prompt_of(self.manifest.task_settings)):
                raise TokenizerError(
                    f"this file puts {own!r} before every text itself, not {prompt_of(settings)!r}: load another file "
                    "of the bundle"
                )
            examples = map(self._readable, examples)
        return self.task, self.tokenizer, self.runs, examples, settings

    def _readable(self, example: Example) -> Example:
        if set(example.fields) != self.fields:
            raise TokenizerError(
                f"this file takes {' and '.join(sorted(self.fields))} alone, not {' and '.join(example.fields)}: load "
                "another file of the bundle"
            )
        return example


def text_graphs(manifest: Manifest, fields: Iterable[str]) -> tuple[Graph, ...]:
    """The graphs of a file whose inputs are the fields of an example."""
    lists = {"texts": "choice", "text or texts": "sentences"}
    found = (each for each in manifest.definition.fields if each.kind in lists)
    known = {each.name: Input(each.name, lists[each.kind]) for each in found}
    known |= {each.name: each for each in numbers_of(manifest.graphs)}
    inputs = tuple(known.get(name, Input(name, "text")) for name in fields)
    return tuple(Graph(graph.name, inputs, graph.outputs) for graph in manifest.graphs)


def load(bundle: str | Path, *, file: str | None = None, threads: int | None = None, check: bool = True) -> Pipeline:
    """Opens a bundle.

    Args:
        bundle: the folder that `kerasbert export` made.
        file: which of its formats ("tflite", "tflite-int8", "onnx"); None takes the first that runs without TensorFlow.
        threads: number of threads that one call may use; None: one per core, at most 4. Many texts use them all.
        check: compare every byte of the model file with the recorded hash, which takes about 80 ms per 100 MB;
            otherwise only its size.

    Raises:
        BundleError: no bundle, a missing or damaged file, or a format that it does not hold.
        MissingDependency: the engine of the file is not installed.
    """
    folder = Path(bundle)
    manifest = Manifest.read(folder)
    manifest.check_others(folder)
    if file is None:
        file = next((name for name, each in manifest.files.items() if KINDS[each.kind].chosen), None)
        if file is None:
            raise BundleError(f"{folder}: holds no .tflite or .onnx file; export one of these for the runtime")
    described = manifest.check_file(folder, file, whole=check)
    tokenizer = tokenizers.from_options(manifest.tokenizer, folder)
    runs = open_runs(folder, described, manifest.graphs, threads=threads)
    graphs = text_graphs(manifest, ("text",)) if KINDS[described.kind].reads == "text" else None
    # Another process may have another working directory.
    source = {"bundle": folder.resolve(), "file": file, "threads": threads, "check": check}
    return Pipeline(manifest, tokenizer, runs, graphs=graphs, source=source)


def _load_again(arguments: dict) -> Pipeline:
    """What a pickle of a pipeline calls."""
    return load(**arguments)
