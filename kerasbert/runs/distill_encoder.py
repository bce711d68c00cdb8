"""Distils an encoder on text: a teacher's folder and text go in, the folder of a student comes out."""

import hashlib
import logging
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
from keras import ops

from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.corpus.batches import PlainData, PretrainingData
from kerasbert.corpus.documents import find_files, guess_format
from kerasbert.corpus.index import INDEX, Index, vocabulary_hash
from kerasbert.corpus.pipelines import prepare
from kerasbert.corpus.preparation import Settings
from kerasbert.errors import ConfigError, DataError, TokenizerError
from kerasbert.files import check_target
from kerasbert.models.distilling import Distiller, RelationDistiller, TripleDistiller
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.models.starts import blocks_start, checkpoint_of
from kerasbert.models.students import chosen_blocks
from kerasbert.runs.begun import begin_settings, check_settings, held_by, is_begun
from kerasbert.runs.distill_encoder_options import OF_LOSS, EncoderDistillOptions
from kerasbert.runs.distill_options import OF_BLOCKS
from kerasbert.runs.rows import about_data, check_alike, rows_run, tokens_per_step, train_on_rows, write_model
from kerasbert.runs.run_options import PRECISIONS
from kerasbert.tasks.masking import Masking
from kerasbert.tasks.remarks import counted
from kerasbert.training import distribution
from kerasbert.training.optimizers import make_optimizer

log = logging.getLogger("kerasbert")

RECIPE = ("epochs", "steps", "batch_size", "learning_rate", "warmup", "weight_decay", "clip_norm", "max_length")
"""The options that are the recipe of a run, whatever its loss."""


def distill_encoder(
    teacher: str | Path | Checkpoint | None,
    text: str | Path | Sequence[str | Path],
    folder: str | Path,
    options: EncoderDistillOptions | None = None,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, float]:
    """Trains a student on text beside its teacher, and writes the student to `folder` with a record of the run.

    With the loss "relations" the student is an encoder, with "triple" one with a head for masked words. `folder/run`
    holds checkpoints and, if `text` is raw, the prepared rows; `folder` at the end the student, training.csv,
    curves.png, report.md and report.json. A loss that explodes rolls the run back to the last checkpoint. SIGTERM and
    Ctrl-C save a checkpoint and leave.

    Args:
        teacher: folder, hub id or open checkpoint of an encoder, or of a model with one; None: the encoder that comes
            with the package.
        text: files, folders or patterns of raw text, which is cut into rows with the teacher's tokenizer; or one folder
            of `kerasbert prepare`. Several machines need the latter.
        folder: absent, empty, or a run to go on with.
        callbacks: further ones; see `kerasbert.runs.run.Run`.

    Returns:
        The last figures: `loss`, the parts of it, such as `queries_loss` or `soft_loss`, and `val_...` with `dev`.

    Raises:
        Stopped: by a signal, state saved. ConfigError: teacher, student and options do not fit together.
        KerasBertError: one of its kinds for whatever cannot be read, trained or written; checkpoints stay.
    """
    return carry_out(plan_of(teacher, text, folder, options or EncoderDistillOptions()), callbacks)


@dataclass(frozen=True)
class Plan:
    """A run of distillation whose options suit student, teacher and text.

    Attributes:
        model: the student beside its teacher.
        texts: what it reads.
        strategy: which devices share the work.
        settings: what the run must keep to be the same run.
    """

    model: Distiller
    texts: Sequence[str | Path]
    folder: Path
    options: EncoderDistillOptions
    strategy: object
    settings: dict


def plan_of(
    teacher: str | Path | Checkpoint | None,
    text: str | Path | Sequence[str | Path],
    folder: str | Path,
    options: EncoderDistillOptions,
) -> Plan:
    """Opens and checks what is given to `distill_encoder`, and writes nothing.

    Raises:
        ConfigError: teacher, student, text and options do not fit together. KerasBertError: another of its kinds for
            what cannot be read, or a folder that holds a run.
    """
    folder = Path(folder)
    texts = [text] if isinstance(text, str | Path) else list(text)
    strategy = distribution.strategy_named(options.strategy)
    sources = {"text": texts, **({"dev": [options.dev]} if options.dev else {})}
    alone = distribution.is_alone(strategy)
    about = {name: _about(source, alone) for name, source in sources.items()}
    is_begun(folder, options.resume)
    keras.utils.set_random_seed(options.seed)
    with strategy.scope():
        model, settings = _models(teacher, options)
    settings |= about
    distribution.check_batch(options.batch_size, strategy, options.accumulate)
    for source in sources.values():
        _check_length(source, model, options)
    return Plan(model, texts, folder, options, strategy, settings)


