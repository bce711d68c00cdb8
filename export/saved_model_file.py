"""SavedModel: ids in or raw text in, for TF Serving and plain TensorFlow."""

from pathlib import Path

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
    """Writes a model as a SavedModel.

    Signatures: `ids` takes the model's inputs, int32 (batch, length); `text` takes `text`, strings (batch,), and is the
    default; `text_pair` takes `text` and `text_pair`. All give the task's outputs, and a classifier's also `scores`,
    float32 (batch, labels). The text signatures exist for WordPiece vocabularies; without them `ids` is the default.
    """
    scores = SCORES.get(model.problem_type)

    def answer(inputs: dict) -> dict:
        outputs = model.export_outputs(inputs)
        return outputs if scores is None else {**outputs, "scores": scores(outputs["logits"])}

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
    """The signatures `ids` and, where there is one, `text`, as functions to outputs by name.

    The second takes `{"text": strings, "text_pair": strings or None}`.
    """
    with quiet():
        loaded = tf.saved_model.load(str(path))
    names = list(loaded.signatures["ids"].structured_input_signature[1])

    def ask(signature: str, inputs: dict) -> dict:
        return {name: output.numpy() for name, output in loaded.signatures[signature](**inputs).items()}

    def ids(batch: dict) -> dict:
        return ask("ids", {name: tf.constant(batch[name], tf.int32) for name in names})

    def text(batch: dict) -> dict:
        given = {name: tf.constant(values) for name, values in batch.items() if values is not None}
        return ask("text_pair" if "text_pair" in given else "text", given)

    return ids, text if "text" in loaded.signatures else None
