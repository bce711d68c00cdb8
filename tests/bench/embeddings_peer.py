"""Trains sentence embeddings with sentence-transformers, for `embeddings.py`, which compares it with ours.

    python tests/bench/embeddings_peer.py --model FOLDER --out RESULTS --seed 0

It runs in an environment that has sentence-transformers, and reads RESULTS/train.jsonl and RESULTS/dev.jsonl. It trains
with the recipe of `embeddings.py`, by the trainer, the loss and the batches without duplicates that the project's
documentation recommends for pairs. Writes RESULTS/peer_SEED.npz.
"""

import argparse
import json
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from datasets import Dataset
from sentence_transformers import SentenceTransformer, SentenceTransformerTrainer, SentenceTransformerTrainingArguments
from sentence_transformers.sentence_transformer import losses, modules
from sentence_transformers.sentence_transformer.training_args import BatchSamplers

LENGTH = 128


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def train(model, pairs: list[dict], seed: int, folder: str) -> dict:
    """Returns the CPU and wall seconds."""
    cpu, wall = time.process_time(), time.perf_counter()
    arguments = SentenceTransformerTrainingArguments(
        output_dir=folder,
        num_train_epochs=1,
        per_device_train_batch_size=64,
        learning_rate=5e-5,
        warmup_ratio=0.1,
        weight_decay=0.01,
        max_grad_norm=1.0,
        lr_scheduler_type="linear",
        batch_sampler=BatchSamplers.NO_DUPLICATES,
        seed=seed,
        save_strategy="no",
        report_to="none",
        logging_steps=10,
        use_cpu=True,
    )
    loss = losses.MultipleNegativesRankingLoss(model)
    SentenceTransformerTrainer(model=model, args=arguments, train_dataset=Dataset.from_list(pairs), loss=loss).train()
    return {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()

    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    encoder = modules.Transformer(given.model, max_seq_length=LENGTH)
    model = SentenceTransformer(modules=[encoder, modules.Pooling(encoder.get_word_embedding_dimension(), "mean")])
    with tempfile.TemporaryDirectory() as folder:
        cost = train(model, read(given.out / "train.jsonl"), given.seed, folder)
    dev = read(given.out / "dev.jsonl")
    sides = {"questions": [pair["anchor"] for pair in dev]}
    sides["sentences"] = list(dict.fromkeys(pair["positive"] for pair in dev))
    vectors = {side: model.encode(texts, batch_size=64, normalize_embeddings=True) for side, texts in sides.items()}
    np.savez(given.out / f"peer_{given.seed}.npz", **vectors, **cost)


if __name__ == "__main__":
    main()
