"""The parity gate: every file of a bundle against the answers that Keras gave."""

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import numpy as np

from kerasbert import tokenizers
from kerasbert.errors import ExportError
from kerasbert.examples.labels import targets
from kerasbert.examples.readers import pairs_of, read_examples
from kerasbert.export.formats.mediapipe.check import check_in_mediapipe
from kerasbert.export.formats.mediapipe.device_tokenizer import read_differently
from kerasbert.export.gate import golden
from kerasbert.export.gate.bars import agreement, judge, judge_data, largest_difference
from kerasbert.runtime.interpreter import Run, load_file
from kerasbert.runtime.manifest import Manifest
from kerasbert.runtime.pipelines import Pipeline
from kerasbert.runtime.text_file import reads_text
from kerasbert.tasks.figures import evaluate
from kerasbert.tasks.table import TASKS

log = logging.getLogger("kerasbert")
NEVER = -1e9
"""A logit that no answer is made of."""


@dataclass(frozen=True)
class Truth:
    """Labelled texts to measure accuracy on: texts, second texts or None, and `kerasbert.examples.labels.targets`."""

    texts: list[str]
    pairs: list[str] | None
    targets: np.ndarray

    @classmethod
    def read(cls, path: str | Path, model, **columns) -> "Truth":
        """Reads a labelled file for whatever has `labels` and a `problem_type`.

        Raises:
            ExportError: the task has no labels.
        """
        if not model.labels:
            raise ExportError(f"{path}: a model without labels has nothing to be measured on; leave the data out")
        examples = read_examples(path, **columns)
        truth = targets(examples, model.labels, model.problem_type, path=str(path))
        return cls([example.text for example in examples], pairs_of(examples), truth)


@dataclass(kw_only=True)
class Row:
    """What was measured of one file.

    Attributes:
        format, path: its name in the bundle and its file.
        megabytes: its size.
        max_difference: of its outputs (of its scores, if it ends in scores) from Keras's on the golden texts, of any
            length, padded to the file's length.
        agreement: share of answers equal to Keras's, on the labelled data if there is any, else on the golden texts.
        milliseconds: the median for one text from string to outputs.
        accuracy: on the labelled data. failed: which bar it missed.
        read_differently: the golden texts that MediaPipe's tokenizer, or the one in a file that takes texts, reads
            otherwise than ours.
    """

    format: str
    path: str
    megabytes: float
    max_difference: float
    agreement: float
    milliseconds: float
    accuracy: float | None = None
    failed: str | None = None
    read_differently: list[str] = field(default_factory=list)


def verify(
    bundle: str | Path,
    *,
    truth: Truth | None = None,
    reference: np.ndarray | None = None,
    max_drop: float | None = None,
    files: Sequence[str] | None = None,
    progress: Callable[[str], None] = lambda step: None,
) -> list[Row]:
    """Checks every file of a bundle: its bytes, its answers on the golden texts, its answers on labelled data.

    The golden texts are asked alone, and a second time in one padded batch of a file whose batch is free.

    Args:
        bundle: a folder that `export_bundle` made.
        truth: labelled texts, on which a quantised file is compared with `reference`: Keras's logits; None takes a
            float32 file's, which the golden texts have vouched for.
        max_drop: points of accuracy that a quantised file may lose there; None: 0.5, and 99 % of its answers are to be
            the same.
        files: names of the formats to check; None: all.
        progress: told of each file before it is checked.

    Raises:
        BundleError: a file is missing, was changed (it is not run then) or cannot be opened.
    """
    bundle = Path(bundle)
    manifest = Manifest.read(bundle)
    rows = []
    # float32 files first: they may have to serve as the reference.
    for name in sorted(
        manifest.files if files is None else files, key=lambda name: manifest.files[name].precision != "float32"
    ):
        progress(f"checking {name}")
        row, logits = _verify_file(bundle, manifest, name, truth, reference, max_drop)
        rows.append(row)
        if reference is None and manifest.files[name].precision == "float32" and not row.failed:
            reference = logits
    return rows


def check(rows: Sequence[Row]) -> None:
    """Raises ExportError if a row failed."""
    failed = [f"{row.format}: {row.failed}" for row in rows if row.failed]
    if failed:
        raise ExportError("the parity gate failed: " + " | ".join(failed))