def carry_out(plan: Plan, callbacks: Sequence[keras.callbacks.Callback] = ()) -> dict[str, float]:
    """Makes the run of a plan, and writes its student. Returns and raises what `distill_encoder` does."""
    model, folder, options, settings = plan.model, plan.folder, plan.options, plan.settings
    begun, chief = is_begun(folder, options.resume), distribution.is_chief(plan.strategy)
    with held_by(chief, folder):
        if begun:
            check_settings(folder / "run", settings, mend="or name another folder to begin a new run")
        elif chief:
            check_target(folder, megabytes=model.count_params() * 12e-6 * (options.keep + 1))
            begin_settings(folder / "run", settings)
        try:
            batches = _rows(plan.texts, folder / "run" / "data", model, options)
            held_out = options.dev and _rows([options.dev], folder / "run" / "dev", model, options)
            if held_out:
                check_alike(held_out, batches)
        except (ConfigError, DataError):
            if not begun and chief:  # nothing was trained, so the same call may be made again
                shutil.rmtree(folder / "run")
            raise
        return _train(plan, batches, held_out or None, callbacks)


def _train(plan: Plan, batches, held_out, callbacks) -> dict[str, float]:
    """Makes the steps and writes the student."""
    model, folder, options, strategy = plan.model, plan.folder, plan.options, plan.strategy
    steps, tokens = options.steps or options.epochs * batches.steps_per_epoch, tokens_per_step(batches)
    with strategy.scope():
        optimizer = make_optimizer(
            learning_rate=options.learning_rate,
            steps=steps,
            warmup=options.warmup,
            weight_decay=options.weight_decay,
            clip_norm=options.clip_norm,
        )
        model.compile(optimizer, accumulate=options.accumulate, jit_compile=options.jit_compile)
        model.optimizer.build(model.trainable_variables)
        run = rows_run(
            model,
            folder,
            options,
            steps=steps,
            tokens=tokens,
            held_out=held_out,
            strategy=strategy,
            callbacks=callbacks,
        )
        run.begin()
        distribution.check_agreed(strategy, run.place.step)
        log.info(_opening(batches, model, steps, run.place.step))
        train_on_rows(run, batches, held_out, strategy)
    if run.chief:
        recipe = {**plan.settings["recipe"], "steps": steps, "max_length": batches.settings["max_length"]}
        if options.steps:
            del recipe["epochs"]
        told = {**plan.settings, "recipe": recipe, "data": about_data(batches), "preparation": batches.settings}
        write_model(folder, run, told, tokens, dev=options.dev, title="Distillation report")
    return run.journal.figures()


def _about(texts: Sequence, alone: bool) -> dict:
    """What a run's settings say of some text, so that a run does not go on with another one.

    Raises:
        DataError: there is no such text. ConfigError: the text is raw, and several processes would need its rows.
    """
    if _is_prepared(texts):
        index = Index.read(texts[0])
        counts = {name: index.total(name) for name in ("rows", "tokens")}
        return {"files": Path(texts[0]).name, **counts, "sha256": index.sha256}
    files = find_files(list(map(str, texts)))
    guess_format(files)  # tables are refused before the models are opened
    if not alone:
        raise ConfigError(f"{files[0]}: several machines need prepared rows; make them with kerasbert prepare")
    return {"files": ", ".join(path.name for path in files), "bytes": sum(path.stat().st_size for path in files)}


def _is_prepared(texts: Sequence[str | Path]) -> bool:
    return len(texts) == 1 and (Path(texts[0]) / INDEX).is_file()


def _rows(texts: Sequence, place: Path, model: Distiller, options: EncoderDistillOptions) -> PretrainingData:
    """The rows of some text, which are made in `place` unless they are prepared already."""
    tokenizer = model.teacher.tokenizer
    source = Path(texts[0])
    if not _is_prepared(texts):
        source = place
        if not (place / INDEX).is_file():
            log.info("%s: cut into rows of up to %d tokens", ", ".join(map(str, texts)), options.max_length)
            words = place.with_name("tokenizer")
            tokenizer.save(words)
            settings = Settings(max_length=options.max_length, seed=options.seed)
            prepare(list(map(str, texts)), words, place, settings=settings)
    if not 0 < options.batch_size <= (rows := Index.read(source).total("rows")):
        raise ConfigError(
            f"batch_size is {options.batch_size}: {', '.join(map(str, texts))} has {counted(rows, 'row')}; use 1 to "
            f"{rows}, or give more text"
        )
    chosen = {"batch_size": options.batch_size, "seed": options.seed, "tokenizer": tokenizer}
    if options.loss == "relations":
        return PlainData(source, **chosen)
    return PretrainingData(source, masking=Masking(rate=options.mask_rate), **chosen)


