"""Records requests as TensorFlow Serving's own classes write them. Needs TensorFlow and tensorflow-serving-api.

    python tests/parity/record_serving.py                        # writes fixtures/serving.tfrecord
    python tests/parity/record_serving.py --check SAVED_MODEL    # reads the warm-up requests of a SavedModel

The tests read the fixture with a descriptor of their own, and have ours write the same bytes.
"""

import argparse
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow_serving.apis.model_pb2 import ModelSpec
from tensorflow_serving.apis.predict_pb2 import PredictRequest
from tensorflow_serving.apis.prediction_log_pb2 import PredictionLog, PredictLog

FIXTURE = Path(__file__).parent / "fixtures" / "serving.tfrecord"
LONG = "a text of more than 127 bytes, whose length takes two bytes in protobuf's encoding " * 2
CASES = [
    ("classify", {"text": ["a lovely film"]}),
    ("classify_pair", {"text": ["Is it good?", LONG], "text_pair": ["It is.", "caf\u00e9 \u5f88\u597d"]}),
    ("predict", {"input_ids": np.int32([[2, 41, 3], [2, 3, 0]]), "attention_mask": np.int32([[1, 1, 1], [1, 1, 0]])}),
]


def record() -> None:
    with tf.io.TFRecordWriter(str(FIXTURE)) as writer:
        for signature, inputs in CASES:
            tensors = {name: tf.make_tensor_proto(value) for name, value in inputs.items()}
            request = PredictRequest(model_spec=ModelSpec(signature_name=signature), inputs=tensors)
            log = PredictionLog(predict_log=PredictLog(request=request))
            writer.write(log.SerializeToString(deterministic=True))


def check(saved_model: Path) -> None:
    path = saved_model / "assets.extra" / "tf_serving_warmup_requests"
    signatures = tf.saved_model.load(str(saved_model)).signatures
    for record in tf.data.TFRecordDataset([str(path)]).as_numpy_iterator():
        log = PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        log.DiscardUnknownFields()
        assert len(log.SerializeToString()) == len(record)
        request = log.predict_log.request
        name, inputs = request.model_spec.signature_name, {k: tf.make_ndarray(v) for k, v in request.inputs.items()}
        outputs = signatures[name](**{name: tf.constant(value) for name, value in inputs.items()})
        shapes = [{k: tuple(v.shape) for k, v in values.items()} for values in (inputs, outputs)]
        print(name, *shapes)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", type=Path, metavar="SAVED_MODEL")
    options = parser.parse_args()
    if options.check is None:
        record()
    else:
        import tensorflow_text  # noqa: F401 - registers the ops of the signatures for texts

        check(options.check)
