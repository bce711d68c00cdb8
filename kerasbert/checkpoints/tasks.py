"""What a checkpoint's config.json says of the task it was trained for."""

from collections.abc import Collection
from dataclasses import dataclass

from kerasbert.checkpoints.loading import ENCODER, Checkpoint
from kerasbert.errors import CheckpointError, ConfigError


@dataclass(frozen=True)
class StoredTask:
    """The task of a checkpoint and its settings.

    Attributes:
        name: `Checkpoint.task`.
        labels: in the order of the logits; None where the checkpoint is no text classifier, whatever head it has.
        problem_type: kind of text classification.
        pooling: how a text's vector is made from those of its tokens.
        max_length: tokens a text is cut to; None where config.json does not say.
    """

    name: str
    labels: list[str] | None
    problem_type: str
    pooling: str
    max_length: int | None


def stored_task(checkpoint: Checkpoint) -> StoredTask:
    """Reads the task and its settings.

    Raises:
        ConfigError: labels that do not number the classifier's outputs, or a section that is no JSON object.
    """
    labels = _stored_labels(checkpoint) if checkpoint.task == "text-classification" else None
    return StoredTask(
        name=checkpoint.task,
        labels=labels,
        problem_type=checkpoint.settings.get("problem_type") or _problem_type(labels),
        pooling=checkpoint.own.get("pooling", "cls"),
        max_length=checkpoint.own.get("max_length"),
    )


def answerable_task(checkpoint: Checkpoint, tasks: Collection[str]) -> str:
    """The name of the task that a checkpoint answers, one of `tasks`.

    Raises:
        CheckpointError: it holds another task, or none; the message names it.
    """
    if checkpoint.task not in tasks:
        raise CheckpointError(
            f"{checkpoint.folder}: holds {checkpoint.holds}, which kerasbert cannot answer with yet; fine-tune it "
            "first, or name a task for its encoder: sentence-embedding (one vector per text) or feature-extraction "
            "(one vector per token)"
        )
    return checkpoint.task


def no_classifier(checkpoint: Checkpoint) -> CheckpointError:
    """The error for a classifier that is asked of a checkpoint without one, and without labels for a new head."""
    held = "" if checkpoint.task == ENCODER else f"holds {checkpoint.holds}, "
    return CheckpointError(
        f'{checkpoint.folder}: {held}has no classifier; fine-tune it first, or give labels=["negative", "positive"]'
    )


def _stored_labels(checkpoint: Checkpoint) -> list[str] | None:
    """id2label in the order of the classifier's outputs; numbered where config.json has none, as in transformers."""
    rows = checkpoint.outputs("classifier/dense")
    if not rows:
        return None
    named = checkpoint.settings.get("id2label") or {str(row): f"LABEL_{row}" for row in range(rows)}
    if not isinstance(named, dict) or set(named) != {str(row) for row in range(rows)}:
        raise ConfigError(
            f"{checkpoint.folder}: id2label in config.json is {named!r:.200}, but the classifier has {rows} outputs: "
            f"name each from 0 to {rows - 1}"
        )
    return [str(named[str(row)]) for row in range(rows)]


def _problem_type(labels: list[str] | None) -> str:
    """As transformers guesses it: one output is a number."""
    return "regression" if labels is not None and len(labels) == 1 else "single_label_classification"
