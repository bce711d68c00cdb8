"""Records what transformers' TensorFlow classes write and compute.

    TF_USE_LEGACY_KERAS=1 python tests/checkpoints/record_h5_classes.py

It needs a Python that has TensorFlow, tf-keras and transformers 4.x. It writes `h5_classes.json`: per class
config.json, the names and shapes of the datasets in tf_model.h5, and the outputs for `h5_classes.INPUTS` with the
numbers of `h5_classes.numbers`; and `tf_model.h5.gz`, the file of TFBertForPreTraining as it was written.
"""

import gzip
import json
import tempfile
from pathlib import Path

import h5py
import numpy as np
import tensorflow as tf
import transformers
from h5_classes import INPUTS, RECORDED, numbers

SMALL = {"vocab_size": 12, "max_position_embeddings": 8}
BERT = {**SMALL, "hidden_size": 8, "num_attention_heads": 2, "num_hidden_layers": 1, "intermediate_size": 12}
CONFIGS = {
    "Bert": lambda **labels: transformers.BertConfig(**BERT, **labels),
    "Roberta": lambda **labels: transformers.RobertaConfig(**BERT, **labels, type_vocab_size=1, layer_norm_eps=1e-5),
    "DistilBert": lambda **labels: transformers.DistilBertConfig(
        **SMALL, **labels, dim=8, n_heads=2, n_layers=1, hidden_dim=12
    ),
}
CLASSES = """
Model ForPreTraining ForMaskedLM ForNextSentencePrediction ForSequenceClassification ForTokenClassification
ForQuestionAnswering ForMultipleChoice
""".split()  # noqa: SIM905 - a word list reads best as words


def record(name: str, model) -> dict:
    many = name.endswith("MultipleChoice")
    inputs = {key: tf.constant(value)[None] if many else tf.constant(value) for key, value in INPUTS.items()}
    model(inputs)
    for variable in model.weights:
        variable.assign(numbers(variable.name, variable.shape))
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder)
        config = json.loads((Path(folder) / "config.json").read_text())
        layers = {}
        with h5py.File(Path(folder) / "tf_model.h5") as file:
            for layer in file.attrs["layer_names"]:
                shapes = {path: list(file[layer][path].shape) for path in file[layer].attrs["weight_names"]}
                layers |= {layer: shapes} if shapes else {}
        if name == "TFBertForPreTraining":
            content = (Path(folder) / "tf_model.h5").read_bytes()
            (RECORDED.parent / "tf_model.h5.gz").write_bytes(gzip.compress(content, mtime=0))
    outputs = {
        key: np.asarray(value, "float64").round(7).tolist() for key, value in model(inputs).items() if key != "loss"
    }
    return {"config": config, "layers": layers, "outputs": outputs}


def main() -> None:
    found = {}
    for family, config in CONFIGS.items():
        for head in CLASSES:
            name = f"TF{family}{head}"
            if hasattr(transformers, name):
                found[name] = record(
                    name, getattr(transformers, name)(config(num_labels=2 if head == "ForQuestionAnswering" else 3))
                )
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(one)}" for name, one in found.items())
    RECORDED.write_text(f"{{\n{lines}\n}}\n")


if __name__ == "__main__":
    main()
