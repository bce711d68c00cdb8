"""Explains the answer of a Keras model to a text."""

from collections.abc import Sequence

import numpy as np

from kerasbert.errors import ConfigError, TokenizerError
from kerasbert.explanations.attribution import AttentionMap, Attribution
from kerasbert.explanations.explanation import Explanation
from kerasbert.explanations.integral import MOST_STEPS, STEPS, integrate
from kerasbert.explanations.pieces import pieces_of
from kerasbert.explanations.targets import Target, check_explained, targets_of
from kerasbert.explanations.terms import of_texts, term_of
from kerasbert.layers.intermediates import observed
from kerasbert.tasks.ask import Answered
from kerasbert.tasks.batches import pad_rows
from kerasbert.tasks.task import Row
from kerasbert.tasks.words import as_text


def explain(
    model, *texts, target: str | None = None, steps: int = STEPS, attention: bool = False, **named
) -> Explanation:
    """Explains an answer: what each token and each word of the text adds to the logit that decides it.

    ```python
    model = kb.TextClassifier.from_pretrained("model/")
    explanation = kb.explain(model, "a lovely film", attention=True)
    [(word.text, word.attribution) for word in explanation.attributions[0].words]
    explanation.save("why.html")
    ```

    The attributions are integrated gradients by the word embeddings (Sundararajan et al. 2017, arXiv 1703.01365). The
    baseline has [PAD] in place of every token of the texts, and the special tokens, positions and segments as they are.
    What is explained is a logit:

    - text classification: that of the answer's label, or of each of several labels, or the number of a regression. A
      text of several windows is explained as a whole: its logit is the mean of theirs;
    - token classification: for each entity, that of its label at its first token, in the window that answers it;
    - question answering: those of the answer's start and end, in the window that it comes from.

    Args:
        model: a `TextClassifier`, a `TokenClassifier` or a `QuestionAnswerer`, on TensorFlow or JAX.
        texts, named: the fields of one example, such as a text and a second one, or a question and its context.
        target: a label to explain in place of the answer's, or the type of entities to explain (`"PER"`); None: what
            the model answers.
        steps: number of points on the path from the baseline to the text. It is doubled, up to 512, until the
            attributions add up to the change of the logit within 1 %. Whether they do is in `Attribution.complete`.
        attention: whether to return attention maps too.

    Raises:
        ConfigError: the task cannot be explained, or there is no such target; `steps` is not a whole number from 1.
        DataError: the answer has nothing to explain, such as a text without an entity.
        TokenizerError: a text is empty, or the fields do not fit the task.
    """
    if not isinstance(steps, int) or steps < 1:
        raise ConfigError(f"steps is {steps!r}: use a whole number from 1, such as {STEPS}")
    check_explained(model.task, target, model.settings)
    columns = [None if each is None else [each] for each in texts]
    (example,) = model.task.examples(*columns, **{name: [value] for name, value in named.items()})
    (answered,) = model.answered([example])
    if not any(of_texts(row).any() for row in answered.rows):
        raise TokenizerError("the text is empty, so there is nothing to explain; give it some words")
    targets = targets_of(model.task, answered, model.settings, target)
    rows = sorted({part.row for each in targets for part in each.parts}) if attention else ()
    return Explanation(
        task=model.task.name,
        fields={name: _as_read(value) for name, value in example.fields.items()},
        answer=model.task.decode(example, answered.rows, answered.outputs, model.settings),
        baseline=baseline_of(model.tokenizer),
        attributions=tuple(_attribution(model, answered, each, steps) for each in targets),
        attention=tuple(attention_map(model, answered.rows[row]) for row in rows),
    )


def baseline_of(tokenizer) -> str:
    """The sentence that says what a text is compared with."""
    pad, first, last = (tokenizer.special[role] for role in ("pad", "cls", "sep"))
    return f"{pad} in place of every token of the texts, between {first} and {last}"


def _attribution(model, answered: Answered, target: Target, steps: int) -> Attribution:
    rows = [answered.rows[part.row] for part in target.parts]
    terms = [term_of(model, row, part) for row, part in zip(rows, target.parts, strict=True)]
    found = integrate(terms, steps=steps, most=max(steps, MOST_STEPS))
    tokens, words = pieces_of(rows, found.attributions, _text_fields(model.task))
    return Attribution(
        target=target.name,
        answer=target.answer,
        score=found.score,
        baseline_score=found.baseline_score,
        steps=found.steps,
        error=found.error,
        complete=found.complete,
        tokens=tokens,
        words=words,
    )


def _as_read(value):
    """A text, or words as one text, as offsets refer to it; numbers as they are."""
    words = isinstance(value, list) and all(isinstance(each, str) for each in value)
    return as_text(value) if words else value


def _text_fields(task) -> Sequence[str]:
    return [each.name for each in task.fields if each.kind != "number"]


def attention_map(model, row: Row) -> AttentionMap:
    """The attention of a row's tokens in every layer and head of a model's encoder.

    Raises:
        ConfigError: the encoder is static.
    """
    model.config.check_blocks("an attention map")
    batch = pad_rows([row], model.graphs()[0])
    with observed("block_*/attention/weights") as seen:
        model.encoder({name: batch[name] for name in model.encoder.input}, training=False)
    weights = np.concatenate([np.asarray(each, "float32") for each in seen.values()])
    return AttentionMap(tokens=tuple(row.encoding.tokens), weights=weights)
