"""SavedModel: ids in or raw text in, for TF Serving and plain TensorFlow."""

from pathlib import Path

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401 - registers the ops of the text signature

from kerasbert.export.saved_module import save_module
from kerasbert.quiet import quiet
from kerasbert.runtime.interpreter import Run

SCORES = {
    "single_label_classification": tf.nn.softmax,
    "multi_label_classification": tf.nn.sigmoid,
    "regression": tf.identity,
}


def write_saved_model(model, path: Path) -> None:
    """Writes a classifier as a SavedModel.

    Signatures: `ids` takes the model's inputs, int32 (batch, length); `text` takes `text`, strings (batch,), and is the
    default; `text_pair` takes `text` and `text_pair`. All give `logits` and `scores`, float32 (batch, labels). The text
    signatures exist for WordPiece vocabularies; without them `ids` is the default.
    """
    scores = SCORES[model.problem_type]

    def answer(inputs: dict) -> dict:
        logits = model(inputs, training=False)
        return {"logits": logits, "scores": scores(logits)}

    # Nothing below has a branch on tensors, and AutoGraph would rewrite every function called, for seconds.
    module = tf.Module()
    module.weights = [variable.value for variable in model.variables]
    ids = tf.function(
        answer,
        autograph=False,
        input_signature=[{name: tf.TensorSpec((None, None), tf.int32, name=name) for name in model.encoder.input}],
    )
    signatures = {"ids": ids, "serving_default": ids}
    if model.tokenizer.kind == "wordpiece":
        from kerasbert.tokenizers.in_graph import InGraphWordPiece

        module.tokenizer = InGraphWordPiece(model.tokenizer)

        def answer_text(text, text_pair=None) -> dict:
            encoded = module.tokenizer(text, text_pair, max_length=model.max_length)
            return answer({name: encoded[name] for name in model.encoder.input})

        def strings(name):
            return tf.TensorSpec((None,), tf.string, name=name)

        text = tf.function(answer_text, autograph=False, input_signature=[strings("text")])
        text_pair = tf.function(answer_text, autograph=False, input_signature=[strings("text"), strings("text_pair")])
        signatures |= {"text": text, "text_pair": text_pair, "serving_default": text}
    save_module(module, path, signatures)


def open_saved_model(path: Path) -> tuple[Run, Run | None]:
    """The signatures `ids` and, where there is one, `text`, as functions to logits.

    The second takes `{"text": strings, "text_pair": strings or None}`.
    """
    with quiet():
        loaded = tf.saved_model.load(str(path))
    names = list(loaded.signatures["ids"].structured_input_signature[1])

    def ids(batch: dict) -> np.ndarray:
        return loaded.signatures["ids"](**{name: tf.constant(batch[name], tf.int32) for name in names})[
            "logits"
        ].numpy()

    def text(batch: dict) -> np.ndarray:
        given = {name: tf.constant(values) for name, values in batch.items() if values is not None}
        return loaded.signatures["text_pair" if "text_pair" in given else "text"](**given)["logits"].numpy()

    return ids, text if "text" in loaded.signatures else None
