"""What a checkpoint's config.json says of the task it was trained for."""

from kerasbert.checkpoints.hf import Checkpoint
from kerasbert.errors import ConfigError


def stored_task(checkpoint: Checkpoint) -> dict:
    """What is known of the checkpoint's task: name, labels (None without a classifier), problem type, pooling, length.

    A checkpoint that was not saved here is a classifier if it has one, and has no task if not.
    """
    settings = checkpoint.settings
    own = settings.get("kerasbert", {})
    labels = _stored_labels(checkpoint)
    return {
        "task": own.get("task") or (None if labels is None else "text-classification"),
        "labels": labels,
        "problem_type": settings.get("problem_type") or _problem_type(labels),
        "pooling": own.get("pooling", "cls"),
        "max_length": own.get("max_length"),
    }


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
