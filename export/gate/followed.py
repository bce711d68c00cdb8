"""Numbers of a model that writes texts: what it computes for the tokens of the recorded texts, as if it wrote them.

A text itself may hang on two tokens that are almost equally probable. These numbers do not.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from kerasbert.decoding.generation import log_softmax
from kerasbert.export.gate.bars import HESITATES, SURE
from kerasbert.runtime.pipelines import Pipeline
from kerasbert.tasks.ask import Answered, outputs_of
from kerasbert.tasks.batches import pad_rows
from kerasbert.tasks.generating import follow, greedy
from kerasbert.tasks.task import Example, Graph, Row

BEST = 2
"""The number of the likeliest tokens that are recorded for each place of a text."""


@dataclass(frozen=True)
class Followed:
    """What a model computes for the tokens of a text.

    Attributes:
        log_probs: float32 (tokens, 1 + `BEST`), the log-probabilities of the token itself and of Keras's likeliest.
        kept: bool (tokens,), whether Keras's likeliest token is also this model's, or neither has a clear one.
    """

    log_probs: np.ndarray
    kept: np.ndarray

    @classmethod
    def of(cls, logits: np.ndarray, tokens: Sequence[int], best: np.ndarray, theirs: np.ndarray) -> "Followed":
        """Args: logits: float32 (tokens, vocabulary). best, theirs: Keras's likeliest tokens, and its `log_probs`."""
        found = log_softmax(logits)
        ours = np.sort(np.exp(found), axis=1)[:, -BEST:]
        keras = np.exp(theirs[:, 1:])
        unclear = (keras[:, 0] - keras[:, 1] < HESITATES) & (ours[:, 1] - ours[:, 0] < SURE)
        log_probs = np.take_along_axis(found, np.column_stack([tokens, best]), axis=1).astype("float32")
        return cls(log_probs, (found.argmax(axis=1) == best[:, 0]) | unclear)


def recorded_of(model, found: Answered) -> list[dict]:
    """What golden.json records of the rows of an example that Keras has answered: `sequences` and `scores` as the task
    has them, and of each token of the first sequence `best`, the likeliest tokens there, and `log_probs`."""
    rows = []
    for row, sequences, scores in zip(
        found.rows, *(found.outputs[name] for name in ("sequences", "scores")), strict=True
    ):
        (logits,) = follow(model.runs(), pad_rows([row], model.graphs()[0]), [sequences[0]], model.settings)
        best = np.argsort(-logits, axis=1, kind="stable")[:, :BEST]
        log_probs = np.take_along_axis(log_softmax(logits), np.column_stack([sequences[0], best]), axis=1)
        rows.append(
            {
                "sequences": [each.tolist() for each in sequences],
                "scores": scores.tolist(),
                "best": best.tolist(),
                "log_probs": log_probs.round(6).tolist(),
            }
        )
    return rows


def check_recorded(outputs: Mapping[str, list], graphs: Sequence[Graph]) -> None:
    """Raises ValueError if `recorded_of` did not write it."""
    words = next(each.width for graph in graphs for each in graph.outputs if each.name == "logits")
    text, best = (np.asarray(each) for each in (outputs["sequences"][0], outputs["best"]))
    shapes = {"best": best.shape, "log_probs": np.asarray(outputs["log_probs"], "float32").shape}
    wanted = {"best": (len(text), BEST), "log_probs": (len(text), 1 + BEST)}
    if shapes != wanted or not len(text) or len(outputs["scores"]) != len(outputs["sequences"]):
        raise ValueError(f"a text of {len(text)} tokens has the numbers {shapes}, not {wanted}")
    for ids in (text, best):
        if ids.dtype.kind != "i" or not (ids.min() >= 0 and ids.max() < words):
            raise ValueError(f"a token of a text is not one of the {words} words")


def followed(pipeline: Pipeline, rows: Sequence[Row], recorded: Sequence[Mapping[str, list]]) -> list[Followed]:
    """What a file computes for the recorded texts of some rows, in one batch.

    Args:
        recorded: the outputs of each row, as `recorded_of` wrote them.
    """
    texts = [np.array(each["sequences"][0]) for each in recorded]
    batch = pad_rows(rows, pipeline.graphs()[0])
    logits = follow(pipeline.runs, batch, texts, pipeline.settings)
    theirs = [(np.array(each["best"]), np.array(each["log_probs"])) for each in recorded]
    return [Followed.of(*each, *of_keras) for *each, of_keras in zip(logits, texts, theirs, strict=True)]


def answer_of(model, example: Example, settings, **runs):
    """The answer to an example with other settings, or of other functions, which are given by graph name.

    Args:
        model: a Keras model, or the pipeline of a file.
    """
    own = model.runs if isinstance(model, Pipeline) else model.runs()
    asked = (model.task, model.tokenizer, {**own, **runs}, [example], settings)
    (found,) = outputs_of(*asked, graphs=model.graphs())
    return model.task.decode(example, found.rows, found.outputs, settings)


def greedy_answer(model, example: Example):
    """The answer to an example where the likeliest token is taken each time. See `answer_of`."""
    return answer_of(model, example, greedy(model.settings))