def report(rows: Sequence[Row]) -> list[dict]:
    """The rows as plain data, for report.json."""
    return [asdict(row) for row in rows]


def open_any(bundle: Path, name: str) -> tuple[Pipeline, Run | None]:
    """One file of a bundle, a SavedModel included, as a pipeline; and its text signature, if it has one.

    Raises:
        BundleError: a file is missing or was changed; its every byte is compared.
    """
    manifest = Manifest.read(bundle)
    manifest.check_others(bundle)
    path = manifest.check_file(bundle, name)
    tokenizer = tokenizers.from_options(manifest.tokenizer, bundle)
    if name != "saved_model":
        run = load_file(path, pad_id=manifest.pad_id)
        return Pipeline(manifest, tokenizer, run, from_text=reads_text(path)), None
    from kerasbert.export.formats.saved_model.file import open_saved_model

    ids, text = open_saved_model(path)
    return Pipeline(manifest, tokenizer, ids), text


def _verify_file(bundle, manifest, name, truth, reference, max_drop) -> tuple[Row, np.ndarray | None]:
    """The row of one file, and its logits on the labelled texts."""
    file, problem_type = manifest.files[name], manifest.problem_type
    pipeline, from_text = open_any(bundle, name)
    recorded = golden.read(bundle, manifest.outputs, TASKS[problem_type].by_token)
    strange = []
    if pipeline.from_text:  # it takes no pairs, and no answer is known for what it reads otherwise
        from kerasbert.export.formats.tflite import text as text_tflite_file

        single = [row for row in recorded if row["pair"] is None]
        texts = [row["text"] for row in single]
        strange = text_tflite_file.read_differently(pipeline.tokenizer, texts, max_length=manifest.max_length)
        if strange:
            _warn_of(file.path, "it", strange, len(single))
        recorded = [row for row in single if row["text"] not in strange]
    expected = {output: [row[output] for row in recorded] for output in manifest.outputs}

    failures = [f"ids of {row['text'][:40]!r} differ" for row in recorded if not _same_ids(pipeline, row)]
    outputs, milliseconds = _answers(pipeline, [(row["text"], row["pair"]) for row in recorded])
    for_mediapipe = "mediapipe" in file.path
    compared = list(_compared(outputs, expected, recorded, problem_type))
    for actual, wanted, which in compared:
        failures += [
            which + wrong for wrong in judge(actual, wanted, problem_type, file.precision, scores=for_mediapipe)
        ]
    batched = {} if Path(file.path).suffix == ".tflite" else {"in a batch": pipeline.predict_outputs}
    if from_text is not None:
        batched["text signature"] = lambda texts, pairs: from_text({"text": texts, "text_pair": pairs})
    for how, ask in batched.items():
        together = _in_batches(ask, recorded, manifest.outputs)
        for actual, wanted, which in _compared(together, expected, recorded, problem_type):
            failures += [f"{how}: {which}{wrong}" for wrong in judge(actual, wanted, problem_type, file.precision)]
    row = Row(
        format=name,
        path=file.path,
        megabytes=file.bytes / 1e6,
        max_difference=max(
            largest_difference(actual, wanted, problem_type, scores=for_mediapipe) for actual, wanted, _ in compared
        ),
        agreement=min(agreement(actual, wanted, problem_type) for actual, wanted, _ in compared),
        milliseconds=milliseconds,
        read_differently=strange,
    )
    if for_mediapipe:
        (actual,) = outputs.values()
        alone = {row["text"]: output for row, output in zip(recorded, actual, strict=True) if row["pair"] is None}
        row.read_differently = read_differently(pipeline.tokenizer, alone, max_length=manifest.max_length)
        if row.read_differently:
            _warn_of(file.path, "MediaPipe", row.read_differently, len(alone))
        failures += check_in_mediapipe(
            bundle / file.path,
            {text: output for text, output in alone.items() if text not in row.read_differently},
            labels=manifest.labels,
            problem_type=problem_type,
        )
    logits = None
    if truth is not None and not (pipeline.from_text and truth.pairs):
        pairs = truth.pairs or [None] * len(truth.texts)
        answers, row.milliseconds = _answers(pipeline, list(zip(truth.texts, pairs, strict=True)))
        logits = np.stack(answers["logits"])
        row.accuracy = evaluate(logits, truth.targets, problem_type).get("accuracy")
        alike = np.full(len(logits), True)
        if pipeline.from_text:
            strange = text_tflite_file.read_differently(pipeline.tokenizer, truth.texts, max_length=manifest.max_length)
            strange = frozenset(strange)  # an array of texts would give each the room of the longest
            alike = np.array([text not in strange for text in truth.texts])
        if reference is not None:
            row.agreement = agreement(logits, reference, problem_type)
            if file.precision != "float32":
                drop = None if max_drop is None else max_drop / 100
                failures += judge_data(logits, reference, truth.targets, problem_type, file.precision, drop=drop)
            elif alike.any():
                found = judge(logits[alike], reference[alike], problem_type, file.precision, scores=for_mediapipe)
                failures += [f"on the data: {wrong}" for wrong in found]
    row.failed = "; ".join(failures[:3]) or None
    return row, logits


