"""Text classification from few labelled texts: contrastive pairs teach the encoder, then a classifier stands on it.

That is SetFit (arXiv 2209.11055) with another loss: all texts of other labels in a batch are negatives, where SetFit
compares two texts at a time. The first part is a run of sentence embedding in `run/embedding`, whose steps can be
resumed. The second is logistic regression on the vectors of the texts, which takes seconds. The model is an ordinary
text classifier with the pooling "mean".
"""

import logging
import shutil
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import keras
import numpy as np

from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.errors import ConfigError, DataError
from kerasbert.models.text_classification import TextClassifier
from kerasbert.runs.begun import SETTINGS, begin_settings
from kerasbert.runs.finetune_options import FinetuneOptions
from kerasbert.runs.journal import CSV
from kerasbert.runs.run_options import PRECISIONS
from kerasbert.runs.trials import Job
from kerasbert.tasks.remarks import counted
from kerasbert.tasks.task import Example
from kerasbert.tasks.text_classification import SINGLE
from kerasbert.training.logistic import logistic_regression

log = logging.getLogger("kerasbert")

TASK, POOLING = "text-classification", "mean"
BY_EPOCH = ("early_stopping", "metric", "keep", "class_weight")
"""Options that choose an epoch or weigh labels, which this way of learning does not."""


def check(task: str, options: FinetuneOptions) -> None:
    """Checks the options of a run that learns from few labels, before anything is read.

    Raises:
        ConfigError: the task or an option does not go with it.
    """
    if task != TASK:
        raise ConfigError(f"few_shot is {options.few_shot}: only {TASK} learns so; leave it out")
    given = [name for name in BY_EPOCH if getattr(options, name) is not None]
    given += ["average"] * (options.average > 1) + ["several learning rates"] * (len(options.rates) > 1)
    if given:
        raise ConfigError(f"few_shot is {options.few_shot}: {given[0]} does not go with it; leave one of them out")
    for name, only in (("problem_type", SINGLE), ("pooling", POOLING)):
        if options.settings.get(name) not in (None, only):
            raise ConfigError(f"few_shot is {options.few_shot}: {name} must be {only!r}; leave it out")


def check_examples(examples: Sequence[Example]) -> None:
    """Raises DataError: an example is a pair of texts, or has an empty one, with which no pair can be made."""
    empty = next((each for each in examples if not each.fields["text"].strip()), None)
    if empty is not None:
        raise DataError(f"{empty.place}: the text is empty; few_shot learns pairs of texts, so give it some words")
    pair = next((each for each in examples if each.fields.get("text_pair") is not None), None)
    if pair is not None:
        raise DataError(f"{pair.place}: few_shot learns single texts, not pairs")


def contrast(texts: Sequence[str], labels: Sequence[str], count: int, seed: int) -> list[Example]:
    """Pairs of texts with the same label, for sentence embedding: in a batch, texts of other labels are the negatives.

    Args:
        count: number of pairs that begin with each text, fewer if its label has fewer other texts. A text that is alone
            with its label has one pair, with itself, whose two vectors differ by their dropout (SimCSE, arXiv
            2104.08821).
        seed: seed of the draw. The pairs depend on nothing else.
    """
    draw, places = np.random.default_rng(seed), defaultdict(list)
    for place, label in enumerate(labels):
        places[label].append(place)
    found = []
    for place, (text, label) in enumerate(zip(texts, labels, strict=True)):
        others = [each for each in places[label] if each != place] or [place]
        chosen = draw.permutation(others)[:count]
        found += [Example({"anchor": text, "positive": texts[other], "group": label}) for other in chosen]
    return found


def learn(job: Job, teach: Callable) -> tuple[TextClassifier, dict[str, float], dict]:
    """Learns from few labels; a run that was stopped goes on.

    Args:
        job: the job of a text classifier, whose options have `few_shot`.
        teach: `kerasbert.runs.finetune.finetune`.

    Returns:
        The model, the figures of its learning, and those of the report.

    Raises:
        Stopped: by a signal, state saved. KerasBertError: one of its kinds.
    """
    options, run = job.options, job.folder / "run"
    if job.chief and not (run / SETTINGS).exists():
        begin_settings(run, job.said)
    texts = [each.fields["text"] for each in job.examples]
    labels = [job.task.truth(each, job.task.Settings(**job.settings)) for each in job.examples]
    pairs = contrast(texts, labels, options.few_shot, options.seed)
    log.info("%s: %s teach the encoder first", job.opening, counted(len(pairs), "pair"))
    alike = replace(
        options,
        few_shot=None,
        dev=None,
        resume=True,
        columns={},
        max_length=job.settings["max_length"],
        settings={"pooling": POOLING, "prompt": ""},
    )
    folder = run / "embedding"
    loss = teach("sentence-embedding", pairs, folder, alike)["loss"]
    with job.strategy.scope():
        model = TextClassifier.from_pretrained(str(folder), dtype=PRECISIONS[options.precision], **job.settings)
    model.encoder.base = open_checkpoint(options.checkpoint).base  # for the model card
    accuracy = stand_on(model, job.examples)
    if job.chief:
        shutil.copyfile(folder / CSV, job.folder / CSV)
    return model, {"loss": loss, "accuracy": accuracy}, {"pairs": len(pairs), "parameters": model.count_params()}


def stand_on(model: TextClassifier, examples: Sequence[Example]) -> float:
    """Gives a classifier the weights of logistic regression on its own pooled vectors.

    Args:
        examples: the labelled examples. A long one has a vector per window, each with its share of the tokens.

    Returns:
        The share of the vectors whose label is right.
    """
    pooled = keras.Model(model.inputs, model.get_layer("pooling").output)
    parts = defaultdict(list)
    for batch in model.batches_of(model.lessons_of(examples), batch_size=32):
        inputs, right, weights = keras.utils.unpack_x_y_sample_weight(batch)
        parts["vectors"].append(np.asarray(pooled.predict_on_batch(inputs), np.float32))
        parts["labels"].append(np.asarray(right))
        parts["weights"].append(np.ones(len(right)) if weights is None else np.asarray(weights))
    vectors, labels, weights = (np.concatenate(parts[name]) for name in ("vectors", "labels", "weights"))
    kernel, bias = logistic_regression(vectors, labels, len(model.labels), weights=weights)
    dense = model.get_layer("classifier").dense
    dense.set_weights([kernel.astype(np.float32), bias.astype(np.float32)])
    return float(np.mean((vectors @ kernel + bias).argmax(axis=1) == labels))


def clear(folder: Path) -> None:
    """Removes the folder of the first part, whose encoder the model has; its logs for TensorBoard stay."""
    run = folder / "run"
    logs = run / "embedding" / "run" / "tensorboard"
    if logs.exists():
        logs.replace(run / "tensorboard")
    shutil.rmtree(run / "embedding", ignore_errors=True)
