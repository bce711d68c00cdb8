"""What `record_torch_files.py` recorded of torch, and pickles as torch, and as an attacker, would write them."""

import gzip
from pathlib import Path
from zlib import crc32

import numpy as np

HERE = Path(__file__).parent
CONFIG = {
    "vocab_size": 12,
    "hidden_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "intermediate_size": 12,
    "max_position_embeddings": 8,
}
TABLE = np.arange(24, dtype="float32").reshape(6, 4)
EXPECTED = {
    "table": TABLE,
    "tied": TABLE,
    "transposed": TABLE.T,
    "column": TABLE[:, 1],
    "middle": np.float32([[5, 6], [7, 8]]),
    "repeated": np.ones((1, 1), "float32"),
    "parameter": np.full(2, 0.5, "float32"),
    "double": np.array([1 / 3]),
    "half": np.float16([[1.5, -2]]),
    "bfloat16": np.float32([3, 0.15625]),
    "ids": np.arange(3)[None],
    "flag": np.array([True, False]),
    "scalar": np.float32(7),
    "empty": np.zeros((0, 3), "float32"),
}


def numbers(name: str, shape) -> np.ndarray:
    """The numbers of a parameter of the recorded model."""
    return np.random.default_rng(crc32(name.encode())).normal(0, 0.3, shape).astype("float32")


def recorded(name: str) -> bytes:
    return gzip.decompress((HERE / f"{name}.gz").read_bytes())