def _warn_of(path: str, reader: str, texts: Sequence[str], count: int) -> None:
    shown = ", ".join(repr(text[:24]) for text in texts)
    log.warning(
        "%s: %s reads %d of %d golden texts otherwise than BERT's tokenizer: %s", path, reader, len(texts), count, shown
    )


def _answers(pipeline: Pipeline, pairs: list[tuple[str, str | None]]) -> tuple[dict[str, list[np.ndarray]], float]:
    """The outputs of each text, asked one at a time as a phone would, and the median milliseconds of a text."""
    outputs, seconds = {name: [] for name in pipeline.manifest.outputs}, []
    for text, pair in pairs:
        start = time.perf_counter()
        answer = pipeline.predict_outputs([text], None if pair is None else [pair])
        seconds.append(time.perf_counter() - start)
        for name, rows in outputs.items():
            rows.append(answer[name][0])
    return outputs, float(np.median(seconds)) * 1000


def _in_batches(ask: Callable, rows: Sequence[dict], names: Sequence[str]) -> dict[str, list[np.ndarray]]:
    """The outputs of all texts alone asked at once, padded to the longest, and of all pairs."""
    outputs = {name: [None] * len(rows) for name in names}
    for paired in (False, True):
        chosen = [i for i, row in enumerate(rows) if (row["pair"] is not None) == paired]
        if chosen:
            pairs = [rows[i]["pair"] for i in chosen] if paired else None
            answers = ask([rows[i]["text"] for i in chosen], pairs)
            for name in names:
                for i, answer in zip(chosen, answers[name], strict=True):
                    outputs[name][i] = answer
    return outputs


def _compared(
    outputs: Mapping[str, Sequence[np.ndarray]],
    expected: Mapping[str, Sequence[np.ndarray]],
    recorded: Sequence[dict],
    problem_type: str,
) -> Iterator[tuple[np.ndarray, np.ndarray, str]]:
    """What the bars compare, (texts or tokens, ...): of each output the file's and Keras's, and its name if not alone.

    Outputs by token are compared at the recorded places, none of which is padding.
    """
    by_token = TASKS[problem_type].by_token
    for name, wanted in expected.items():
        actual = outputs[name]
        if name in by_token:
            actual = [output[row["places"]] for output, row in zip(actual, recorded, strict=True)]
        together = lined_up if name in by_token else np.stack
        yield together(actual), together(wanted), f"{name}: " if len(expected) > 1 else ""


def lined_up(outputs: Sequence[np.ndarray]) -> np.ndarray:
    """Outputs by token as one array: a row a token, (tokens, width), or, where a token has one number, a row a text.

    There the tokens are what is chosen from, as labels are of a classifier, so that the rows are (texts, most tokens);
    behind the text's own stand numbers that are never chosen.
    """
    if outputs[0].ndim > 1:
        return np.concatenate(outputs)
    longest = max(map(len, outputs))
    return np.stack([np.pad(row, (0, longest - len(row)), constant_values=NEVER) for row in outputs])


def _same_ids(pipeline: Pipeline, row: dict) -> bool:
    length = pipeline.manifest.max_length
    encoded = pipeline.tokenizer([row["text"]], None if row["pair"] is None else [row["pair"]], max_length=length)
    return encoded["input_ids"][0].tolist() == row["input_ids"]
