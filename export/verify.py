"""The parity gate: every file of a bundle against the answers that Keras gave."""

import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from kerasbert.export import golden

from kerasbert import tokenizers
from kerasbert.data.labels import targets
from kerasbert.data.readers import read_examples
from kerasbert.decoding.labels import sigmoid, softmax
from kerasbert.decoding.metrics import evaluate
from kerasbert.errors import ExportError
from kerasbert.runtime.manifest import Manifest, measure
from kerasbert.runtime.pipelines import Classifier, open_file

TOLERANCE = 1e-4
"""Largest difference of a float32 file's logits from Keras's."""
AGREEMENT = 0.99
"""Least share of labels that a quantised file has in common with Keras."""
MARGIN = 0.1
"""Texts on which Keras itself hesitates (its best two probabilities closer than this) do not judge a quantised file."""
DROP = 0.005
"""Largest loss of accuracy of a quantised file on labelled data (0.5 points)."""


@dataclass(kw_only=True)
class Row:
    """What was measured of one file. `failed` says which bar it missed, or is None."""

    format: str
    path: str
    megabytes: float
    max_difference: float
    agreement: float
    milliseconds: float
    accuracy: float | None = None
    failed: str | None = None


def verify(folder: str | Path, *, data: str | Path | None = None, columns: dict | None = None) -> Iterator[Row]:
    """Checks every file of a bundle and yields its row: content, answers on the golden texts, answers on labelled data.

    Args:
        folder: a bundle. data: a labelled file; a quantised file may not lose more than `DROP` of accuracy on it.
        columns: for `read_examples`.

    Raises:
        BundleError: a file is missing or cannot be opened.
    """
    folder = Path(folder)
    manifest = Manifest.read(folder)
    rows = golden.read(folder)
    expected = np.stack([row["logits"] for row in rows])
    tokenizer = tokenizers.load(folder)
    examples = None if data is None else read_examples(data, **(columns or {}))
    truth = None if data is None else targets(examples, manifest.labels, manifest.problem_type, path=str(data))
    reference = None
    for name, file in manifest.files.items():
        failures = []
        if measure(folder / file.path) != (file.bytes, file.sha256) and (folder / file.path).exists():
            failures.append("its bytes are not the ones that were written")
        classifier, from_text = _open(folder, manifest, tokenizer, name)
        actual, milliseconds = _answers(classifier, [(row["text"], row["pair"]) for row in rows])
        failures += [f"ids of {row['text'][:40]!r} differ" for row in rows if not _same_ids(tokenizer, manifest, row)]
        failures += _judge(actual, expected, manifest.problem_type, file.precision)
        if from_text is not None:
            raw = np.concatenate(
                [from_text({"text": [r["text"]], "text_pair": r["pair"] and [r["pair"]]}) for r in rows]
            )
            failures += [
                f"text signature: {found}" for found in _judge(raw, expected, manifest.problem_type, file.precision)
            ]
        row = Row(
            format=name,
            path=file.path,
            megabytes=file.bytes / 1e6,
            max_difference=float(np.abs(actual - expected).max()),
            agreement=_agreement(actual, expected, manifest.problem_type),
            milliseconds=milliseconds,
        )
        if examples is not None:
            logits, row.milliseconds = _answers(classifier, [(example.text, example.pair) for example in examples])
            row.accuracy = evaluate(logits, truth, manifest.problem_type).get("accuracy")
            reference = logits if reference is None and file.precision == "float32" else reference
            if file.precision != "float32" and reference is not None:
                row.agreement = _agreement(logits, reference, manifest.problem_type)
                failures += _judge_data(logits, reference, truth, manifest.problem_type)
        row.failed = "; ".join(failures[:3]) or None
        yield row


def check(rows: list[Row]) -> None:
    """Raises ExportError if a row failed."""
    failed = [f"{row.format}: {row.failed}" for row in rows if row.failed]
    if failed:
        raise ExportError("the parity gate failed: " + " | ".join(failed))


