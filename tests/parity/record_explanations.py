"""Records explanations of the tiny classifiers: captum's integrated gradients, and transformers' attention maps.

    python tests/parity/record_explanations.py

It needs a Python that has torch, transformers (5.x) and captum (0.8). It reads the folders that
`record_transformers.py` and `record_tokens.py` wrote, and writes `fixtures/explanations.npz`, arrays `NAME.CASE.WHAT`:

| what | shape |
|---|---|
| `input_ids` | (tokens,) |
| `attention` | (layers, heads, tokens, tokens), of short texts |
| `scores` | (2,), the logit of the text and of the baseline |
| `attributions` | (tokens,), with Gauss-Legendre's rule at `STEPS` points |

What is explained is the largest logit of a text, or of its third token.
"""

from pathlib import Path

import numpy as np
import torch
import transformers
from captum.attr import LayerIntegratedGradients
from record_transformers import FIXTURES, TEXTS, open_folder

NAMES = ("bert_classifier", "roberta_classifier", "distilbert_classifier", "bert_tokens")
CASES = {"one": TEXTS[:1], "pair": TEXTS[:2]}
STEPS = 20
TOKEN = 3
MOST_NUMBERS = 4000
"""The attention of a longer case is left out, as the fixture would become large."""


def explained(folder: Path, texts: list[str]) -> dict:
    """The arrays of one case."""
    model, tokenizer = open_folder(folder), transformers.AutoTokenizer.from_pretrained(folder)
    model = model.double()  # so that the reference is exact to the last digit of float32
    batch = dict(tokenizer(*texts, return_tensors="pt"))
    special = torch.tensor(tokenizer.get_special_tokens_mask(batch["input_ids"][0], already_has_special_tokens=True))
    baseline = torch.where(special.bool(), batch["input_ids"], tokenizer.pad_token_id)

    def logits(ids, *others):
        found = model(input_ids=ids, **dict(zip(list(batch)[1:], others, strict=True))).logits
        return found[:, TOKEN] if found.ndim == 3 else found

    others = tuple(batch.values())[1:]
    words = model.base_model.embeddings.word_embeddings
    with torch.no_grad():
        attention = torch.stack(model(**batch, output_attentions=True).attentions)[:, 0]
        label = int(logits(batch["input_ids"], *others).argmax())
    method = LayerIntegratedGradients(logits, words)
    attributions = method.attribute(batch["input_ids"], baseline, label, others, n_steps=STEPS, method="gausslegendre")
    # The baseline's logit with the positions of the text: those of RoBERTa follow from the ids.
    with torch.no_grad():
        vectors = words(baseline)
        hook = words.register_forward_hook(lambda *_: vectors)
        scores = [float(logits(batch["input_ids"], *others)[0, label])]
        hook.remove()
        scores.insert(0, float(logits(batch["input_ids"], *others)[0, label]))
    arrays = {"input_ids": batch["input_ids"][0], "attention": attention, "attributions": attributions[0].sum(-1)}
    found = {name: np.asarray(x.detach()) for name, x in arrays.items()}
    return {**found, "scores": np.array(scores), "attention": found["attention"].astype("float32")}


def main() -> None:
    torch.set_num_threads(1)
    arrays = {}
    for name in NAMES:
        for case, texts in CASES.items():
            found = explained(FIXTURES / name, texts)
            kept = {what: x for what, x in found.items() if what != "attention" or x.size <= MOST_NUMBERS}
            arrays |= {f"{name}.{case}.{what}": x for what, x in kept.items()}
            gap = found["attributions"].sum() - found["scores"][0] + found["scores"][1]
            print(name, case, found["input_ids"].size, "tokens;", found["scores"], f"the sum is off by {gap:.1e}")
    np.savez_compressed(FIXTURES / "explanations.npz", **arrays)


if __name__ == "__main__":
    main()
