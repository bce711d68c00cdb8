"""Distillation of a task: a small model learns the answers of a large one (arXiv 1503.02531, arXiv 1606.07947)."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.checkpoints.tasks import answerable_task
from kerasbert.errors import ConfigError
from kerasbert.models.starts import blocks_start
from kerasbert.models.students import chosen_blocks
from kerasbert.runs.begun import is_begun
from kerasbert.runs.distill_options import OF_BLOCKS, DistillOptions
from kerasbert.runs.finetune import carry_out, job_of
from kerasbert.runs.static import static_student
from kerasbert.runs.teaching import Teaching
from kerasbert.tasks import NAMES, task_named
from kerasbert.tasks.task import Example

SOFT_LABELS = "soft-labels"
"""The folder of the teachers' answers, beside the output folder."""

__all__ = ["DistillOptions", "distill"]


def distill(
    teacher: str | Path | Checkpoint,
    train: str | Path | Sequence[Example] | None,
    folder: str | Path,
    options: DistillOptions | None = None,
    **changes,
) -> dict[str, float]:
    """Teaches a student the task of its teacher, and writes it to `folder` with a record of the run.

    The teacher answers every text once; its answers are kept in a folder of their own, where another run finds them.
    The student learns them, and beside them the right answers of `train`. Where answers are labels, places or numbers,
    it learns the teacher's logits (`kerasbert.training.soft_losses.SoftLoss`); of a sentence encoder its vectors; of a
    model that writes texts these texts. The run is one of `kerasbert.runs.finetune.finetune`: it can be resumed, and
    writes the same files.

    Args:
        teacher: folder, hub id or open checkpoint of a model with a task. The student has its labels and settings.
        train: labelled file, or the examples that were read from one; None: there are unlabelled texts alone.
        folder: the folder to write, absent or empty.
        options, changes: a `DistillOptions`, and fields of it that are other.

    Returns:
        The figures of the kept epoch, as `finetune` returns them.

    Raises:
        Stopped: by a signal, state saved. Diverged: the loss became no number. KerasBertError: one of its kinds for
            what cannot be read, learned or written.
    """
    options, folder = replace(options or DistillOptions(), **changes), Path(folder)
    is_begun(folder, options.resume)  # before a static student is made, which takes minutes
    teaching = teaching_of(teacher, folder, options)
    return carry_out(job_of(teaching.task, train, folder, teaching.options, teaching), teaching)


def teaching_of(teacher: str | Path | Checkpoint, folder: Path, options: DistillOptions) -> Teaching:
    """The teacher with its student, whose first weights are named, are blocks of the teacher or its static encoder.

    Raises:
        KerasBertError: one of its kinds, for what does not go together.
    """
    folder = Path(folder).absolute()
    kept = Path(options.soft_labels or folder.parent / SOFT_LABELS)
    if folder in (kept.absolute(), *kept.absolute().parents):
        raise ConfigError(f"soft_labels is {kept}: the output folder must begin empty, so name a folder outside of it")
    if (kept / "config.json").exists():
        raise ConfigError(f"soft_labels is {kept}: holds a model; name a folder for the teacher's answers alone")
    opened = open_checkpoint(teacher)
    task = task_named(answerable_task(opened, NAMES))
    begins = {}
    if options.static is not None:
        start, begins = static_student(opened, task, options.static), {"static": options.static}
        options = replace(options, checkpoint=start, static=None)
    elif options.checkpoint is None:
        blocks = chosen_blocks(opened.config.num_hidden_layers, options.layers)
        changed = {name: value for name in OF_BLOCKS if (value := getattr(options, name)) is not None}
        start, begins = blocks_start(opened, blocks, **changed), {"blocks": list(blocks), **changed}
        options = replace(options, checkpoint=start, layers=None, **dict.fromkeys(changed))
    return Teaching(opened, task, options, kept, begins)
