"""Records the tensors that transformers stores for each of its head classes. Needs torch and transformers.

    python tests/checkpoints/record_head_classes.py 5 > tests/checkpoints/head_classes_5.json    # transformers 5.x
    python tests/checkpoints/record_head_classes.py 4 > tests/checkpoints/head_classes_4.json    # transformers 4.30

Each class of each family is saved from a tiny configuration with `save_pretrained`. The file keeps the config.json that
was written and the names and shapes of the tensors in model.safetensors, no numbers.
"""

import json
import sys
import tempfile
from pathlib import Path

import transformers
from safetensors import safe_open

SMALL = {"vocab_size": 105, "max_position_embeddings": 64}
BERT = {**SMALL, "hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 1, "intermediate_size": 64}
CONFIGS = {
    "Bert": lambda: transformers.BertConfig(**BERT),
    "Roberta": lambda: transformers.RobertaConfig(**BERT, type_vocab_size=1),
    "DistilBert": lambda: transformers.DistilBertConfig(**SMALL, dim=32, n_heads=4, n_layers=1, hidden_dim=64),
}
CLASSES = """
Model ForPreTraining ForMaskedLM LMHeadModel ForCausalLM ForNextSentencePrediction ForSequenceClassification
ForTokenClassification ForQuestionAnswering ForMultipleChoice
""".split()  # noqa: SIM905 - a word list reads best as words


def saved(model) -> dict:
    with tempfile.TemporaryDirectory() as folder:
        model.save_pretrained(folder, safe_serialization=True)
        config = json.loads((Path(folder) / "config.json").read_text())
        with safe_open(Path(folder) / "model.safetensors", framework="numpy") as tensors:
            shapes = {name: tensors.get_slice(name).get_shape() for name in sorted(tensors.keys())}
    return {"config": config, "tensors": shapes}


def main(major: str) -> None:
    if transformers.__version__.partition(".")[0] != major:
        sys.exit(f"this Python has transformers {transformers.__version__}, not {major}.x")
    names = [f"{family}{head}" for family in CONFIGS for head in CLASSES]
    classes = {name: getattr(transformers, name) for name in names if hasattr(transformers, name)}
    found = {
        name: saved(head(CONFIGS[next(family for family in CONFIGS if name.startswith(family))]()))
        for name, head in classes.items()
    }
    lines = ",\n".join(f" {json.dumps(name)}: {json.dumps(found[name])}" for name in found)
    print(f"{{\n{lines}\n}}")


if __name__ == "__main__":
    main(*sys.argv[1:])
