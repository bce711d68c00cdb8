"""Reads the task of a checkpoint and its settings from config.json."""

from collections.abc import Collection
from dataclasses import fields

from kerasbert.checkpoints import modules
from kerasbert.checkpoints.loading import ENCODER, PRETRAINED, Checkpoint
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.schema import part_from_json
from kerasbert.tasks import NAMES
from kerasbert.tasks.task import Task

SHARED = ("classifier",)
"""Heads of several tasks: only the task of the checkpoint says whose they are."""


def stored_settings(checkpoint: Checkpoint, task: Task) -> dict:
    """The settings of a task that a checkpoint was saved with, by name; those that nothing tells are missing.

    A section of config.json without a task tells what any task may begin with, such as the pooling. A checkpoint of
    another task still tells the number of tokens that texts are cut to.

    Raises:
        ConfigError: a setting of another type, an unknown one, or labels that do not number the head's outputs.
        CheckpointError: modules of sentence-transformers that kerasbert does not have.
    """
    own = {name: value for name, value in checkpoint.own.items() if name != "task" and value is not None}
    pretrained = "task" not in checkpoint.own and checkpoint.task in PRETRAINED
    if checkpoint.task != task.name or pretrained:
        names = {"max_length"} if "task" in checkpoint.own else {each.name for each in fields(task.Settings)}
        own = {name: value for name, value in own.items() if name in names}
    try:
        stored = part_from_json(task.Settings, own, "kerasbert")
        if checkpoint.task == task.name:
            stored |= task.stored({**checkpoint.settings, **checkpoint.generation}, checkpoint.outputs)
            stored = {**_of_modules(checkpoint), **stored}
    except (ValueError, ConfigError) as error:
        raise ConfigError(f"{checkpoint.config_place}: {error}") from None
    return stored


def _of_modules(checkpoint: Checkpoint) -> dict:
    """The settings that the modules of sentence-transformers tell; none for a folder without them, or of ours."""
    if "task" in checkpoint.own or not checkpoint.has_modules:
        return {}
    lower_cases = getattr(checkpoint.tokenizer(), "do_lower_case", False)
    return modules.embedding_settings(checkpoint.folder, limit=checkpoint.config.max_length, lower_cases=lower_cases)


def answerable_task(checkpoint: Checkpoint, tasks: Collection[str]) -> str:
    """The name of the task that a checkpoint answers, one of `tasks`.

    Raises:
        CheckpointError: it holds another task, or none; the message names it.
    """
    if checkpoint.task == "pre-training":  # its other head is for the next sentence
        return "fill-mask"
    if checkpoint.task not in tasks:
        raise CheckpointError(
            f"{checkpoint.folder}: holds {checkpoint.holds}, which kerasbert cannot answer with yet; fine-tune it "
            "first, or name a task for its encoder: sentence-embedding (one vector per text) or feature-extraction "
            "(one vector per token)"
        )
    return checkpoint.task


def has_head(checkpoint: Checkpoint, task: Task, head: str) -> bool:
    """Whether a checkpoint holds this head, and not as that of another task."""
    others = set(NAMES) - {task.name}
    return checkpoint.has(head) and (head not in SHARED or checkpoint.task not in others)


def check_trained(checkpoint: Checkpoint, task: Task, heads: Collection[str]) -> None:
    """Raises CheckpointError: the checkpoint lacks the first of a task's heads, without which nothing can be answered.

    Args:
        heads: the heads of the task's model (`kerasbert.models.text_model.TextModel.heads`).
    """
    for head in list(heads)[:1]:
        if not has_head(checkpoint, task, head):
            raise CheckpointError(f"{_lacks(checkpoint, head)} for {task.name}; fine-tune it first")


def no_classifier(checkpoint: Checkpoint) -> CheckpointError:
    """The error for a classifier that is asked of a checkpoint without one, and without labels for a new head."""
    mend = "fine-tune it first, or name the labels of a new one, labels=[...]"
    return CheckpointError(f"{_lacks(checkpoint, 'classifier')}; {mend}")


def _lacks(checkpoint: Checkpoint, head: str) -> str:
    held = "" if checkpoint.task == ENCODER else f"holds {checkpoint.holds}, "
    return f"{checkpoint.folder}: {held}has no {head}"
