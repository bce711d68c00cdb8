"""Fine-tuning runs with one or more learning rates, of which the best is kept."""

import json
import logging
import math
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import keras
import numpy as np

from kerasbert.errors import KerasBertError
from kerasbert.files import check_target, write_text
from kerasbert.models.opening import model_class
from kerasbert.models.text_model import TextModel
from kerasbert.reading import read_json
from kerasbert.runs.begun import SETTINGS, begin_settings
from kerasbert.runs.finetune_options import FinetuneOptions
from kerasbert.runs.guard import LossGuard
from kerasbert.runs.journal import CSV, Journal, every_of
from kerasbert.runs.resume import Checkpoints
from kerasbert.runs.run import BETTER, Diverged, Measurement, Run
from kerasbert.runs.run_options import PRECISIONS
from kerasbert.runs.soft import Soft
from kerasbert.tasks.amounts import batching_of
from kerasbert.tasks.batches import Lesson
from kerasbert.tasks.lessons import balanced
from kerasbert.tasks.remarks import counted
from kerasbert.tasks.task import Example, Task, labels_of
from kerasbert.training import distribution
from kerasbert.training.failures import explained
from kerasbert.training.optimizers import adamw

log = logging.getLogger("kerasbert")

OUTCOME = "outcome.json"
EVERY = 10
"""Steps between records in training.csv, at the most."""


class BatchFigures(keras.callbacks.Callback):
    """Lets the logs of a step be those of its own batch. Keras's are means over the epoch so far."""

    def on_train_batch_begin(self, batch, logs=None):
        self.model.reset_metrics()


@dataclass(frozen=True, kw_only=True)
class Job:
    """What is learned, and how.

    Attributes:
        examples, held_out: the training examples, and those to measure on, perhaps none.
        settings: the task's settings by name.
        rates: the learning rates to try.
        metric, better: the figure that decides, and which of its values are better, a key of `BETTER`.
        opening: what a line says of the examples before the first step.
        files: which of "train", "unlabelled" and "dev" comes from a file -> its path.
        said: what a run must keep to be the same run.
        soft: a teacher's logits for the examples, or None.
    """

    task: Task
    options: FinetuneOptions
    folder: Path
    strategy: object
    examples: Sequence[Example]
    held_out: Sequence[Example]
    settings: Mapping[str, object]
    rates: Sequence[float]
    metric: str
    better: str
    opening: str
    files: Mapping[str, str]
    said: Mapping[str, object]
    soft: Soft | None = None

    @cached_property
    def chief(self) -> bool:
        """Whether this process writes files."""
        return distribution.is_chief(self.strategy)

    @property
    def batching(self) -> dict[str, int]:
        """The number of rows or of tokens in a step, as `OnTexts.batches_of` takes it."""
        return batching_of(self.task.usual_batch_tokens, self.options.batch_size, self.options.batch_tokens)