def report(rows: list[Row]) -> list[dict]:
    """The rows as plain data, for report.json."""
    return [asdict(row) for row in rows]


def _open(folder: Path, manifest: Manifest, tokenizer, name: str):
    """A file as a classifier, and its text signature if it has one."""
    if name != "saved_model":
        return Classifier(manifest, tokenizer, open_file(folder, manifest, name)), None
    from kerasbert.export.saved_model import open_saved_model

    ids, text = open_saved_model(folder / manifest.files[name].path)
    return Classifier(manifest, tokenizer, ids), text


def _answers(classifier: Classifier, pairs: list) -> tuple[np.ndarray, float]:
    """Logits, asked one text at a time as a phone would, and the median milliseconds of a text."""
    logits, seconds = [], []
    for text, pair in pairs:
        start = time.perf_counter()
        logits.append(classifier.predict_logits([text], None if pair is None else [pair])[0])
        seconds.append(time.perf_counter() - start)
    return np.stack(logits), float(np.median(seconds)) * 1000


def _same_ids(tokenizer, manifest: Manifest, row: dict) -> bool:
    encoded = tokenizer([row["text"]], row["pair"] and [row["pair"]], max_length=manifest.max_length)
    return encoded["input_ids"][0].tolist() == row["input_ids"]


def _judge(actual: np.ndarray, expected: np.ndarray, problem_type: str, precision: str) -> list[str]:
    if not np.isfinite(actual).all():
        return ["its logits are not all finite"]
    difference = float(np.abs(actual - expected).max())
    if precision == "float32":
        return [f"logits differ by {difference:.2g}, {TOLERANCE:g} allowed"] if difference > TOLERANCE else []
    if problem_type == "regression":
        allowed = 0.05 * max(1.0, float(np.ptp(expected)))
        return [f"values differ by {difference:.2g}, {allowed:.2g} allowed"] if difference > allowed else []
    decided = _margin(expected, problem_type) >= MARGIN
    if not decided.any():
        return []
    agreement = float(np.mean(_decisions(actual, problem_type)[decided] == _decisions(expected, problem_type)[decided]))
    return [f"{agreement:.1%} of labels agree, {AGREEMENT:.0%} wanted"] if agreement < AGREEMENT else []


def _judge_data(logits: np.ndarray, reference: np.ndarray, truth: np.ndarray, problem_type: str) -> list[str]:
    if problem_type == "regression":
        return []
    failures = []
    agreement = _agreement(logits, reference, problem_type)
    if agreement < AGREEMENT:
        failures.append(f"{agreement:.2%} of labels on the data agree, {AGREEMENT:.0%} wanted")
    drop = evaluate(reference, truth, problem_type)["accuracy"] - evaluate(logits, truth, problem_type)["accuracy"]
    if drop > DROP:
        failures.append(f"accuracy on the data falls by {100 * drop:.2f} points, {100 * DROP:g} allowed")
    return failures


def _decisions(logits: np.ndarray, problem_type: str) -> np.ndarray:
    return logits.argmax(-1) if problem_type == "single_label_classification" else logits > 0


def _margin(logits: np.ndarray, problem_type: str) -> np.ndarray:
    if problem_type == "single_label_classification":
        best = np.sort(softmax(logits), axis=-1)
        return best[:, -1] - best[:, -2]
    return np.abs(2 * sigmoid(logits) - 1)


def _agreement(actual: np.ndarray, expected: np.ndarray, problem_type: str) -> float:
    """Share of equal labels; for regression, of values within 5 % of the spread."""
    if problem_type == "regression":
        return float(np.mean(np.abs(actual - expected) <= 0.05 * max(1.0, float(np.ptp(expected)))))
    return float(np.mean(_decisions(actual, problem_type) == _decisions(expected, problem_type)))