def _check_length(texts: Sequence, model: Distiller, options: EncoderDistillOptions) -> None:
    """Raises ConfigError: rows of some text are longer than student and teacher take."""
    length = Index.read(texts[0]).settings["max_length"] if _is_prepared(texts) else options.max_length
    longest = min(each.config.max_length for each in (model.student, model.teacher))
    if length > longest:
        raise ConfigError(
            f"{', '.join(map(str, texts))}: its rows have up to {length} tokens, but student and teacher take "
            f"{longest}; use a max_length of {longest} or less"
        )


def _models(teacher: str | Path | Checkpoint | None, options: EncoderDistillOptions) -> tuple[Distiller, dict]:
    """The student beside its teacher, and what a run must keep to be the same run."""
    dtype, checkpoint = PRECISIONS[options.precision], open_checkpoint(teacher)
    name = checkpoint.base.title
    if options.loss == "triple" and not checkpoint.has("mlm"):
        raise ConfigError(
            f"{checkpoint.origin or checkpoint.folder}: has no head for masked words, which the triple loss needs; use "
            "the loss relations"
        )
    taught = _opened(checkpoint, options.loss, dtype)
    if taught.tokenizer is None:
        raise TokenizerError(f"{name} has no tokenizer, so text cannot be cut into rows for it; give its folder one")
    student, begins = _student(checkpoint, taught, options, dtype)
    if options.loss == "relations":
        model = RelationDistiller(student, taught, heads=options.relation_heads, block=options.teacher_block)
        method = {"relation_heads": model.heads, "teacher_block": model.block}
    else:
        parts = {each: getattr(options, each) for each in OF_LOSS["triple"] if each != "mask_rate"}
        model = TripleDistiller(student, taught, **parts)
        method = {**parts, "mask_rate": options.mask_rate}
    settings = {
        "recipe": {"loss": options.loss, **method, **{each: getattr(options, each) for each in RECIPE}},
        "teacher": {"name": name, "weights": _hash(taught)},
        "student": {"begins as": begins, **model.config.to_dict()},
        "seed": options.seed,
        "precision": options.precision,
    }
    return model, settings


def _student(checkpoint: Checkpoint, teacher, options: EncoderDistillOptions, dtype) -> tuple[keras.Model, str]:
    """The student, and what it begins as, in words."""
    if options.config is not None:
        encoder = BertEncoder(options.config, tokenizer=teacher.tokenizer, pooler=False, dtype=dtype)
        alone = options.loss == "relations"
        return encoder if alone else PretrainingModel(encoder, nsp=False, dtype=dtype), "new weights"
    if options.student is None:
        chosen = chosen_blocks(checkpoint.config.num_hidden_layers, options.layers)
        changed = {name: getattr(options, name) for name in OF_BLOCKS}
        # Relations need no head, and the teacher in memory has none to leave unused.
        whole = checkpoint_of(teacher, checkpoint) if options.loss == "relations" else checkpoint
        student = _opened(blocks_start(whole, chosen, **changed), options.loss, dtype)
        return student, f"blocks {', '.join(map(str, chosen))} of the teacher"
    student = _opened(open_checkpoint(options.student), options.loss, dtype)
    if student.tokenizer is None or vocabulary_hash(student.tokenizer) != vocabulary_hash(teacher.tokenizer):
        raise ConfigError(
            f"{options.student}: has another vocabulary than the teacher, so their tokens are not the same; give "
            "layers instead, or a teacher of sentence vectors, whose student may have another vocabulary"
        )
    return student, str(options.student)


def _opened(checkpoint: Checkpoint, loss: str, dtype):
    """The encoder of a checkpoint, with the head for masked words if the loss needs it."""
    if loss == "relations":
        return BertEncoder.from_pretrained(checkpoint, dtype=dtype)
    return PretrainingModel.from_pretrained(checkpoint, nsp=False, dtype=dtype)


def _hash(model) -> str:
    """SHA-256 of a model's weights."""
    found = hashlib.sha256()
    for weight in model.weights:
        found.update(np.ascontiguousarray(ops.convert_to_numpy(weight)).tobytes())
    return found.hexdigest()


def _opening(batches: PretrainingData, model: Distiller, steps: int, step: int) -> str:
    if step == steps:
        return f"all {steps:,} steps are made; writing the student"
    begin = f"from step {step:,} on, " if step else ""
    return (
        f"{batches.rows:,} rows, {batches.index.total('tokens'):,} tokens; a student of {model.count_params():,} "
        f"parameters, a teacher of {model.teacher.count_params():,}; {steps:,} steps of {batches.batch_size} rows, "
        f"{begin}the first of them slow"
    )
