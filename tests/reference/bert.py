"""BERT in NumPy and float64, written from the papers and from nothing of kerasbert: the oracle of the encoder.

Weights are Hugging Face's tensors by name, without the prefix `bert.`; kernels are (out, in). Letters: B batch,
T tokens, D hidden size, H head size.
"""

import math

import numpy as np

erf = np.vectorize(math.erf)


def gelu(x):
    return x * 0.5 * (1 + erf(x / math.sqrt(2)))


def softmax(x):
    exponents = np.exp(x - x.max(-1, keepdims=True))
    return exponents / exponents.sum(-1, keepdims=True)


class Bert:
    """`Bert(tensors, heads=12)(input_ids, token_type_ids, attention_mask)` -> (sequence_output, pooled_output)."""

    def __init__(self, tensors, *, heads: int, epsilon: float = 1e-12):
        self.tensors = {name: value.astype("float64") for name, value in tensors.items()}
        self.heads, self.epsilon = heads, epsilon
        self.layers = 1 + max(int(name.split(".")[2]) for name in tensors if name.startswith("encoder.layer."))

    def __call__(self, input_ids, token_type_ids, attention_mask):
        x = self.embed(input_ids, token_type_ids)
        for layer in range(self.layers):
            x = self.block(x, attention_mask, f"encoder.layer.{layer}")
        return x, np.tanh(self.linear(x[:, 0], "pooler.dense"))

    def embed(self, input_ids, token_type_ids):
        word, position, segment = (
            self.tensors[f"embeddings.{name}_embeddings.weight"] for name in ("word", "position", "token_type")
        )
        x = word[input_ids] + position[np.arange(input_ids.shape[1])] + segment[token_type_ids]  # (B, T, D)
        return self.norm(x, "embeddings.LayerNorm")

    def block(self, x, attention_mask, name):
        attended = self.linear(
            self.attention(x, attention_mask, f"{name}.attention.self"), f"{name}.attention.output.dense"
        )
        x = self.norm(x + attended, f"{name}.attention.output.LayerNorm")
        fed = self.linear(gelu(self.linear(x, f"{name}.intermediate.dense")), f"{name}.output.dense")
        return self.norm(x + fed, f"{name}.output.LayerNorm")

    def attention(self, x, attention_mask, name):
        size = x.shape[-1] // self.heads
        out = np.empty_like(x)
        for head in range(self.heads):
            columns = slice(head * size, (head + 1) * size)
            q, k, v = (
                self.linear(x, f"{name}.{part}")[..., columns] for part in ("query", "key", "value")
            )  # (B, T, H)
            scores = q @ k.transpose(0, 2, 1) / math.sqrt(size)  # (B, T, T)
            scores = np.where(attention_mask[:, None, :] == 1, scores, -np.inf)
            out[..., columns] = softmax(scores) @ v
        return out

    def linear(self, x, name):
        return x @ self.tensors[f"{name}.weight"].T + self.tensors[f"{name}.bias"]

    def norm(self, x, name):
        x = (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + self.epsilon)
        return x * self.tensors[f"{name}.weight"] + self.tensors[f"{name}.bias"]
