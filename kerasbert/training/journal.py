"""The record of a pre-training run: a line for the eye, training.csv, TensorBoard."""

import csv
import io
import sys
import time
from pathlib import Path

import keras

from kerasbert.errors import DataError
from kerasbert.files import write_text
from kerasbert.training.callbacks import Line

CSV = "training.csv"


class Journal(keras.callbacks.Callback):
    """Records the run every so many steps: means since the last record, the rate, the speed.

    Args:
        folder: for training.csv and `run/tensorboard`; None: only the line, for workers that are not the chief.
        every: steps between records. total: steps of the run. tokens: real tokens of a step, on average.
    """

    def __init__(self, folder: Path | None, *, every: int, total: int, tokens: float, stream=None):
        super().__init__()
        self.folder, self.every, self.total, self.tokens = folder, every, total, tokens
        self.line = Line(stream or sys.stderr)
        self.step, self.seconds = 0, 0.0
        self.sums, self.count = {}, 0
        self.rows = []
        self.writer = None

    def state(self) -> dict:
        """What a checkpoint keeps of it."""
        return {"seconds": self.seconds, "sums": self.sums, "count": self.count}

    def restore(self, step: int, state: dict) -> None:
        """Goes to a step of this run or of one before; later records are removed."""
        self.step = step
        self.seconds, self.sums, self.count = state["seconds"], dict(state["sums"]), state["count"]
        if self.folder is not None:
            self.rows = [row for row in read_csv(self.folder) if row["step"] <= step]
            if self.rows:
                self._write()

    def on_train_begin(self, logs=None):
        self.lap = self.shown = time.monotonic()
        self.first = None  # (time, step) behind the first step, which traces and compiles

    def on_train_batch_end(self, batch, logs=None):
        now = time.monotonic()
        self.seconds += now - self.lap
        self.lap = now
        self.step += 1
        for name, value in logs.items():
            if name != "perplexity":
                self.sums[name] = self.sums.get(name, 0.0) + float(value)
        self.count += 1
        speed = None
        if self.first is None:
            self.first = now, self.step
        elif now > self.first[0]:
            speed = (self.step - self.first[1]) / (now - self.first[0])  # steps a second
        if self.step % self.every == 0 or self.step == self.total:
            self._record(speed)
        if self.line.due(now) or self.step in (1, self.total):
            left = "" if speed is None else _clock((self.total - self.step) / speed) + " left  "
            rate = "" if speed is None else f"{speed * self.tokens:,.0f} tokens/s  "
            self.line.show(
                f"step {self.step:,}/{self.total:,}  {rate}{left}{_shown(logs)}", last=self.step == self.total
            )

    def figures(self) -> dict[str, float]:
        """The last of each kind."""
        last = {}
        for row in self.rows:
            last |= row
        return {name: value for name, value in last.items() if name.endswith(("loss", "accuracy", "perplexity"))}

    def add(self, figures: dict, *, seconds: float) -> None:
        """Writes figures of held-out data into the record of this step; the seconds it took are not training's."""
        self.lap += seconds
        if self.first is not None:
            self.first = self.first[0] + seconds, self.first[1]
        if not self.rows or self.rows[-1]["step"] != self.step:
            self.rows.append({"step": self.step})
        self.rows[-1].update(figures)
        self._save(figures)
        self.line.show(f"step {self.step:,}/{self.total:,}  {_shown(figures)}", last=True)

    def _record(self, speed: float | None) -> None:
        figures = {name: value / self.count for name, value in self.sums.items()}
        self.sums, self.count = {}, 0
        figures["learning_rate"] = float(self.model.optimizer.learning_rate)
        if speed is not None:
            figures["tokens_per_second"] = round(speed * self.tokens, 1)
        self.rows.append({"step": self.step, "seconds": round(self.seconds, 3), **figures})
        self._save(figures)

    def _save(self, figures: dict) -> None:
        if self.folder is None:
            return
        self._write()
        import tensorflow as tf  # its event files, on any backend

        if self.writer is None:
            self.writer = tf.summary.create_file_writer(str(self.folder / "run" / "tensorboard"))
        summary = tf.compat.v1.Summary()  # `tf.summary.scalar` would need TensorBoard itself
        for name, value in figures.items():
            summary.value.add(tag=name, simple_value=value)
        with self.writer.as_default():
            tf.summary.experimental.write_raw_pb(summary.SerializeToString(), step=self.step)
        self.writer.flush()

    def _write(self) -> None:
        """The whole file anew: a record more, or fewer after a return to an earlier step; never half a line."""
        names = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_text(self.folder / CSV, text.getvalue())


def read_csv(folder: Path) -> list[dict[str, float]]:
    """The records of a run, numbers, without what a record does not have; none where the file is not there yet."""
    path = Path(folder) / CSV
    if not path.exists():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        try:
            return [
                {name: int(value) if name == "step" else float(value) for name, value in row.items() if value}
                for row in csv.DictReader(file)
            ]
        except (ValueError, TypeError, AttributeError) as error:
            raise DataError(f"{path}: not the record of a run ({error}); remove it") from None


def _shown(figures: dict) -> str:
    alone = sum(name.endswith("_loss") for name in figures) == 1  # then the loss is that one
    names = (name for name in figures if name != "perplexity" and not (alone and name == "loss"))
    return "  ".join(f"{name} {float(figures[name]):.4f}" for name in names)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{seconds:02d}"
