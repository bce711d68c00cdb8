"""The record of a pre-training run: a line on stderr, training.csv, TensorBoard."""

import csv
import io
import sys
import time
from pathlib import Path

import keras

from kerasbert.errors import DataError, KerasBertError
from kerasbert.files import write_text
from kerasbert.tf.events import EventFile
from kerasbert.training.callbacks import Line

CSV = "training.csv"
SOON = 3.0
"""Seconds behind the first step until the first line with a speed."""


class Journal(keras.callbacks.Callback):
    """Records the run at regular steps: means since the last record, the learning rate, the speed.

    Args:
        folder: for training.csv and `run/tensorboard`; None: only the line, for workers that are not the chief.
        every: steps between records. total: steps of the run. tokens: real tokens per step, on average.
    """

    def __init__(self, folder: Path | None, *, every: int, total: int, tokens: float, stream=None):
        super().__init__()
        self.folder, self.every, self.total, self.tokens = folder, every, total, tokens
        self.line = Line(stream or sys.stderr)
        self.step, self.seconds = 0, 0.0
        self.sums, self.count = {}, 0
        self.rows, self.names = [], []  # names: the columns of the file
        self.events = folder and EventFile(folder / "run" / "tensorboard")

    def state(self) -> dict:
        """What a checkpoint keeps of it."""
        return {"seconds": self.seconds, "sums": dict(self.sums), "count": self.count}

    def restore(self, step: int, state: dict) -> None:
        """Goes to a step of this run or of one before; later records are removed."""
        self.step = step
        self.seconds, self.sums, self.count = state["seconds"], dict(state["sums"]), state["count"]
        if self.folder is not None:
            self.rows = [row for row in read_csv(self.folder) if row["step"] <= step]
            if (self.folder / CSV).exists():
                self._rewrite()

    def on_train_begin(self, logs=None):
        self.lap = time.monotonic()
        self.first = None  # (time, step) behind the first step, which traces and compiles
        self.told = False  # whether a line has shown the speed

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        self.seconds += now - self.lap
        self.lap = now
        self.step += 1
        for name, value in logs.items():
            if name != "perplexity":
                self.sums[name] = self.sums.get(name, 0.0) + float(value)
        self.count += 1
        speed, begins, last = None, self.first is None, self.step == self.total
        if begins:
            self.first = now, self.step
        elif now > self.first[0]:
            speed = (self.step - self.first[1]) / (now - self.first[0])  # steps per second
        if last or self.step % self.every == 0:
            self._record(speed)
        soon = speed is not None and not self.told and now - self.first[0] > SOON
        if begins or soon or last or self.line.due(now):
            self.told = self.told or speed is not None
            self.line.show(f"step {self.step:,}/{self.total:,}  {self._pace(speed)}{_shown(logs)}", last=last)

    def add(self, figures: dict, *, seconds: float) -> None:
        """Writes figures of held-out data into the record of this step; the seconds it took are not training's."""
        self.lap += seconds
        self.first = self.first[0] + seconds, self.first[1]
        if not self.rows or self.rows[-1]["step"] != self.step:
            self.rows.append({"step": self.step})
        self.rows[-1].update(figures)
        if self.folder is not None:
            self._rewrite()
            self.events.write(self.step, figures)
        self.line.show(f"step {self.step:,}/{self.total:,}  {_shown(figures)}", last=True)

    def figures(self) -> dict[str, float]:
        """The last of each kind."""
        last = latest(self.rows)
        return {name: value for name, value in last.items() if name.endswith(("loss", "accuracy", "perplexity"))}

    def _pace(self, speed: float | None) -> str:
        if speed is None:
            return ""
        return f"{speed * self.tokens:,.0f} tokens/s  {_clock((self.total - self.step) / speed)} left  "

    def _record(self, speed: float | None) -> None:
        figures = {name: value / self.count for name, value in self.sums.items()}
        self.sums, self.count = {}, 0
        figures["learning_rate"] = float(self.model.optimizer.learning_rate)
        if speed is not None:
            figures["tokens_per_second"] = round(speed * self.tokens, 1)
        self.rows.append({"step": self.step, "seconds": round(self.seconds, 3), **figures})
        if self.folder is not None:
            self._append() if self.rows[-1].keys() <= set(self.names) else self._rewrite()
            self.events.write(self.step, figures)

    def _append(self) -> None:
        """A run may have a million records, too many to write all of them each time."""
        path = self.folder / CSV
        try:
            with path.open("a", encoding="utf-8", newline="") as file:
                file.write(_lines(self.rows[-1:], self.names))
        except OSError as error:
            raise KerasBertError(f"{path}: writing failed ({error.strerror})") from None

    def _rewrite(self) -> None:
        """All records: there are fewer of them, the last one holds more, or one has a new column."""
        self.names = list(dict.fromkeys(name for row in self.rows for name in row))
        header = dict(zip(self.names, self.names, strict=True))
        write_text(self.folder / CSV, _lines([header, *self.rows], self.names))


def read_csv(folder: Path) -> list[dict[str, float]]:
    """The records of a run, numbers, without what a record does not have; none where the file is not there yet.

    Raises:
        DataError: something else.
    """
    path = Path(folder) / CSV
    try:
        text = path.read_text(encoding="utf-8")
        whole = text[: text.rfind("\n") + 1]  # a killed run may have left half a line
        return [
            {name: int(value) if name == "step" else float(value) for name, value in row.items() if value}
            for row in csv.DictReader(io.StringIO(whole))
        ]
    except FileNotFoundError:
        return []
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not the record of a run ({error}); remove it") from None


def latest(rows: list[dict]) -> dict[str, float]:
    """The last value of each column."""
    return {name: value for row in rows for name, value in row.items()}


def _lines(rows: list[dict], names: list[str]) -> str:
    text = io.StringIO()
    csv.DictWriter(text, names, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _shown(figures: dict) -> str:
    alone = sum(name.endswith("_loss") for name in figures) == 1  # then the loss is that one
    names = [name for name in figures if name != "perplexity" and not (alone and name in ("loss", "val_loss"))]
    names.sort(key=lambda name: not name.endswith("loss"))
    return "  ".join(f"{name} {float(figures[name]):.4f}" for name in names)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