class Trials:
    """Trains a model for each learning rate of a job.

    The run of a single rate stands in the job's folder as a pre-training run does. Those of several rates have a folder
    `run/rate-<rate>` each, and an outcome there when they have ended.
    """

    def __init__(self, job: Job):
        self.job = job
        self.lessons: list[list[Lesson]] = []
        self.held_out = None
        """The batches to measure on. They and the lessons are made once, with the first model, for all rates."""
        self.keras_differs = False
        """Whether Keras's metric on these is not the task's figure of this name: it judges each window of a text, and
        all masks that are drawn, where the task judges the mean of the windows, and one mask in each."""

    def best(self) -> tuple[Run, list[dict]]:
        """Trains with every rate.

        Returns:
            The run of the best rate, its model at the kept epoch. If there are several rates, also the outcome of each,
            with `kept`, which is "yes" for the best one.

        Raises:
            Stopped: by a signal, state saved. Diverged: no rate led to a model.
        """
        rates = self.job.rates
        if len(rates) == 1:
            run = self._begun(rates[0])
            self._train(run)
            self._keep(run)
            return run, []
        tried = []
        for number, rate in enumerate(rates):
            log.info("learning rate %g, %d of %d", rate, number + 1, len(rates))
            tried.append(self._tried(rate))
            best = self._best_of(tried)
            for each in tried:
                if each is not best and self.job.chief:
                    shutil.rmtree(self._place(each["learning_rate"]) / "checkpoints", ignore_errors=True)
        if best is None:
            raise Diverged(f"the loss became no number with every learning rate; try a tenth of {min(rates):g}")
        log.info("learning rate %g is kept", best["learning_rate"])
        run = self._begun(best["learning_rate"])
        self._keep(run)
        if self.job.chief:
            shutil.copyfile(self._place(best["learning_rate"]) / CSV, self.job.folder / CSV)
        return run, [{"kept": "yes" if each is best else "", **each} for each in tried]

    def kept_step(self, run: Run) -> int:
        """The step after which the kept epoch ended."""
        return run.place.best if self.job.options.keeps_best else run.place.step

    def _place(self, rate: float) -> Path:
        """The folder of a rate's run."""
        run = self.job.folder / "run"
        return run if len(self.job.rates) == 1 else run / f"rate-{rate!r}"

    def _tried(self, rate: float) -> dict:
        """The outcome of a rate: that of a run that ended already, or of a new one."""
        path = self._place(rate) / OUTCOME
        if not path.exists():
            outcome = self._outcome(rate)
            if self.job.chief:
                write_text(path, json.dumps(outcome) + "\n")
            self._wait()
        return read_json(path, KerasBertError)

    def _outcome(self, rate: float) -> dict:
        """Trains with a rate. Returns the rate, the kept epoch, its figures, and as `value` the one that decides."""
        run = self._begun(rate)
        try:
            self._train(run)
        except Diverged as error:
            log.warning("learning rate %g: %s", rate, error)
            return {"learning_rate": rate, "epoch": None, "value": None}
        step = self.kept_step(run)
        figures = run.journal.figures_of(step)
        value = figures.get(f"val_{self.job.metric}", math.nan)
        value = value if math.isfinite(value) else None
        return {"learning_rate": rate, "epoch": step // run.journal.epoch, "value": value, **figures}

    def _wait(self) -> None:
        """Until all workers are here, so that they see the files that the chief has written."""
        distribution.check_agreed(self.job.strategy, 0)

    def _best_of(self, tried: Sequence[dict]) -> dict | None:
        """The first of the best outcomes; None if all runs exploded."""
        best = None
        for each in (each for each in tried if each["epoch"] is not None):
            value, most = each["value"], best and best["value"]
            if best is None or (value is not None and (most is None or BETTER[self.job.better](value, most))):
                best = each
        return best

    def _begun(self, rate: float) -> Run:
        """A new model and its run, at its last checkpoint if there is one."""
        job, options, place = self.job, self.job.options, self._place(rate)
        keras.utils.set_random_seed(options.seed)
        with job.strategy.scope():
            model = model_class(job.task.name).from_pretrained(
                options.checkpoint, dtype=PRECISIONS[options.precision], **options.new_decoder, **job.settings
            )
            if options.lora is not None:
                model.enable_lora(options.lora)
            self.lessons = self.lessons or self._lessons(model)
            epoch = len(model.batches_of(self.lessons, **job.batching, seed=options.seed))
            total = epoch * options.epochs
            optimizer = adamw(
                learning_rate=rate,
                steps=total,
                warmup=options.warmup,
                layer_decay=options.layer_decay,
                weight_decay=options.weight_decay,
            )
            loss = options.loss if job.soft is None else job.soft.loss(model)
            model.compile(optimizer, loss=loss, accumulate=options.accumulate, **options.smoothing)
            model.optimizer.build(model.trainable_variables)
        measurement = self._measurement(model, epoch) if job.held_out else None  # may refuse an example
        several = len(job.rates) > 1
        records = place if several else job.folder
        logs = job.folder / "run" / "tensorboard"
        if job.chief and not (job.folder / "run" / SETTINGS).exists():
            check_target(job.folder, megabytes=model.count_params() * 12e-6 * (2 + options.average))
            begin_settings(job.folder / "run", job.said)
        if job.chief:
            place.mkdir(exist_ok=True)
        run = Run(
            model,
            Checkpoints(place / "checkpoints", keep=1, epoch=epoch, average=options.average),
            Journal(
                records if job.chief else None,
                logs=logs / place.name if several else logs,
                every=every_of(total, EVERY),
                total=total,
                amount=len(job.examples) / epoch,
                unit="texts",
                epoch=epoch,
                measured=bool(job.held_out),
            ),
            total=total,
            save_every=epoch,
            save_seconds=options.save_minutes * 60,
            measurement=measurement,
            guard=LossGuard(math.inf),
            max_rollbacks=0,
            chief=job.chief,
            callbacks=[BatchFigures()],
        )
        with job.strategy.scope():
            run.begin()
            distribution.check_agreed(job.strategy, run.place.step)
        return run

    def _lessons(self, model: TextModel) -> list[list[Lesson]]:
        if self.job.soft is not None:
            return self.job.soft.lessons(model)
        lessons = model.lessons_of(self.job.examples)
        if self.job.options.class_weight is None:
            return lessons
        return balanced(lessons, labels_of(model.settings), model.graphs()[0])

    def _measurement(self, model: TextModel, epoch: int) -> Measurement:
        job = self.job
        if self.held_out is None:
            lessons = model.lessons_of(job.held_out)
            self.held_out = model.batches_of(lessons, **job.batching)
            in_windows = job.task.averages and len(lessons) > len(job.held_out)
            self.keras_differs = in_windows or job.task.drawn

        def measure() -> dict[str, float]:
            found = self.evaluated(model)
            if job.metric not in found or self.keras_differs:
                found |= self._figures(model)
            return found

        return Measurement(
            measure=measure,
            every=epoch,
            metric=job.metric,
            better=job.better,
            patience=job.options.early_stopping,
        )

    def evaluated(self, model: TextModel) -> dict[str, float]:
        """The loss and Keras's metrics of the held-out examples."""
        return model.evaluate(self.held_out, verbose=0, return_dict=True)

    def _figures(self, model: TextModel) -> dict[str, float]:
        """The task's figures of the held-out examples; if their answers take long, of a sample, answered fast."""
        job, task, settings, examples = self.job, self.job.task, model.settings, self.job.held_out
        if task.quick is None:
            return task.figures([task.brief(each, settings) for each in model.answered(examples)], settings)
        size = min(job.options.dev_sample, len(examples))
        chosen = np.random.default_rng(job.options.seed).choice(len(examples), size, replace=False)
        model.settings = task.quick(settings)
        try:
            answered = list(model.answered([examples[index] for index in sorted(chosen)]))
            return task.figures(answered, model.settings)
        finally:
            model.settings = settings

    def _train(self, run: Run) -> None:
        job, options = self.job, self.job.options
        if run.place.step < run.total and not run.place.ended:
            begin = f"from step {run.place.step:,} on, " if run.place.step else ""
            log.info("%s; %s, %sthe first of them slow", job.opening, counted(run.total, "step"), begin)

        def data_from(position: int):
            return run.model.batches_of(self.lessons, **job.batching, seed=options.seed, start=position)

        mend = "raise --accumulate, or use a smaller --batch-size or --max-length"
        with job.strategy.scope(), explained(lambda: None, less_memory=mend):
            run.train(data_from)
        if run.place.ended:
            log.info(
                "val_%s was not better in %s, so the run ends after epoch %d",
                job.metric, counted(run.place.waited, "epoch"), run.place.step // run.journal.epoch,
            )  # fmt: skip

    def _keep(self, run: Run) -> None:
        """Puts the weights of the kept epoch into the model, or the mean over it and the epochs before it."""
        step = self.kept_step(run)
        if step != run.place.step:
            self._wait()
            run.checkpoints.load(run.model, run.checkpoints.path(step))
            log.info("epoch %d is kept, the best by val_%s", step // run.journal.epoch, self.job.metric)
        steps = run.checkpoints.averaged(step)
        if len(steps) > 1:
            self._wait()
            run.checkpoints.load_mean(run.model, steps)
            log.info("the weights are the mean of those after the last %d epochs until then", len(steps))
