"""Records what transformers' pipeline fill-mask answers with the tiny random models of tests/parity/fixtures.

    pip install transformers torch
    python tests/tasks/record_fill_mask.py

The texts have [MASK], which stands for the mask token of each model.
"""

import json
from pathlib import Path

import torch
import transformers

HERE = Path(__file__).parent
FIXTURES = HERE.parent / "parity" / "fixtures"
FOLDERS = ("bert", "roberta_mlm", "distilbert_mlm")
CASES = (
    ("the dog is [MASK].", {}),
    ("[MASK]", {"top_k": 2}),
    ("Hello, my [MASK] is [MASK], and the dog was 1984!", {"top_k": 3}),
    ("a lovely film that [MASK] its time", {"top_k": 40}),
    ("my dog[MASK] is cute", {"targets": ["d", "a", "d"]}),
    ("The [MASK] was the [MASK]", {"targets": ["t", "a", "d"], "top_k": 2}),
)


def main():
    torch.set_num_threads(1)
    recorded = {}
    for folder in FOLDERS:
        ask = transformers.pipeline("fill-mask", model=str(FIXTURES / folder), device="cpu")
        mask = ask.tokenizer.mask_token
        recorded[folder] = [
            {"text": text, "settings": settings, "answer": ask(text.replace("[MASK]", mask), **settings)}
            for text, settings in CASES
        ]
    text = json.dumps({"transformers": transformers.__version__, "answers": recorded}, ensure_ascii=False)
    (HERE / "fill_mask.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
