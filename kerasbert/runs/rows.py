"""What the jobs on prepared rows share: the run, its figures on held-out rows, and what is written at its end."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import keras

from kerasbert.checkpoints.card import write_card
from kerasbert.corpus.batches import PretrainingData
from kerasbert.errors import ConfigError
from kerasbert.files import new_folder, write_text
from kerasbert.runs.begun import FINISHED
from kerasbert.runs.card import run_card
from kerasbert.runs.guard import LossGuard
from kerasbert.runs.journal import Journal, every_of, latest, read_csv
from kerasbert.runs.plots import plot_curves
from kerasbert.runs.report import write_report
from kerasbert.runs.resume import Checkpoints
from kerasbert.runs.run import Measurement, Run
from kerasbert.training import distribution
from kerasbert.training.failures import explained

DEV_ROWS = 2048
"""Held-out rows that a measurement reads, at the most."""


def rows_run(
    model,
    folder: Path,
    options,
    *,
    steps: int,
    tokens: float,
    held_out: PretrainingData | None,
    strategy,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> Run:
    """The run of a compiled model on rows.

    Args:
        options: `PretrainOptions`, or others with the same names for checkpoints, measurements and rollbacks.
        steps: number of updates.
        tokens: real tokens per step.
        held_out: rows to measure on; None: nothing is measured.
    """
    chief = distribution.is_chief(strategy)
    return Run(
        model,
        Checkpoints(folder / "run" / "checkpoints", keep=options.keep),
        Journal(folder if chief else None, every=every_of(steps, options.log_every), total=steps, amount=tokens),
        total=steps,
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


def train_on_rows(run: Run, batches: PretrainingData, held_out: PretrainingData | None, strategy) -> None:
    """Makes the steps that are left of a run that has begun."""
    with explained(lambda: _read_again(batches, run.place.position, held_out)):
        run.train(lambda position: distribution.distributed(batches, strategy, position))


def tokens_per_step(batches: PretrainingData) -> float:
    """Real tokens of a batch, on average."""
    return batches.batch_size * batches.index.total("tokens") / batches.rows


def about_data(batches: PretrainingData) -> dict:
    """What a run's settings say of its data."""
    return {
        "vocabulary": batches.index.vocabulary,
        "vocab_size": batches.index.vocab_size,
        **{name: batches.index.total(name) for name in ("rows", "tokens", "documents", "bytes")},
        "sha256": batches.index.sha256,
    }


def write_model(folder: Path, run: Run, settings: Mapping, tokens: float, *, dev, title: str) -> None:
    """Writes the model, its card, the curves and the report.

    Args:
        settings: the parts of the report and of the card.
        tokens: real tokens per step.
        dev: where the held-out data are from; None if there are none.
        title: the heading of the report.
    """
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
        write_report(building, figures, settings, title=title)
        write_card(run_card(run.model.card(), run.journal.figures(), settings, dev=dev), building, folder)
    write_text(folder / "run" / FINISHED, json.dumps(figures) + "\n")


def check_alike(data: PretrainingData, batches: PretrainingData) -> None:
    """Raises ConfigError: held-out data that are prepared in another way than the training data."""
    for name in ("mode", "max_length"):
        if data.settings[name] != batches.settings[name]:
            raise ConfigError(
                f"{data.folder}: held-out data of {name} {data.settings[name]}, but {batches.folder} is of "
                f"{batches.settings[name]}; prepare both alike"
            )


def _measured(model, data, steps: int) -> dict[str, float]:
    """The figures on held-out data."""
    found = model.evaluate(data, steps=steps, verbose=0, return_dict=True)
    # Keras's loss is the mean of the batches' losses, the others are means over all tokens, masked words or pairs.
    means = {part: found[f"{part}_loss"] for part in model.summed}
    return {**found, "loss": float(model.total_of(means))}


def _read_again(batches: PretrainingData, position: int, held_out: PretrainingData | None) -> None:
    """The batches whose reading may have failed; see `explained`."""
    batches.batch(position)
    for step in range(_steps_of(held_out) if held_out else 0):
        held_out.batch(step)


def _steps_of(held_out: PretrainingData) -> int:
    return max(1, min(held_out.steps_per_epoch, DEV_ROWS // held_out.batch_size))
