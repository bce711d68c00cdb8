"""Pre-training from prepared data to a model folder, as the command line does it: it can be stopped and goes on."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

import keras

from kerasbert.config import BertConfig
from kerasbert.corpus.batches import PretrainingData
from kerasbert.corpus.masking import Masking
from kerasbert.errors import ConfigError, KerasBertError
from kerasbert.files import check_target, new_folder
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.runs.journal import Journal, latest, read_csv
from kerasbert.runs.plots import plot_curves
from kerasbert.runs.report import write_report
from kerasbert.runs.resume import SETTINGS, Checkpoints, begin_settings, check_settings
from kerasbert.runs.run import Run
from kerasbert.training import distribution
from kerasbert.training.failures import explained
from kerasbert.training.recipes import Recipe

log = logging.getLogger("kerasbert")

DEV_ROWS = 2048
"""Held-out rows that a measurement reads, at the most."""
PRECISIONS = {"float32": "float32", "bf16": "mixed_bfloat16", "fp16": "mixed_float16"}


def new_config(size: str, data: PretrainingData, *, model_type: str, dropout: float, positions: int | None):
    """A `BertConfig` of a named size for prepared data.

    Args:
        positions: the longest text that the model will take, in tokens; None: the data's rows.

    Raises:
        ConfigError: fewer positions than the rows have.
    """
    vocabulary, longest = data.index.vocab_size, data.settings["max_length"]
    positions = positions or longest
    if positions < longest:
        raise ConfigError(f"{positions} positions, but the data's rows have up to {longest} tokens: use that or more")
    base = BertConfig.from_size(size, model_type=model_type, vocab_size=vocabulary, pad_token_id=data.pad_id)
    return dataclasses.replace(
        base,
        max_position_embeddings=positions + base.position_offset,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )


def pretrain(
    data: str | Path,
    folder: str | Path,
    recipe: Recipe,
    *,
    size: str = "tiny",
    model_type: str = "bert",
    positions: int | None = None,
    init_from: str | Path | None = None,
    dev: str | Path | None = None,
    masking: Masking | None = None,
    buckets: Sequence[int] | None = None,
    seed: int = 0,
    strategy: str = "auto",
    accumulate: int = 1,
    precision: str = "float32",
    jit_compile: bool | str = "auto",
    recompute: bool = False,
    resume: bool = False,
    save_every: int = 1000,
    save_minutes: float = 10.0,
    keep: int = 2,
    evaluate_every: int | None = None,
    log_every: int = 10,
    max_rollbacks: int = 3,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, float]:
    """Trains a `PretrainingModel` on prepared data and writes it to `folder`, with a record of the run.

    `folder/run` holds checkpoints and TensorBoard's logs, `folder` at the end the model that transformers opens,
    training.csv, curves.png, report.md and report.json. Several machines must share it. A loss that explodes rolls the
    run back to the last checkpoint, and the batches since then are skipped. SIGTERM and Ctrl-C save a checkpoint and
    leave.

    Args:
        data, dev: folders of `kerasbert prepare`, to train on and held out.
        size, model_type, positions: of a new model; see `new_config`.
        init_from: a model folder or hub id to begin with instead, its optimizer new. resume: go on from the last
            checkpoint of `folder` at the exact batch, or begin if there is none; on any number of replicas.
        masking: None: the recipe's rate, tokens. buckets: lengths to pad to. seed: of weights, order and masks.
        strategy: see `kerasbert.training.distribution.strategy_named`.
        accumulate: micro-batches of a batch. precision: a key of `PRECISIONS`. jit_compile, recompute: see
            `PretrainingModel`.
        save_every, save_minutes: a checkpoint after so many steps, and after so long. keep: the newest so many.
        evaluate_every: steps between measurements on `dev`; None: as `save_every`. log_every: steps of a record.
        max_rollbacks: how often an exploding loss is forgiven. callbacks: further ones; see `Run`.

    Returns:
        The last figures: `loss`, `mlm_loss`, `mlm_accuracy` ..., and `val_...` where there is `dev`.

    Raises:
        Stopped: by a signal, state saved. KerasBertError: one of its kinds for whatever cannot be read, trained or
        written; checkpoints stay.
    """
    folder, run_folder = Path(folder), Path(folder) / "run"
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is {precision!r}: use one of {', '.join(PRECISIONS)}")
    masking = masking or Masking(rate=recipe.mask_rate)
    batches = PretrainingData(data, batch_size=recipe.batch_size, masking=masking, seed=seed, buckets=buckets)
    held_out = None if dev is None else _held_out(dev, batches)
    if recipe.mode != batches.settings["mode"]:
        log.warning("the recipe is for data of mode %s, %s is of %s", recipe.mode, data, batches.settings["mode"])
    strategy = distribution.strategy_named(strategy)
    begun = _is_begun(folder, resume)

    keras.utils.set_random_seed(seed)
    with strategy.scope():
        model = _model(batches, recipe, size, model_type, positions, init_from, PRECISIONS[precision], recompute)
        model.compile(recipe.make_optimizer(), accumulate=accumulate, jit_compile=jit_compile)
        model.optimizer.build(model.trainable_variables)
    distribution.check_batch(recipe.batch_size, strategy, accumulate)
    settings = _settings(batches, recipe, model.config, precision=precision, init_from=init_from and str(init_from))
    chief = distribution.is_chief(strategy)
    tokens = recipe.batch_size * batches.index.total("tokens") / batches.rows  # of a step
    run = Run(
        model,
        Checkpoints(run_folder / "checkpoints", keep=keep),
        Journal(folder if chief else None, every=log_every, total=recipe.steps, tokens=tokens),
        total=recipe.steps,
        save_every=save_every,
        save_seconds=save_minutes * 60,
        evaluate_every=evaluate_every or save_every,
        held_out=held_out and (lambda: distribution.distributed(held_out, strategy), _steps_of(held_out)),
        max_rollbacks=max_rollbacks,
        chief=chief,
        callbacks=callbacks,
    )
    if begun:
        check_settings(run_folder, settings)
    elif chief:
        check_target(folder, megabytes=model.count_params() * 12e-6 * (keep + 1))
        begin_settings(run_folder, settings)
    with strategy.scope():
        run.begin()
        distribution.check_agreed(strategy, run.place.step)
        log.info(_opening(batches, model, recipe, strategy, run.place.step))

        def read_again():
            batches.batch(run.place.position)
            for step in range(_steps_of(held_out) if held_out else 0):
                held_out.batch(step)

        with explained(read_again):
            run.train(lambda position: distribution.distributed(batches, strategy, position))
    if chief:
        _write(folder, run, {**settings, "data": {"folder": str(batches.folder), **settings["data"]}}, tokens)
    return run.journal.figures()


def _is_begun(folder: Path, resume: bool) -> bool:
    """Whether there is a run to go on with.

    Raises:
        KerasBertError: there is one, but nobody said so; or the folder cannot be used.
    """
    if (folder / "run" / SETTINGS).exists():
        if resume:
            return True
        raise KerasBertError(f"{folder}: holds a run; --resume goes on with it, or name another --out")
    check_target(folder)
    return False


def _settings(batches: PretrainingData, recipe: Recipe, config: BertConfig, **others) -> dict:
    """What a run must keep to be the same run, and what its report tells of it."""
    return {
        # The last two are advice on the data, of which "preparation" knows the truth.
        "recipe": {name: v for name, v in dataclasses.asdict(recipe).items() if name not in ("mode", "max_length")},
        "model": config.to_dict(),
        "data": {
            "vocabulary": batches.index.vocabulary,
            "vocab_size": batches.index.vocab_size,
            **{name: batches.index.total(name) for name in ("rows", "tokens", "documents", "bytes")},
        },
        "preparation": batches.settings,
        "masking": dataclasses.asdict(batches.masking),
        "buckets": batches.buckets,
        "seed": batches.seed,
        **others,
    }


def _write(folder: Path, run: Run, settings: dict, tokens: float) -> None:
    """The model, the curves, the report. Args: tokens: of a step."""
    rows, place = read_csv(folder), run.place
    figures = {
        **latest(rows),
        "step": place.step,
        "tokens": round(place.step * tokens),
        "hours": round(run.journal.seconds / 3600, 3),
        "rollbacks": place.rollbacks,
        "parameters": run.model.count_params(),
    }
    run.model.save_pretrained(folder)
    with new_folder(folder, update=True) as building:
        plot_curves(rows, building / "curves.png")
        write_report(building, figures, settings)


def _held_out(folder, batches: PretrainingData) -> PretrainingData:
    """Raises DataError, ConfigError: what the model will not take."""
    data = PretrainingData(folder, batch_size=batches.batch_size, masking=batches.masking, tokenizer=batches.tokenizer)
    for name in ("mode", "max_length"):
        if data.settings[name] != batches.settings[name]:
            raise ConfigError(
                f"{folder}: held-out data of {name} {data.settings[name]}, but {batches.folder} is of "
                f"{batches.settings[name]}; prepare both alike"
            )
    return data


def _steps_of(held_out: PretrainingData) -> int:
    return max(1, min(held_out.steps_per_epoch, DEV_ROWS // held_out.batch_size))


def _model(batches, recipe, size, model_type, positions, init_from, dtype, recompute) -> PretrainingModel:
    pairs = batches.settings["mode"] != "mlm"
    if init_from is not None:
        model = PretrainingModel.from_pretrained(str(init_from), dtype=dtype, nsp=pairs, recompute=recompute)
        if model.tokenizer is None:
            raise ConfigError(f"{init_from}: has no tokenizer, so nobody knows whether the data are of its vocabulary")
        batches.check_vocabulary(model.tokenizer)
        if model.config.max_length < batches.settings["max_length"]:
            raise ConfigError(
                f"{init_from}: takes {model.config.max_length} tokens, but the data's rows have up to "
                f"{batches.settings['max_length']}; prepare shorter ones"
            )
        return model
    config = new_config(size, batches, model_type=model_type, dropout=recipe.dropout, positions=positions)
    if pairs and not config.family.nsp:
        raise ConfigError(
            f"{batches.folder}: prepared as pairs, which {model_type} has no head for; prepare with --mode mlm"
        )
    encoder = BertEncoder(config, tokenizer=batches.tokenizer, pooler=pairs, dtype=dtype)
    return PretrainingModel(encoder, nsp=pairs, recompute=recompute, dtype=dtype)


def _opening(batches: PretrainingData, model, recipe: Recipe, strategy, step: int) -> str:
    if step == recipe.steps:
        return f"all {step:,} steps are made; writing the model"
    begin = f"from step {step:,} on, " if step else ""
    return (
        f"{batches.folder}: {batches.rows:,} rows, {batches.index.total('tokens'):,} tokens; {model.count_params():,} "
        f"parameters; {distribution.described(strategy)}; {recipe.steps:,} steps of {recipe.batch_size} rows "
        f"({recipe.steps / batches.steps_per_epoch:.1f} epochs), {begin}the first of them slow"
    )
