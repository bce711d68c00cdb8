"""Fine-tuning of any task, from file to folder, as the command line does it. A stopped run can be resumed."""

import json
import logging
import math
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from kerasbert.checkpoints.card import write_card
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import ConfigError, DataError, KerasBertError
from kerasbert.examples.readers import read_examples
from kerasbert.files import new_folder, write_text
from kerasbert.models.lora import check_rank
from kerasbert.reading import read_json
from kerasbert.runs import few_labels
from kerasbert.runs.begun import FINISHED, LABELLED, check_settings, files_of, fingerprints, held_by, is_begun
from kerasbert.runs.card import run_card
from kerasbert.runs.finetune_options import FinetuneOptions
from kerasbert.runs.journal import CSV, read_csv
from kerasbert.runs.plots import plot_curves
from kerasbert.runs.report import write_report
from kerasbert.runs.run import Diverged, Run
from kerasbert.runs.task_settings import check_class_weight, task_settings
from kerasbert.runs.teaching import Teaching
from kerasbert.runs.trials import Job, Trials
from kerasbert.tasks import task_named
from kerasbert.tasks.amounts import batching_of
from kerasbert.tasks.remarks import counted, warn, warn_unknown
from kerasbert.tasks.task import Example, Task
from kerasbert.training import distribution
from kerasbert.training.optimizers import finetuning_rate

log = logging.getLogger("kerasbert")

RECIPE = (
    "epochs",
    "few_shot",
    "loss",
    "decoder_layers",
    "cross_attention",
    "label_smoothing",
    "lora",
    "warmup",
    "layer_decay",
    "weight_decay",
    "class_weight",
    "early_stopping",
    "average",
)
"""The options that decide what is learned, besides the learning rates."""


def finetune(
    task: str,
    train: str | Path | Sequence[Example],
    folder: str | Path,
    options: FinetuneOptions | None = None,
    **changes,
) -> dict[str, float]:
    """Trains the model of a task and writes it to `folder`, which must be absent or empty, with a record of the run.

    Everything that can be wrong is checked before the first step: the files' rows, the labels, the output folder.
    `folder/run` holds the settings, the checkpoints until the end, and TensorBoard's logs; `folder` at the end the
    model with its card, training.csv, curves.png, report.md and report.json. SIGTERM and Ctrl-C save a checkpoint and
    leave. A run that had ended is not repeated by `resume`.

    Args:
        task: one of `kerasbert.tasks.NAMES`.
        train: labelled file, or the examples that were read from one.
        options, changes: a `FinetuneOptions`, and fields of it that are other.

    Returns:
        The figures of the kept epoch: `loss` and Keras's metric, means over the epoch's steps. With `dev` both also
        with `val_` in front, and all figures of the task, such as `val_f1`.

    Raises:
        Stopped: by a signal, state saved. Diverged: the loss became no number. KerasBertError: one of its kinds for
            whatever cannot be read, trained or written; checkpoints stay.
    """
    named, folder = task_named(task), Path(folder)
    options = replace(options or FinetuneOptions(), **changes)
    is_begun(folder, options.resume)
    return carry_out(job_of(named, train, folder, options))


def carry_out(job: Job, teaching: Teaching | None = None) -> dict[str, float]:
    """Makes the run of a job that is checked, and writes its model. Returns and raises what `finetune` does."""
    folder, options = job.folder, job.options
    begun = is_begun(folder, options.resume)
    if begun:
        check_settings(folder / "run", job.said, mend="another --out begins a new run")
    with held_by(job.chief, folder):
        if begun and (folder / "run" / FINISHED).exists():  # perhaps by a process that held the folder until now
            log.info("%s: the run had ended, and its model is written", folder)
            return read_json(folder / "run" / FINISHED, KerasBertError)
        try:
            if options.few_shot is not None:
                return _finish_few(job, *few_labels.learn(job, teach=finetune))
            trials = Trials(job if teaching is None else teaching.taught(job))
            run, tried = trials.best()
        except Diverged:
            if job.chief:
                _forget(folder)
            raise
        return _finish(trials, run, tried)


