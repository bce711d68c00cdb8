"""The record of a run: a line on stderr, training.csv, TensorBoard."""

import csv
import dataclasses
import io
import sys
import time
from pathlib import Path

import keras

from kerasbert.errors import DataError, KerasBertError
from kerasbert.files import write_text
from kerasbert.progress import Line, time_left
from kerasbert.tf.events import EventFile

CSV = "training.csv"
POINTS = 10
"""Records that a run has at the least, if it has as many steps."""
SOON = 3.0
"""Seconds behind the first step until the first line with a speed."""


def every_of(total: int, most: int) -> int:
    """Steps between records: `most`, but fewer in a short run, whose curves would have too few points.

    Args:
        total: steps of the run.
    """
    return max(1, min(most, total // POINTS))


@dataclasses.dataclass
class Means:
    """Sums up figures over steps, and the time that they took."""

    sums: dict[str, float] = dataclasses.field(default_factory=dict)
    count: int = 0
    seconds: float = 0.0

    def add(self, figures: dict[str, float]) -> None:
        for name, value in figures.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
        self.count += 1

    def taken(self) -> dict[str, float]:
        """The means so far; then begins anew."""
        means = {name: value / self.count for name, value in self.sums.items()}
        self.sums, self.count, self.seconds = {}, 0, 0.0
        return means


class Journal(keras.callbacks.Callback):
    """Records the run at regular steps: means since the last record, the learning rate, the speed.

    Args:
        folder: for training.csv; None: only the line, for workers that are not the chief.
        logs: for TensorBoard's file; None: `run/tensorboard` in `folder`.
        every: steps between records. total: steps of the run.
        amount: units per step, on average. unit: what the speed counts.
        epoch: steps of an epoch. The record of its last step also holds the time and the means of the whole epoch
            (`epoch_loss` and so on), and one line shows them with what `add` brings. None: epochs are not counted.
        measured: whether `add` follows each epoch.
    """

    def __init__(
        self,
        folder: Path | None,
        *,
        logs: Path | None = None,
        every: int,
        total: int,
        amount: float,
        unit: str = "tokens",
        epoch: int | None = None,
        measured: bool = False,
        stream=None,
    ):
        super().__init__()
        self.folder, self.every, self.total = folder, every, total
        self.amount, self.unit, self.epoch, self.measured = amount, unit, epoch, measured
        self.line = Line(stream or sys.stderr)
        self.step, self.since, self.of_epoch = 0, Means(), Means()
        self.rows, self.names = [], []  # names: the columns of the file
        self.events = folder and EventFile(logs or folder / "run" / "tensorboard")
        self.seconds, self.lap, self.first = 0.0, time.monotonic(), None

    def state(self) -> dict:
        """What a checkpoint keeps of it."""
        kept = dataclasses.asdict(self.since) | {"seconds": self.seconds}
        return kept | ({"epoch": dataclasses.asdict(self.of_epoch)} if self.epoch else {})

    def restore(self, step: int, state: dict) -> None:
        """Goes to a step of this run or of one before; later records are removed."""
        self.step, self.seconds = step, state["seconds"]
        self.since = Means(dict(state["sums"]), state["count"])
        if self.epoch:
            self.of_epoch = Means(**state["epoch"])
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
        self.of_epoch.seconds += now - self.lap
        self.lap = now
        self.step += 1
        own = {name: float(value) for name, value in logs.items() if name != "perplexity"}
        self.since.add(own)
        self.of_epoch.add(own)
        speed, begins, last = None, self.first is None, self.step == self.total
        if begins:
            self.first = now, self.step
        elif now > self.first[0]:
            speed = (self.step - self.first[1]) / (now - self.first[0])  # steps per second
        ends = self.epoch is not None and self.step % self.epoch == 0
        if last or ends or self.step % self.every == 0:
            self._record(speed, ends)
        if ends:
            if not self.measured:
                self._show_epoch()
            return
        soon = speed is not None and not self.told and now - self.first[0] > SOON
        if begins or soon or last or self.line.due(now):
            self.told = self.told or speed is not None
            self.line.show(f"{self._place()}  {self._pace(speed)}{_shown(logs)}", last=last)

    def add(self, figures: dict, *, seconds: float) -> None:
        """Writes figures of held-out data into the record of this step; the seconds it took are not training's."""
        self.lap += seconds
        if self.first:
            self.first = self.first[0] + seconds, self.first[1]
        if not self.rows or self.rows[-1]["step"] != self.step:
            self.rows.append({"step": self.step})
        self.rows[-1].update(figures)
        if self.folder is not None:
            self._rewrite()
            self.events.write(self.step, figures)
        if self.epoch:
            self._show_epoch()
        else:
            self.line.show(f"{self._place()}  {_shown(figures)}", last=True)

    def figures_of(self, step: int) -> dict[str, float]:
        """The means over the epoch that ended with a step, and the figures of held-out data behind it."""
        row = next((row for row in self.rows if row["step"] == step), {})
        own = {name.removeprefix("epoch_"): x for name, x in row.items() if name.startswith("epoch_")}
        own.pop("seconds", None)
        return own | {name: value for name, value in row.items() if name.startswith("val_")}

    def figures(self) -> dict[str, float]:
        """The last of each kind."""
        last = latest(self.rows)
        return {name: value for name, value in last.items() if name.endswith(("loss", "accuracy", "perplexity"))}

    def _place(self) -> str:
        """Such as "step 5/12" or "epoch 1/3  step 5/12"."""
        if not self.epoch:
            return f"step {self.step:,}/{self.total:,}"
        epoch, step = divmod(self.step - 1, self.epoch)
        return f"epoch {epoch + 1}/{self.total // self.epoch}  step {step + 1:,}/{self.epoch:,}"

    def _show_epoch(self) -> None:
        row = self.rows[-1]
        taken = f"{row['epoch_seconds']:.1f} s  " if "epoch_seconds" in row else ""
        shown = f"{self._place().partition('  ')[0]}  {taken}{_shown(self.figures_of(self.step))}"
        self.line.show(shown, last=True)

    def _pace(self, speed: float | None) -> str:
        if speed is None:
            return ""
        return f"{speed * self.amount:,.0f} {self.unit}/s  {time_left((self.total - self.step) / speed)}  "

    def _record(self, speed: float | None, ends: bool) -> None:
        """Args: ends: whether an epoch ends here."""
        figures = self.since.taken()
        figures["learning_rate"] = float(self.model.optimizer.learning_rate)
        if speed is not None:
            figures[f"{self.unit}_per_second"] = round(speed * self.amount, 1)
        if ends:
            figures["epoch_seconds"] = round(self.of_epoch.seconds, 3)
            figures |= {f"epoch_{name}": mean for name, mean in self.of_epoch.taken().items()}
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
    alone = sum(name.endswith("_loss") and name != "val_loss" for name in figures) == 1  # then the loss is that one
    names = [name for name in figures if name != "perplexity" and not (alone and name in ("loss", "val_loss"))]
    names.sort(key=lambda name: not name.endswith("loss"))
    return "  ".join(f"{name} {float(figures[name]):.4f}" for name in names)
