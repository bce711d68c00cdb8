"""Pre-trains from prepared data to a model folder, as the command line does it. A stopped run can be resumed."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

import keras

from kerasbert.checkpoints.card import write_card
from kerasbert.config import BertConfig
from kerasbert.corpus.batches import PretrainingData
from kerasbert.errors import ConfigError
from kerasbert.files import check_target, new_folder
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.runs.begun import begin_settings, check_settings, held_by, is_begun
from kerasbert.runs.card import run_card
from kerasbert.runs.guard import LossGuard
from kerasbert.runs.journal import Journal, latest, read_csv
from kerasbert.runs.plots import plot_curves
from kerasbert.runs.pretrain_options import PRECISIONS, PretrainOptions
from kerasbert.runs.report import write_report
from kerasbert.runs.resume import Checkpoints
from kerasbert.runs.run import Measurement, Run
from kerasbert.tasks.masking import Masking
from kerasbert.training import distribution
from kerasbert.training.failures import explained
from kerasbert.training.recipes import Recipe

log = logging.getLogger("kerasbert")

DEV_ROWS = 2048
"""Held-out rows that a measurement reads, at the most."""


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
    options: PretrainOptions | None = None,
    *,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> dict[str, float]:
    """Trains a `PretrainingModel` on prepared data and writes it to `folder`, with a record of the run.

    `folder/run` holds checkpoints and TensorBoard's logs, `folder` at the end the model that transformers opens,
    training.csv, curves.png, report.md and report.json. Several machines must share it. A loss that explodes rolls the
    run back to the last checkpoint, and the batches since then are skipped. SIGTERM and Ctrl-C save a checkpoint and
    leave.

    Args:
        data: a folder of `kerasbert prepare`.
        callbacks: further ones; see `Run`.

    Returns:
        The last figures: `loss`, `mlm_loss`, `mlm_accuracy` ..., and `val_...` where there is `dev`.

    Raises:
        Stopped: by a signal, state saved. KerasBertError: one of its kinds for whatever cannot be read, trained or
        written; checkpoints stay.
    """
    folder, options = Path(folder), options or PretrainOptions()
    batches, held_out = _opened(data, recipe, options)
    strategy = distribution.strategy_named(options.strategy)
    begun = is_begun(folder, options.resume)

    keras.utils.set_random_seed(options.seed)
    with strategy.scope():
        model = _model(batches, recipe, options)
        model.compile(recipe.make_optimizer(), accumulate=options.accumulate, jit_compile=options.jit_compile)
        model.optimizer.build(model.trainable_variables)
    distribution.check_batch(recipe.batch_size, strategy, options.accumulate)
    chief = distribution.is_chief(strategy)
    tokens = recipe.batch_size * batches.index.total("tokens") / batches.rows  # per step
    run = Run(
        model,
        Checkpoints(folder / "run" / "checkpoints", keep=options.keep),
        Journal(folder if chief else None, every=options.log_every, total=recipe.steps, amount=tokens),
        total=recipe.steps,
        save_every=options.save_every,
        save_seconds=options.save_minutes * 60,
        measurement=held_out
        and Measurement(
            measure=lambda: _measured(model, distribution.distributed(held_out, strategy), _steps_of(held_out)),
            every=options.evaluate_every or options.save_every,
        ),
        guard=LossGuard(),
        max_rollbacks=options.max_rollbacks,
        chief=chief,
        callbacks=callbacks,
    )
    settings = _settings(batches, recipe, model.config, options)
    with held_by(chief, folder):
        if begun:
            check_settings(
                folder / "run", settings, mend="--init-from in another --out begins a new run with its weights"
            )
        elif chief:
            check_target(folder, megabytes=model.count_params() * 12e-6 * (options.keep + 1))
            begin_settings(folder / "run", settings)
        with strategy.scope():
            run.begin()
            distribution.check_agreed(strategy, run.place.step)
            log.info(_opening(batches, model, recipe, strategy, run.place.step))
            with explained(lambda: _read_again(batches, run.place.position, held_out)):
                run.train(lambda position: distribution.distributed(batches, strategy, position))
        if chief:
            told = {**settings, "data": {"folder": str(batches.folder), **settings["data"]}}
            _write(folder, run, told, tokens, dev=options.dev)
    return run.journal.figures()


def _opened(data, recipe: Recipe, options: PretrainOptions) -> tuple[PretrainingData, PretrainingData | None]:
    """The training data, and the held-out data if there are any."""
    masking = options.masking or Masking(rate=recipe.mask_rate)
    batches = PretrainingData(
        data, batch_size=recipe.batch_size, masking=masking, seed=options.seed, buckets=options.buckets
    )
    if recipe.mode != batches.settings["mode"]:
        log.warning("the recipe is for data of mode %s, %s is of %s", recipe.mode, data, batches.settings["mode"])
    return batches, None if options.dev is None else _held_out(options.dev, batches)


def _measured(model: PretrainingModel, data, steps: int) -> dict[str, float]:
    """The figures on held-out data."""
    found = model.evaluate(data, steps=steps, verbose=0, return_dict=True)
    # Keras's loss is the mean of the batches' losses, the others are means over all masked words and pairs.
    return {**found, "loss": sum(value for name, value in found.items() if name.endswith("_loss"))}


def _read_again(batches: PretrainingData, position: int, held_out: PretrainingData | None) -> None:
    """The batches whose reading may have failed; see `explained`."""
    batches.batch(position)
    for step in range(_steps_of(held_out) if held_out else 0):
        held_out.batch(step)


def _settings(batches: PretrainingData, recipe: Recipe, config: BertConfig, options: PretrainOptions) -> dict:
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
        "precision": options.precision,
        "init_from": options.init_from and str(options.init_from),
    }


def _write(folder: Path, run: Run, settings: dict, tokens: float, *, dev) -> None:
    """Writes the model, its card, the curves and the report. Args: tokens: real tokens per step."""
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
        write_report(building, figures, settings, title="Pre-training report")
        write_card(run_card(run.model.card(), run.journal.figures(), settings, dev=dev), building, folder)


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


def _model(batches: PretrainingData, recipe: Recipe, options: PretrainOptions) -> PretrainingModel:
    """A new model for the data, or the one that the options name, checked against the data."""
    dtype, init_from = PRECISIONS[options.precision], options.init_from
    pairs = batches.settings["mode"] != "mlm"
    if init_from is not None:
        model = PretrainingModel.from_pretrained(str(init_from), dtype=dtype, nsp=pairs, recompute=options.recompute)
        if model.tokenizer is None:
            raise ConfigError(f"{init_from}: has no tokenizer, so nobody knows whether the data are of its vocabulary")
        batches.check_vocabulary(model.tokenizer)
        if model.config.max_length < batches.settings["max_length"]:
            raise ConfigError(
                f"{init_from}: takes {model.config.max_length} tokens, but the data's rows have up to "
                f"{batches.settings['max_length']}; prepare shorter ones"
            )
        return model
    config = new_config(
        options.size, batches, model_type=options.model_type, dropout=recipe.dropout, positions=options.positions
    )
    if pairs and not config.family.nsp:
        raise ConfigError(
            f"{batches.folder}: prepared as pairs, which {options.model_type} has no head for; prepare with --mode mlm"
        )
    encoder = BertEncoder(config, tokenizer=batches.tokenizer, pooler=pairs, dtype=dtype)
    return PretrainingModel(encoder, nsp=pairs, recompute=options.recompute, dtype=dtype)


def _opening(batches: PretrainingData, model, recipe: Recipe, strategy, step: int) -> str:
    if step == recipe.steps:
        return f"all {step:,} steps are made; writing the model"
    begin = f"from step {step:,} on, " if step else ""
    return (
        f"{batches.folder}: {batches.rows:,} rows, {batches.index.total('tokens'):,} tokens; {model.count_params():,} "
        f"parameters; {distribution.described(strategy)}; {recipe.steps:,} steps of {recipe.batch_size} rows "
        f"({recipe.steps / batches.steps_per_epoch:.1f} epochs), {begin}the first of them slow"
    )
