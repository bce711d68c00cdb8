"""Every tiny folder on the backend that KERAS_BACKEND names, against the recorded outputs; prints a line a folder.

KERAS_BACKEND=jax python tests/parity/compare_on_jax.py
"""

import sys

import keras
import test_explanations as explanations
from test_transformers import ENCODERS, FIXTURES, assert_close, inputs_of, real_words, recorded

from kerasbert import BertEncoder, TextClassifier
from kerasbert.models.opening import open_model
from kerasbert.models.pretraining import PretrainingModel

TASKS = {
    "bert": PretrainingModel,
    "bert_classifier": TextClassifier,
    "roberta_mlm": PretrainingModel,
    "roberta_classifier": TextClassifier,
    "distilbert_mlm": PretrainingModel,
    "distilbert_classifier": TextClassifier,
}


def compare(model, name: str) -> None:
    for label, case in recorded(name).items():
        found = model(inputs_of(model, case))
        for output, value in found.items() if isinstance(found, dict) else [("logits", found)]:
            real = {"sequence_output": case["attention_mask"], "mlm_logits": real_words(case)}.get(output)
            assert_close(value, case[output], case=f"{name} {label} {output}", real=real, tolerance=1e-4)


if __name__ == "__main__":
    for folder in ENCODERS:
        compare(BertEncoder.from_pretrained(FIXTURES / folder), folder)
        if folder in TASKS:
            compare(TASKS[folder].from_pretrained(FIXTURES / folder), folder)
        print(f"{folder} is the same on {keras.backend.backend()}")
    for folder in explanations.NAMES:
        explained = open_model(FIXTURES / folder)
        explained.folder = folder
        explanations.compare_attention(explained, 1e-5)
        explanations.test_integrated_gradients_are_those_of_captum(explained, "one")
        print(f"{folder} is explained on {keras.backend.backend()}")
    if keras.backend.backend() != "tensorflow" and "tensorflow" in sys.modules:
        sys.exit("the models import TensorFlow, which only the TensorFlow backend should")
