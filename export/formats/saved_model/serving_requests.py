"""Requests that TensorFlow Serving answers when it loads a SavedModel, so that no client waits for the first answer.

The first call of a signature takes far longer than later ones, because TensorFlow prepares it then. The server runs the
requests in `assets.extra/tf_serving_warmup_requests` before it takes others
(tensorflow.org/tfx/serving/saved_model_warmup).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from kerasbert.protobuf import field

FILE = Path("assets.extra", "tf_serving_warmup_requests")
BATCHES = (["a lovely film"], ["a lovely film " * 400], ["a lovely film"] * 8)
"""The texts of a signature's requests: one short text, one longer than the model takes, and eight at once."""


def write_requests(saved_model: Path, requests: Iterable[tuple[str, Mapping[str, np.ndarray]]]) -> None:
    """Writes requests, each a signature and its inputs, into a SavedModel."""
    path = saved_model / FILE
    path.parent.mkdir()
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, inputs in requests:
            writer.write(prediction_log(signature, inputs))


def prediction_log(signature: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """A `PredictionLog` that holds a `PredictRequest`.

    Field numbers are those of tensorflow_serving/apis: prediction_log.proto (`PredictionLog.predict_log` 6,
    `PredictLog.request` 1), predict.proto (`PredictRequest.model_spec` 1, `.inputs` 2), model.proto
    (`ModelSpec.signature_name` 3). The model's name is left out, since the server knows which one it loads. An entry
    of a map is a message with a key, 1, and a value, 2.
    """
    request = field(1, field(3, signature.encode()))
    for name, value in inputs.items():
        tensor = tf.make_tensor_proto(value).SerializeToString()
        request += field(2, field(1, name.encode()) + field(2, tensor))
    return field(6, field(1, request))
