"""The functions behind a SavedModel's signatures for texts: tokens, the model, and the averages of windows."""

import logging
from collections.abc import Callable, Sequence

import tensorflow as tf

from kerasbert.export.formats.inputs import specifications
from kerasbert.export.formats.saved_model.choices import as_rows, by_example
from kerasbert.export.formats.saved_model.masks import rows_around_masks
from kerasbert.export.formats.saved_model.sentences import rows_of_sentences, scores_of_sentences
from kerasbert.export.formats.texts import why_not
from kerasbert.tasks.encoding import prompt_of
from kerasbert.tasks.numbers import numbers_of
from kerasbert.tasks.sources import SENTENCE_SCORES
from kerasbert.tasks.task import Task
from kerasbert.tf.windows import averaged, windows
from kerasbert.tf.wordpiece import InGraphWordPiece

log = logging.getLogger("kerasbert")
TOLD = ("offsets", "words", "truncated", SENTENCE_SCORES)
"""What signatures for texts tell of the tokens, if the task has an output per token, and of sentences."""


def text_signatures(task: Task) -> dict[str, tuple[str, ...]]:
    """The signatures for texts that a task's SavedModel has: name -> the fields that it takes, texts before numbers.

    Empty if the task's examples are not one or two texts, a text and its choices, or sentences: no row can be made of
    them in the graph.
    """
    verb, required = task.words.verb, tuple(each.name for each in task.fields if each.required)
    every = tuple(each.name for each in task.fields)
    texts = [each for each in task.fields if each.kind != "number"]
    strings = all(each.holds("") or each.kind == "texts" for each in texts)
    if not strings or not 1 <= sum(each.required for each in texts) <= len(texts) <= 2:
        return {}
    return {verb: required} if required == every else {verb: required, f"{verb}_pair": every}


def tokenizer_in_graph(model, *, instead: str) -> InGraphWordPiece | None:
    """The model's tokenizer in the graph. None if the graph cannot have it; a line says why.

    Args:
        instead: the signatures that the line names.

    Raises:
        TokenizerError: the graph cannot follow the tokenizer.
    """
    reason = why_not(model.tokenizer.options(), model.graphs()[-1])
    if reason is None:
        return InGraphWordPiece(model.tokenizer)
    log.info("SavedModel: no signature for texts: %s; tokenise on the host and use %s", reason, instead)
    return None


def function_of_texts(model, tokenizer: InGraphWordPiece, names: Sequence[str], scored: Callable) -> Callable:
    """Makes the function of a signature for texts.

    Args:
        model: the Keras model. tokenizer: its tokenizer in the graph.
        names: the fields that the function takes, texts before numbers.
        scored: outputs by name and the mask of the rows -> the same outputs, with scores.
    """
    graph = model.graphs()[0]
    numbers = {each.name: specifications(graph)[each.name] for each in numbers_of([graph])}
    placed, prompt = bool(graph.by_token), prompt_of(model.settings)

    lists = [each.name for each in model.task.fields if each.lists_texts]
    sentences = [each.name for each in model.task.fields if each.kind == "text or texts"]

    def cut(texts: dict) -> dict:
        rows = as_rows(texts, lists)
        first, *others = (rows[name] for name in names if name not in numbers)
        read = (tf.strings.join([prompt, first]) if prompt else first, *others)
        encoded = tokenizer(*read, max_length=model.max_length, offsets=placed, cut=model.task.cut)
        told = {name: encoded[name] for name in TOLD if name in encoded}
        given = {name: (texts if name in numbers else encoded)[name] for name in model.input}
        found = scored(model.export_outputs(given), encoded["attention_mask"]) | told
        return by_example(found, texts[lists[0]]) if lists else found

    def around_masks(texts: dict) -> dict:
        rows = rows_around_masks(model, tokenizer, texts["text"])
        return scored(model.export_outputs({name: rows[name] for name in model.input}), rows["attention_mask"])

    def by_sentence(texts: dict) -> dict:
        given = texts[sentences[0]]
        rows, sentence, truncated = rows_of_sentences(tokenizer, given, max_length=model.max_length)
        found = scored(model.export_outputs({name: rows[name] for name in model.input}), rows["attention_mask"])
        scores = scores_of_sentences(found[graph.outputs[0].name], sentence, given)
        return found | {SENTENCE_SCORES: scores, "truncated": truncated}

    def in_windows(texts: dict) -> dict:
        read = (texts[name] for name in names if name not in numbers)
        rows, example = windows(tokenizer, *read, max_length=model.max_length)
        given = rows | {name: tf.gather(texts[name], example) for name in numbers}
        outputs, mask = model.export_outputs({name: given[name] for name in model.input}), rows["attention_mask"]
        return scored({name: averaged(values, mask, example) for name, values in outputs.items()}, mask)

    sizes = {name: (None, None) if name in lists else (None,) for name in names}
    taken = {name: numbers.get(name, tf.TensorSpec(sizes[name], tf.string, name=name)) for name in names}
    read = around_masks if "mlm_positions" in model.input else in_windows if model.task.averages else cut
    read = by_sentence if sentences else read
    return tf.function(read, autograph=False, input_signature=[taken])