def job_of(task: Task, train, folder: Path, options: FinetuneOptions, teaching: Teaching | None = None) -> Job:
    """Reads and checks everything that a run is given, and writes nothing.

    Args:
        train: a labelled file, or the examples of one; None: there are only the teacher's examples.
        teaching: the teacher and its examples (`kerasbert.runs.teaching`), or None.

    Raises:
        ConfigError: options that do not suit the task, the checkpoint or the examples. KerasBertError: another of its
            kinds for what cannot be used.
    """
    if task.targets is None:
        raise ConfigError(f"{task.name}: learns nothing from a labelled file")
    if options.few_shot is not None:
        few_labels.check(task.name, options)
    _check_writing(task, options)
    strategy = distribution.strategy_named(options.strategy)
    examples, held_out = (_read(source, task, options) for source in (train, options.dev))
    opened = open_checkpoint(options.checkpoint)
    if options.layer_decay is not None and opened.config.family.static:
        raise ConfigError(f"layer_decay is {options.layer_decay}: {opened.folder} has no blocks; leave it out")
    labelled = examples
    parts = {LABELLED: labelled} if teaching is None else teaching.examples(labelled)
    examples = [each for part in parts.values() for each in part]
    if not examples:
        raise DataError("there are no examples to learn from")
    if options.lora is not None:
        check_rank(options.lora, opened.config)
    given = _settings(task, examples, options, opened) if teaching is None else dict(teaching.settings)
    settings = task.Settings(**given)
    _check_suited(task, options, opened, settings, labelled, examples, held_out)
    metric, better = deciding(task, options.metric, held_out, settings)
    kind = "pair" if {"text_pair", "positive"} & examples[0].fields.keys() else "example"
    rates = options.rates or (finetuning_rate(opened.config, lora=options.lora is not None),)
    said = {
        "task": task.name,
        "data": fingerprints({**parts, "dev": held_out}),
        **({"teacher": teaching.said} if teaching else {}),
        "model": opened.config.to_dict(),
        "settings": given,
        "recipe": {"learning_rate": list(rates), "metric": metric, **_recipe(task, options)},
        "seed": options.seed,
        "precision": options.precision,
        "checkpoint": options.checkpoint and str(getattr(options.checkpoint, "folder", options.checkpoint)),
    }
    return Job(
        task=task,
        options=options,
        folder=folder,
        strategy=strategy,
        examples=examples,
        held_out=held_out,
        settings=given,
        rates=rates,
        metric=metric,
        better=better,
        opening=_opening(parts, kind) + _said(given),
        files=files_of(train=labelled, unlabelled=parts.get("unlabelled", ()), dev=held_out),
        said=said,
    )


def _recipe(task: Task, options: FinetuneOptions) -> dict:
    """How a run learns, as far as options say it."""
    return {
        "keep": "best" if options.keeps_best else "last",
        **batching_of(task.usual_batch_tokens, options.batch_size, options.batch_tokens),
        **({"dev_sample": options.dev_sample} if task.quick else {}),
        **{name: getattr(options, name) for name in RECIPE},
    }


def _check_suited(task: Task, options: FinetuneOptions, opened, settings, labelled, examples, held_out) -> None:
    """Warns about examples, and raises ConfigError or DataError: they and the options do not suit task and checkpoint.

    Args:
        labelled: those of the examples that have right answers.
    """
    opened.config.check_length(settings.max_length)
    if options.class_weight is not None:
        check_class_weight(task, settings)
    for each in filter(None, (labelled, held_out)):
        task.check(each, settings)
        warn(task, each, settings)
    tokenizer = opened.tokenizer()
    for each in filter(None, (examples, held_out)):
        warn_unknown(tokenizer, each)
    if options.few_shot is not None:
        few_labels.check_examples(examples)
    if options.loss is not None:
        _check_loss(task, options.loss, examples)


def _check_writing(task: Task, options: FinetuneOptions) -> None:
    """Raises ConfigError: an option is for models that write texts, and the task's do not."""
    given = [*options.new_decoder.items(), *options.smoothing.items()]
    if given and task.quick is None:
        name, value = given[0]
        raise ConfigError(f"{name} is {value}: {task.name} writes no text; leave it out")


def _settings(task: Task, examples: Sequence[Example], options: FinetuneOptions, opened) -> dict:
    """The settings of the task by name."""
    wanted = dict(options.settings)
    if options.max_length is not None:
        wanted["max_length"] = options.max_length
    if options.few_shot is not None:
        wanted["pooling"] = few_labels.POOLING
    return task_settings(task, examples, wanted, opened)


def _check_loss(task: Task, loss: str, examples: Sequence[Example]) -> None:
    """Raises ConfigError: the task has no such loss to choose. DataError: it does not suit the examples."""
    if loss not in task.losses:
        wanted = f"use one of {', '.join(task.losses)}" if task.losses else f"{task.name} has one loss; leave it out"
        raise ConfigError(f"loss is {loss!r}: {wanted}")
    task.losses[loss](examples)


def deciding(task: Task, metric: str | None, held_out: Sequence[Example], settings) -> tuple[str, str]:
    """The figure that decides which epoch is the best, and whether its best value is the largest or the smallest.

    Args:
        metric: the figure that the user names; None: the task's headline figure, or that of the held-out examples.

    Raises:
        ConfigError: the held-out examples have no such figure.
    """
    better, usual = dict(task.metrics(settings)), task.headline
    if task.measures is not None and held_out:
        names = task.measures(held_out)
        better, usual = {name: better[name] for name in names}, names[0]
    better = {"loss": "min", **better}
    metric = metric or (usual if usual in better else "loss")
    if metric not in better:
        raise ConfigError(f"metric is {metric!r}: use one of {', '.join(better)}")
    return metric, better[metric]


