"""Records the ids that transformers gives with the folders of tokenizer_folders.py. Needs a Python that has it (5.x).

python tests/checkpoints/record_tokenizer_folders.py
"""

import json
import tempfile
from pathlib import Path

import transformers
from tokenizer_folders import ADDED, ADDED_TEXTS, MAKERS, PLAIN, TEXTS
from transformers import BertTokenizer, RobertaTokenizer

CLASSES = {"wordpiece": BertTokenizer, "bytepair": RobertaTokenizer}


def main() -> None:
    recorded = {"transformers": transformers.__version__}
    with tempfile.TemporaryDirectory() as place:
        for kind, (make, folders) in MAKERS.items():
            recorded[kind] = {}
            for index, (name, files) in enumerate(folders.items()):
                folder = Path(place) / f"{kind}{index}"
                make(folder, files)
                tokenizer = CLASSES[kind].from_pretrained(folder)
                recorded[kind][name] = {"size": len(tokenizer), "ids": tokenizer(TEXTS)["input_ids"]}
            recorded[f"{kind} with tokens"] = {}
            for name, (tokens, special) in ADDED.items():
                folder = Path(place) / f"{kind} {name}"
                make(folder, {"tokenizer_config.json": PLAIN} if kind == "wordpiece" else {})
                tokenizer = CLASSES[kind].from_pretrained(folder)
                tokenizer.add_tokens(tokens, special_tokens=special)
                recorded[f"{kind} with tokens"][name] = tokenizer(ADDED_TEXTS)["input_ids"]
    path = Path(__file__).parent / "tokenizer_folders.json"
    path.write_text(json.dumps(recorded, separators=(",", ":")) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
