"""Records DistilBERT's triple loss and its gradients with torch's own losses. Needs a Python that has torch.

python tests/training/record_distillation.py

The three losses, their reductions and factors are those of huggingface/transformers,
research_projects/distillation/distiller.py with --mlm --restrict_ce_to_mask and the README's factors.
"""

import json
from pathlib import Path

import numpy as np
import torch

ROWS, LENGTH, WORDS, WIDTH = 2, 6, 11, 5
TEMPERATURE, SOFT, MLM, COSINE = 2.0, 5.0, 2.0, 1.0


def main() -> None:
    chance = np.random.default_rng(0)
    logits = {who: chance.normal(0, 2, (ROWS, LENGTH, WORDS)).astype("float32") for who in ("teacher", "student")}
    states = {who: chance.normal(0, 1, (ROWS, LENGTH, WIDTH)).astype("float32") for who in ("teacher", "student")}
    labels = np.full((ROWS, LENGTH), -100)
    labels[0, [1, 3]], labels[1, 2] = [4, 7], 9
    attention_mask = np.array([[1, 1, 1, 1, 1, 0], [1, 1, 1, 1, 0, 0]])

    learned = {name: torch.tensor(x["student"], requires_grad=True) for name, x in (("l", logits), ("s", states))}
    chosen, real = torch.tensor(labels) != -100, torch.tensor(attention_mask) == 1
    soft = torch.nn.KLDivLoss(reduction="batchmean")(
        torch.log_softmax(learned["l"][chosen] / TEMPERATURE, -1),
        torch.softmax(torch.tensor(logits["teacher"])[chosen] / TEMPERATURE, -1),
    )
    soft = soft * TEMPERATURE**2
    mlm = torch.nn.CrossEntropyLoss(ignore_index=-100)(learned["l"].view(-1, WORDS), torch.tensor(labels).view(-1))
    kept = learned["s"][real]
    cosine = torch.nn.CosineEmbeddingLoss()(kept, torch.tensor(states["teacher"])[real], torch.ones(len(kept)))
    loss = SOFT * soft + MLM * mlm + COSINE * cosine
    loss.backward()
    record = {
        "torch": torch.__version__,
        "logits": {who: x.tolist() for who, x in logits.items()},
        "states": {who: x.tolist() for who, x in states.items()},
        "labels": labels.tolist(),
        "attention_mask": attention_mask.tolist(),
        "losses": {"soft": soft.item(), "mlm": mlm.item(), "cosine": cosine.item()},
        "loss": loss.item(),
        "gradients": {"logits": learned["l"].grad.tolist(), "states": learned["s"].grad.tolist()},
    }
    Path(__file__).with_name("distillation.json").write_text(json.dumps(record) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