def _read(source: str | Path | Sequence[Example] | None, task: Task, options: FinetuneOptions) -> Sequence[Example]:
    """The examples of a file, or those that are given; none for None."""
    if isinstance(source, str | Path):
        return read_examples(source, task, columns=options.columns)
    return source or []


def _finish(trials: Trials, run: Run, tried: Sequence[dict]) -> dict[str, float]:
    """Measures and writes the model."""
    job, model, step = trials.job, run.model, trials.kept_step(run)
    figures = run.journal.figures_of(step)
    if job.held_out and job.options.average > 1:  # those of the journal are of the epoch's own weights
        figures |= {f"val_{name}": float(value) for name, value in trials.evaluated(model).items()}
    judged, classes = _judged(job, model)
    figures |= judged
    lora = _lora(model)
    model.merge_lora()
    if job.chief:
        more = {
            "step": step,
            "kept epoch": step // run.journal.epoch,
            "seconds": round(run.journal.seconds, 3),
            "parameters": model.count_params(),
        }
        parts = {"classes": classes, "learning rates": _table(tried), "lora": lora}
        _write(job.folder, model, figures, figures | more, _told(job, parts))
    return figures


def _judged(job: Job, model) -> tuple[dict[str, float], dict]:
    """The figures of the held-out examples, as a whole and by class; the model gets the settings tuned on them."""
    if not job.held_out:
        return {}, {}
    task = job.task
    # By all workers, who answer together.
    answered = [task.brief(each, model.settings) for each in model.answered(job.held_out)]
    if task.tune is not None:
        given = {name: value for name, value in job.options.settings.items() if value is not None}
        model.settings = replace(task.tune(answered, model.settings), **given)
    figures = {f"val_{name}": value for name, value in task.figures(answered, model.settings).items()}
    return figures, task.by_class(answered, model.settings)


def _finish_few(job: Job, model, figures: dict, more: dict) -> dict[str, float]:
    """Measures and writes the model of a run that learned from few labels."""
    judged, classes = _judged(job, model)
    figures = figures | judged
    if job.chief:
        _write(job.folder, model, figures, figures | more, _told(job, {"classes": classes}))
        few_labels.clear(job.folder)
    return figures


def _lora(model) -> dict:
    """What LoRA adapted, as a part of the report; empty without LoRA."""
    if model.lora_rank is None:
        return {}
    learning, added = (
        sum(math.prod(v.shape) for v in part) for part in (model.trainable_weights, model.lora_weights())
    )
    return {
        "rank": model.lora_rank,
        "layers": f"every linear layer of {counted(len(model.encoder.blocks), 'block')}",
        "trainable parameters": learning,
        "of them LoRA's": added,
        "total parameters": model.count_params(),
    }


def _table(tried: Sequence[dict]) -> dict[str, dict]:
    """The outcomes of the learning rates, as a part of the report."""
    return {
        f"{each['learning_rate']:g}": {
            name: x for name, x in each.items() if name in ("kept", "epoch", "loss") or name.startswith("val_")
        }
        for each in tried
    }


def _told(job: Job, parts: Mapping[str, dict]) -> dict:
    """The parts of the report, with the files that were read."""
    told = {**parts, **job.said, "data": {**job.files, **job.said["data"]}}
    return {name: part for name, part in told.items() if part != {}}


def _write(folder: Path, model, figures: dict, reported: dict, told: dict) -> None:
    """Writes the model, its card, curves and the report, and removes the checkpoints."""
    model.save_pretrained(folder)
    with new_folder(folder, update=True) as building:
        plot_curves(read_csv(folder), building / "curves.png")
        write_report(building, reported, told, title="Fine-tuning report")
        write_card(run_card(model.card(), figures, told, dev=told["data"].get("dev")), building, folder)
    write_text(folder / "run" / FINISHED, json.dumps(figures) + "\n")
    for checkpoints in (folder / "run").rglob("checkpoints"):
        shutil.rmtree(checkpoints, ignore_errors=True)


def _forget(folder: Path) -> None:
    """Removes a run that led to nothing, unless an epoch of it is saved."""
    if any((folder / "run").rglob("checkpoints")):
        return
    shutil.rmtree(folder / "run", ignore_errors=True)
    (folder / CSV).unlink(missing_ok=True)
    with suppress(OSError):  # not empty
        folder.rmdir()


def _opening(parts: Mapping[str, Sequence[Example]], kind: str) -> str:
    """The number of examples of each part, and the file that they come from."""
    kinds = {LABELLED: kind, "unlabelled": "unlabelled text", "made": "made text"}
    return ", ".join(
        f"{each[0].path}: " * bool(each[0].path and name != "made") + counted(len(each), kinds[name])
        for name, each in parts.items()
        if each
    )


def _said(given: Mapping, most: int = 10) -> str:
    labels = given.get("labels", ())
    more = f" and {len(labels) - most} more" if len(labels) > most else ""
    return f", labels {', '.join(labels[:most])}{more}" if labels else ""
