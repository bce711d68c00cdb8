"""Pre-trains from prepared data to a model folder, as the command line does it. A stopped run can be resumed."""

import dataclasses
import logging
from collections.abc import Sequence
from pathlib import Path

import keras

from kerasbert.config import BertConfig
from kerasbert.corpus.batches import PretrainingData
from kerasbert.errors import ConfigError
from kerasbert.files import check_target
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.runs.begun import begin_settings, check_settings, held_by, is_begun
from kerasbert.runs.pretrain_options import PretrainOptions
from kerasbert.runs.rows import about_data, check_alike, rows_run, tokens_per_step, train_on_rows, write_model
from kerasbert.runs.run_options import PRECISIONS
from kerasbert.tasks.masking import Masking
from kerasbert.training import distribution
from kerasbert.training.recipes import Recipe

log = logging.getLogger("kerasbert")


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
    tokens = tokens_per_step(batches)
    run = rows_run(
        model,
        folder,
        options,
        steps=recipe.steps,
        tokens=tokens,
        held_out=held_out,
        strategy=strategy,
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
            train_on_rows(run, batches, held_out, strategy)
        if chief:
            told = {**settings, "data": {"folder": str(batches.folder), **settings["data"]}}
            write_model(folder, run, told, tokens, dev=options.dev, title="Pre-training report")
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


def _settings(batches: PretrainingData, recipe: Recipe, config: BertConfig, options: PretrainOptions) -> dict:
    """What a run must keep to be the same run, and what its report tells of it."""
    return {
        # The last two are advice on the data, of which "preparation" knows the truth.
        "recipe": {name: v for name, v in dataclasses.asdict(recipe).items() if name not in ("mode", "max_length")},
        "model": config.to_dict(),
        "data": about_data(batches),
        "preparation": batches.settings,
        "masking": dataclasses.asdict(batches.masking),
        "buckets": batches.buckets,
        "seed": batches.seed,
        "precision": options.precision,
        "init_from": options.init_from and str(options.init_from),
    }


def _held_out(folder, batches: PretrainingData) -> PretrainingData:
    """Raises DataError, ConfigError: what the model will not take."""
    data = PretrainingData(folder, batch_size=batches.batch_size, masking=batches.masking, tokenizer=batches.tokenizer)
    check_alike(data, batches)
    return data


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
