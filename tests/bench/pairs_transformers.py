"""Fine-tunes pairs of texts with transformers and PyTorch, for `pairs.py`, which compares it with ours.

    python tests/bench/pairs_transformers.py --model FOLDER --train FILE --test FILE --seed 0 --out FILE

It runs in an environment that has torch and transformers, and reads JSON lines with `text`, `text_pair` and `label`. It
does what transformers' example `run_glue.py` does, with the recipe of `pairs.py`: AdamW without decay of vectors, a
rate that grows in the first tenth of the steps and falls linearly to 0, clipping at norm 1. Writes JSON: the answer to
each test pair, and the CPU seconds of training.
"""

import argparse
import json
import random
import time
from pathlib import Path

import torch
from transformers import AutoModelForSequenceClassification, AutoTokenizer, get_linear_schedule_with_warmup


def read(path):
    return [json.loads(line) for line in Path(path).read_text(encoding="utf-8").splitlines()]


def batch_of(tokenizer, pairs, length):
    texts = ([pair[name] for pair in pairs] for name in ("text", "text_pair"))
    return tokenizer(*texts, truncation=True, max_length=length, padding=True, return_tensors="pt")


def train(model, tokenizer, pairs, labels, given):
    """Returns the CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    total = given.epochs * -(-len(pairs) // given.batch)
    decayed = [{"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": 0.01}]
    decayed += [{"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(decayed, lr=given.rate)
    schedule = get_linear_schedule_with_warmup(optimizer, round(0.1 * total), total)
    model.train()
    for epoch in range(given.epochs):
        random.shuffle(pairs)
        losses = []
        for start in range(0, len(pairs), given.batch):
            part = pairs[start : start + given.batch]
            right = torch.tensor([labels.index(pair["label"]) for pair in part])
            loss = model(**batch_of(tokenizer, part, given.length), labels=right).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            losses.append(loss.item())
        print(f"epoch {epoch + 1}: {sum(losses) / len(losses):.4f}", flush=True)
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def predict(model, tokenizer, pairs, labels, given):
    """The label of each pair."""
    model.eval()
    found = []
    for start in range(0, len(pairs), 32):
        with torch.no_grad():
            logits = model(**batch_of(tokenizer, pairs[start : start + 32], given.length)).logits
        found += [labels[i] for i in logits.argmax(-1).tolist()]
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "train", "test", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=4)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()

    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    random.seed(given.seed)
    pairs = read(given.train)
    labels = sorted({pair["label"] for pair in pairs})
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    model = AutoModelForSequenceClassification.from_pretrained(given.model, num_labels=len(labels))
    cost = train(model, tokenizer, pairs, labels, given)
    answers = predict(model, tokenizer, read(given.test), labels, given)
    Path(given.out).write_text(json.dumps({"cost": cost, "answers": answers}), encoding="utf-8")


if __name__ == "__main__":
    main()
