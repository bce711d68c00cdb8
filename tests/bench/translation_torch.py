"""Trains the model of `translation.py` in PyTorch: the same shape, recipe, vocabulary and batches.

    python tests/bench/translation_torch.py --out RESULTS --budget 1200

It runs in an environment that has torch and NumPy, with one thread, and reads RESULTS/pairs.npz and RESULTS/pairs.json.
After each epoch it writes a line into RESULTS/peer.jsonl: the CPU seconds of training, without those of measuring, the
loss of val, and the ids of the translations of the sample of val, without beams. The schedule is that of the whole run;
training ends after the epoch in which `--budget` CPU seconds have passed.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F


class Attention(nn.Module):
    def __init__(self, size: int, heads: int):
        super().__init__()
        self.heads = heads
        self.query, self.key, self.value, self.output = (nn.Linear(size, size) for _ in range(4))

    def forward(self, x, states, mask=None, causal=False):
        q, k, v = (
            layer(each).unflatten(-1, (self.heads, -1)).transpose(1, 2)
            for layer, each in ((self.query, x), (self.key, states), (self.value, states))
        )
        found = F.scaled_dot_product_attention(q, k, v, attn_mask=mask, is_causal=causal)
        return self.output(found.transpose(1, 2).flatten(2))


class Block(nn.Module):
    """The norms come first, as in our run."""

    def __init__(self, size: int, heads: int, inner: int, dropout: float, *, cross: bool):
        super().__init__()
        self.attention, self.norm = Attention(size, heads), nn.LayerNorm(size)
        self.cross = Attention(size, heads) if cross else None
        self.cross_norm = nn.LayerNorm(size) if cross else None
        self.inner, self.output, self.output_norm = nn.Linear(size, inner), nn.Linear(inner, size), nn.LayerNorm(size)
        self.dropout = nn.Dropout(dropout)

    def forward(self, x, mask, states=None):
        normed = self.norm(x)
        own = {"causal": True} if self.cross else {"mask": mask}
        x = x + self.dropout(self.attention(normed, normed, **own))
        if self.cross:
            x = x + self.dropout(self.cross(self.cross_norm(x), states, mask=mask))
        return x + self.dropout(self.output(F.relu(self.inner(self.output_norm(x)))))


class Part(nn.Module):
    """The encoder or the decoder."""

    def __init__(self, words: nn.Embedding, shape: dict, *, cross: bool):
        super().__init__()
        size, dropout = shape["hidden_size"], shape["hidden_dropout_prob"]
        sizes = (size, shape["num_attention_heads"], shape["intermediate_size"], dropout)
        self.words, self.places = words, nn.Embedding(shape["max_position_embeddings"], size)
        self.norm, self.dropout, self.last = nn.LayerNorm(size), nn.Dropout(dropout), nn.LayerNorm(size)
        self.blocks = nn.ModuleList(Block(*sizes, cross=cross) for _ in range(shape["num_hidden_layers"]))

    def forward(self, ids, mask, states=None):
        x = self.words(ids) + self.places.weight[: ids.shape[1]]
        x = self.dropout(self.norm(x))
        for block in self.blocks:
            x = block(x, mask, states)
        return self.last(x)


class Translator(nn.Module):
    def __init__(self, shape: dict):
        super().__init__()
        size = shape["hidden_size"]
        self.words = nn.Embedding(shape["vocab_size"], size)
        self.encoder, self.decoder = (Part(self.words, shape, cross=cross) for cross in (False, True))
        self.transform, self.norm = nn.Linear(size, size), nn.LayerNorm(size)
        self.bias = nn.Parameter(torch.zeros(shape["vocab_size"]))
        for module in self.modules():
            if isinstance(module, nn.Linear | nn.Embedding):
                nn.init.trunc_normal_(module.weight, std=shape["initializer_range"], a=-0.1, b=0.1)
            if isinstance(module, nn.Linear):
                nn.init.zeros_(module.bias)

    def encode(self, source):
        mask = (source != 0)[:, None, None]
        return self.encoder(source, mask), mask

    def decode(self, seen, states, mask):
        x = self.norm(F.relu(self.transform(self.decoder(seen, mask, states))))
        return F.linear(x, self.words.weight, self.bias)

    def forward(self, source, seen):
        return self.decode(seen, *self.encode(source))


class Pairs:
    """The ids and the batches that `translation.py` wrote."""

    def __init__(self, out: Path):
        self.said = json.loads((out / "pairs.json").read_text(encoding="utf-8"))
        self.arrays = np.load(out / "pairs.npz")
        assert self.said["ids"]["pad"] == 0
        names = [f"{part}_{name}" for part in ("train", "val") for name in ("source", "seen", "target")]
        self.columns = {name: self.ragged(name) for name in names}

    def ragged(self, name: str) -> list[np.ndarray]:
        return np.split(self.arrays[name], np.cumsum(self.arrays[f"{name}_sizes"])[:-1])

    def padded(self, name: str, rows, fill: int = 0) -> torch.Tensor:
        chosen = [self.columns[name][row] for row in rows]
        step = self.said["round_to"]
        found = np.full((len(rows), -(-max(map(len, chosen)) // step) * step), fill, np.int64)
        for row, ids in zip(found, chosen, strict=True):
            row[: len(ids)] = ids
        return torch.from_numpy(found)

    def batches(self, part: str, epoch: int):
        """Source, seen tokens, and the right ones with -100 behind them."""
        for rows in self.ragged(f"{part}_batches_{epoch}"):
            yield (
                self.padded(f"{part}_source", rows),
                self.padded(f"{part}_seen", rows),
                self.padded(f"{part}_target", rows, -100),
            )


def loss_of(logits, right, reduction="mean"):
    return F.cross_entropy(logits.flatten(0, 1), right.flatten(), label_smoothing=0.1, reduction=reduction)


def optimizer_of(model, recipe: dict, total: int):
    parts = [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": recipe["weight_decay"]},
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    optimizer = torch.optim.AdamW(parts, lr=recipe["learning_rate"], fused=True)
    warmup = round(recipe["warmup"] * total)
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: step / warmup if step < warmup else (total - step) / (total - warmup)
    )
    return optimizer, rate


@torch.no_grad()
def measure(model, pairs: Pairs) -> dict:
    """The loss of val, and the translations of the sample."""
    model.eval()
    losses = tokens = 0
    for source, seen, right in pairs.batches("val", 0):
        losses += float(loss_of(model(source, seen), right, "sum"))
        tokens += int((right >= 0).sum())
    written = [[] for _ in pairs.arrays["sample"]]
    states, mask = model.encode(pairs.padded("val_source", pairs.arrays["sample"]))
    seen = torch.full((len(written), 1), pairs.said["ids"]["start"])
    ended = torch.zeros(len(written), dtype=torch.bool)
    while not ended.all() and seen.shape[1] < pairs.said["new_tokens"]:
        following = model.decode(seen, states, mask)[:, -1].argmax(-1)
        ended |= following == pairs.said["ids"]["end"]
        seen = torch.cat([seen, following[:, None]], 1)
        for text, token, over in zip(written, following.tolist(), ended.tolist(), strict=True):
            if not over:
                text.append(token)
    model.train()
    return {"loss": losses / tokens, "ids": written}


def train(given) -> None:
    pairs = Pairs(given.out)
    recipe = pairs.said["recipe"]
    torch.manual_seed(pairs.said["seed"])
    model = Translator(pairs.said["shape"])
    total = sum(len(pairs.arrays[f"train_batches_{epoch}_sizes"]) for epoch in range(recipe["epochs"]))
    optimizer, rate = optimizer_of(model, recipe, total)
    model.train()
    (given.out / "peer.jsonl").unlink(missing_ok=True)
    cpu, step = 0.0, 0
    for epoch in range(recipe["epochs"]):
        begun = time.process_time()
        for source, seen, right in pairs.batches("train", epoch):
            with torch.autocast("cpu", torch.bfloat16, enabled=given.precision == "bf16"):
                logits = model(source, seen)
            loss = loss_of(logits.float(), right)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            rate.step()
            step += 1
            if step % 20 == 0:
                spent = cpu + time.process_time() - begun
                print(f"step {step}  {spent:.1f} CPU s  loss {loss.item():.4f}", flush=True)
                if given.steps and step >= given.steps:
                    return
        cpu += time.process_time() - begun
        found = {"epoch": epoch + 1, "step": step, "cpu": cpu, **measure(model, pairs)}
        with (given.out / "peer.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps(found) + "\n")
        if cpu >= given.budget:
            return


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="Folder of results, which has pairs.npz.")
    parser.add_argument("--budget", type=float, default=1200, help="CPU seconds of training.")
    parser.add_argument("--steps", type=int, help="End after this number of steps, to try it.")
    parser.add_argument("--precision", default="float32", choices=["float32", "bf16"])
    given = parser.parse_args()
    torch.set_num_threads(1)
    train(given)


if __name__ == "__main__":
    main()
