"""Pre-training from prepared data to a model folder, as the command line does it: it can be stopped and goes on."""

import dataclasses
import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path

import keras

from kerasbert.config import BertConfig
from kerasbert.data.batches import PretrainingData
from kerasbert.data.masking import Masking
from kerasbert.errors import ConfigError, KerasBertError
from kerasbert.files import check_target, new_folder, write_text
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.pretraining import PretrainingModel
from kerasbert.training import distribution
from kerasbert.training.guard import LossGuard, caught_signals
from kerasbert.training.journal import Journal, read_csv
from kerasbert.training.plots import plot_curves
from kerasbert.training.recipes import Recipe
from kerasbert.training.report import write_report
from kerasbert.training.resume import Checkpoints

log = logging.getLogger("kerasbert")

DEV_ROWS = 2048
"""Held-out rows that a measurement reads, at the most."""
PRECISIONS = {"float32": "float32", "bf16": "mixed_bfloat16", "fp16": "mixed_float16"}


class Stopped(KerasBertError):
    """A signal ended the run; its state is saved."""


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
    training.csv, curves.png, report.md and report.json. A loss that explodes rolls the run back to the last checkpoint,
    and the batches since then are skipped. SIGTERM and Ctrl-C save a checkpoint and leave.

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
        max_rollbacks: how often an exploding loss is forgiven. callbacks: further ones.

    Returns:
        The last figures: `loss`, `mlm_loss`, `mlm_accuracy` ..., and `val_...` where there is `dev`.

    Raises:
        Stopped: by a signal, state saved. KerasBertError: one of its kinds for whatever cannot be read, trained or
        written; checkpoints stay.
    """
    folder = Path(folder)
    if precision not in PRECISIONS:
        raise ConfigError(f"precision is {precision!r}: use one of {', '.join(PRECISIONS)}")
    masking = masking or Masking(rate=recipe.mask_rate)
    batches = PretrainingData(data, batch_size=recipe.batch_size, masking=masking, seed=seed, buckets=buckets)
    held_out = None if dev is None else _held_out(dev, recipe.batch_size, masking, batches.tokenizer)
    strategy = distribution.strategy_named(strategy)
    distribution.check_batch(recipe.batch_size, strategy, accumulate)
    checkpoints = Checkpoints(folder / "run" / "checkpoints", keep=keep)
    resuming = _resuming(folder, checkpoints, resume)

    keras.utils.set_random_seed(seed)
    with strategy.scope():
        model = _model(batches, recipe, size, model_type, positions, init_from, PRECISIONS[precision], recompute)
        model.compile(recipe.make_optimizer(), accumulate=accumulate, jit_compile=jit_compile)
        model.optimizer.build(model.trainable_variables)
    settings = {
        "recipe": dataclasses.asdict(recipe),
        "model": model.config.to_dict(),
        "data": {"vocabulary": batches.index.vocabulary, "rows": batches.rows, **batches.settings},
        "masking": dataclasses.asdict(masking),
        "buckets": batches.buckets,
        "seed": seed,
        "precision": precision,
        "init_from": init_from and str(init_from),
    }
    chief = distribution.is_chief(strategy)
    tokens = recipe.batch_size * batches.index.total("tokens") / batches.rows
    journal = Journal(folder if chief else None, every=log_every, total=recipe.steps, tokens=tokens)
    run = _Run(
        model=model,
        checkpoints=checkpoints,
        chief=chief,
        journal=journal,
        guard=LossGuard(),
        held_out=held_out and (held_out, strategy),
        save_every=save_every,
        save_seconds=save_minutes * 60,
        evaluate_every=evaluate_every or save_every,
        total=recipe.steps,
    )
    if resuming:
        _check_settings(folder, settings)
        run.restore(checkpoints.paths()[-1])
    elif chief:
        check_target(folder, megabytes=model.count_params() * 12e-6 * (keep + 1))
        (folder / "run").mkdir(parents=True, exist_ok=True)
        write_text(folder / "run" / "settings.json", json.dumps(settings, indent=1))
        run.save()
    log.info(_opening(batches, model, recipe, strategy, run))

    with caught_signals() as signals:
        run.signals = signals
        while run.step < recipe.steps:
            run.begin()
            model.fit(
                distribution.distributed(batches, strategy, run.position),
                steps_per_epoch=recipe.steps - run.step,
                verbose=0,
                shuffle=False,  # the data are; Keras would warn that it cannot
                callbacks=[run.guard, journal, run, *callbacks],
            )
            if signals:
                run.save()
                raise Stopped(f"{folder}: {signals[0]} ended the run; step {run.step} is saved, --resume goes on there")
            if run.guard.tripped:
                run.roll_back(max_rollbacks)
            elif model.stop_training:  # a callback of the user's
                break
    run.save()
    if not chief:
        return journal.figures()
    rows = read_csv(folder)
    model.save_pretrained(folder)
    with new_folder(folder, update=True) as building:
        plot_curves(rows, building / "curves.png")
        write_report(building, model, batches, recipe, settings, rows, rollbacks=run.rollbacks)
    return journal.figures()


class _Run(keras.callbacks.Callback):
    """Where the run is, and what happens between two steps: checkpoints, measurements, the end."""

    def __init__(
        self,
        *,
        model,
        checkpoints,
        chief,
        journal,
        guard,
        held_out,
        save_every,
        save_seconds,
        evaluate_every,
        total,
    ):
        super().__init__()
        self.pretrained, self.checkpoints, self.chief = model, checkpoints, chief
        self.journal, self.guard, self.held_out = journal, guard, held_out
        self.save_every, self.save_seconds, self.evaluate_every = save_every, save_seconds, evaluate_every
        self.total = total
        self.step = self.position = self.rollbacks = 0  # updates made; the next batch; explosions forgiven
        self.best = self.best_loss = None  # the step with the least held-out loss
        self.signals = []
        self.saved = time.monotonic()

    def begin(self):
        self.guard.tripped = None

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        self.position += 1
        if self.guard.tripped:
            return
        if self.signals:
            self.pretrained.stop_training = True
            return
        last = self.step == self.total
        if self.held_out and (last or self.step % self.evaluate_every == 0):
            self.evaluate()
        late = time.monotonic() - self.saved > self.save_seconds
        if not last and (late or self.step % self.save_every == 0):
            self.save()

    def evaluate(self):
        started = time.monotonic()
        data, strategy = self.held_out
        steps = max(1, min(data.steps_per_epoch, DEV_ROWS // data.batch_size))
        found = self.pretrained.evaluate(
            distribution.distributed(data, strategy, 0), steps=steps, verbose=0, return_dict=True
        )
        figures = {f"val_{name}": float(value) for name, value in found.items()}
        self.journal.add(figures, seconds=time.monotonic() - started)
        if self.best_loss is None or found["loss"] < self.best_loss:
            self.best, self.best_loss = self.step, float(found["loss"])
            self.save()

    def save(self):
        self.saved = time.monotonic()
        if not self.chief:
            return
        if hasattr(self.pretrained, "jax_state_sync"):  # there, fit keeps the variables to itself meanwhile
            self.pretrained.jax_state_sync()
        names = ("step", "position", "rollbacks", "best", "best_loss")
        state = {name: getattr(self, name) for name in names}
        state |= {"journal": self.journal.state(), "guard": self.guard.state()}
        self.checkpoints.save(self.pretrained, self.step, state)

    def restore(self, path: Path):
        state = self.checkpoints.load(self.pretrained, path)
        for name in ("step", "position", "rollbacks", "best", "best_loss"):
            setattr(self, name, state[name])
        self.journal.restore(self.step, state["journal"])
        self.guard.restore(state["guard"])

    def roll_back(self, most: int):
        """To the last checkpoint; the batches since are skipped, for they, with these weights, led here.

        Raises:
            KerasBertError: it happened too often.
        """
        why, step, position, rollbacks = self.guard.tripped, self.step, self.position, self.rollbacks + 1
        if rollbacks > most:
            raise KerasBertError(
                f"the loss became {why} in step {step}, and {most} returns to a checkpoint did not help; "
                "try half the learning rate, or more warm-up"
            )
        self.restore(self.checkpoints.paths()[-1])
        self.position, self.rollbacks = position, rollbacks
        log.warning(
            "the loss became %s in step %d: back to step %d, and on with batch %d (%d of %d times)",
            why, step, self.step, position, rollbacks, most,
        )  # fmt: skip


def _held_out(folder, batch_size: int, masking: Masking, tokenizer) -> PretrainingData:
    rows = PretrainingData(folder, batch_size=1, masking=masking, tokenizer=tokenizer).rows
    if rows < batch_size:
        raise ConfigError(f"{folder}: {rows} held-out rows are less than a batch of {batch_size}; prepare more text")
    return PretrainingData(folder, batch_size=batch_size, masking=masking, tokenizer=tokenizer)


def _resuming(folder: Path, checkpoints: Checkpoints, resume: bool) -> bool:
    """Whether there is a run to go on with.

    Raises:
        KerasBertError: there is one, but nobody said so; or the folder cannot be used.
    """
    if checkpoints.paths():
        if resume:
            return True
        raise KerasBertError(f"{folder}: holds a run; --resume goes on with it, or name another folder")
    if not (folder / "run").is_dir():
        check_target(folder)
    return False


def _check_settings(folder: Path, settings: dict) -> None:
    path = folder / "run" / "settings.json"
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise KerasBertError(f"{path}: not readable ({error}); the run cannot go on") from None
    settings = json.loads(json.dumps(settings))
    for part, values in settings.items():
        if stored.get(part) != values:
            before, now = stored.get(part), values
            if isinstance(values, dict) and isinstance(before, dict):
                name = next(name for name in values.keys() | before.keys() if values.get(name) != before.get(name))
                part, before, now = f"{part} {name}", before.get(name), values.get(name)
            raise ConfigError(
                f"{folder}: begun with {part} = {before!r}, now {now!r}; --resume wants the same, "
                "--init-from in another --out begins a new run with its weights"
            )


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


def _opening(batches, model, recipe, strategy, run) -> str:
    index, start = batches.index, f"from step {run.step} on, " if run.step else ""
    return (
        f"{batches.folder}: {batches.rows:,} rows, {index.total('tokens'):,} tokens; {model.count_params():,} "
        f"parameters; {distribution.described(strategy)}; {recipe.steps:,} steps of {recipe.batch_size} rows "
        f"({recipe.steps / batches.steps_per_epoch:.1f} epochs), {start}the first of them slow"
    )
