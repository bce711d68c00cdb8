"""Fine-tunes token classification with transformers and PyTorch, for `entities.py`, which compares it with ours.

    python tests/bench/entities_transformers.py --model FOLDER --train FILE --dev FILE --test FILE --seed 0 --out FILE

It runs in an environment that has torch and transformers, and reads CoNLL files whose words are in the first column and
whose tags are in the last. It does what `transformers.Trainer` does by default: AdamW, a rate that falls linearly to 0,
clipping at norm 1, labels on the first piece of each word, texts cut to the length. Writes JSON: the predicted tags of
each sentence of dev and test, and the CPU seconds of training.
"""

import argparse
import json
import random
import time
from pathlib import Path

import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer


def read_conll(path):
    """The words and tags of each sentence."""
    sentences, words, tags = [], [], []
    for line in [*Path(path).read_text(encoding="utf-8").split("\n"), ""]:
        columns = line.split()
        if columns:
            words.append(columns[0])
            tags.append(columns[-1])
        elif words:
            sentences.append((words, tags))
            words, tags = [], []
    return sentences


def padded(rows, filler):
    longest = max(map(len, rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])


def encoded(tokenizer, words, length):
    """Ids, the word of each token, and whether the token is the first of its word."""
    made = tokenizer(words, is_split_into_words=True, truncation=True, max_length=length)
    first, before = [], None
    for word in made.word_ids():
        first.append(word is not None and word != before)
        before = word
    return made["input_ids"], made.word_ids(), first


def batch_of(tokenizer, rows):
    ids = padded([ids for ids, *_ in rows], tokenizer.pad_token_id)
    return {"input_ids": ids, "attention_mask": padded([[1] * len(ids) for ids, *_ in rows], 0)}


def train(model, tokenizer, sentences, labels, given):
    """Returns the CPU and wall seconds."""
    examples = []
    for words, tags in sentences:
        ids, places, first = encoded(tokenizer, words, given.length)
        wanted = [labels.index(tags[place]) if start else -100 for place, start in zip(places, first, strict=True)]
        examples.append((ids, wanted))
    steps = given.epochs * -(-len(examples) // given.batch)
    optimizer = torch.optim.AdamW(model.parameters(), lr=given.rate)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    cpu, wall = time.process_time(), time.perf_counter()
    model.train()
    for epoch in range(given.epochs):
        random.shuffle(examples)
        total = 0.0
        for start in range(0, len(examples), given.batch):
            rows = examples[start : start + given.batch]
            right = padded([wanted for _, wanted in rows], -100)
            loss = model(**batch_of(tokenizer, rows), labels=right).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            total += loss.item()
        print(f"epoch {epoch + 1}: {total * given.batch / len(examples):.4f}", flush=True)
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def predict(model, tokenizer, sentences, labels, given):
    """The predicted tags of each sentence; words that were cut off are O."""
    model.eval()
    found = []
    for start in range(0, len(sentences), 32):
        part = sentences[start : start + 32]
        rows = [encoded(tokenizer, words, given.length) for words, _ in part]
        with torch.no_grad():
            best = model(**batch_of(tokenizer, rows)).logits.argmax(-1).tolist()
        for (words, _), (_, places, firsts), tags in zip(part, rows, best, strict=True):
            predicted = ["O"] * len(words)
            for place, is_first, tag in zip(places, firsts, tags, strict=False):
                if is_first:
                    predicted[place] = labels[tag]
            found.append(predicted)
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "train", "dev", "test", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--length", type=int, default=128)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()

    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    random.seed(given.seed)
    sentences = read_conll(given.train)
    labels = sorted({tag for _, tags in sentences for tag in tags})
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    model = AutoModelForTokenClassification.from_pretrained(given.model, num_labels=len(labels))
    cost = train(model, tokenizer, sentences, labels, given)
    found = {
        name: predict(model, tokenizer, read_conll(getattr(given, name)), labels, given) for name in ("dev", "test")
    }
    Path(given.out).write_text(json.dumps({"cost": cost, **found}), encoding="utf-8")


if __name__ == "__main__":
    main()
