"""Compares the sizes in config.json with the tensors of the file, before a model of these sizes is built."""

from collections.abc import Callable, Mapping
from itertools import count
from math import prod

from kerasbert.config import BertConfig, EncoderDecoderConfig
from kerasbert.errors import ConfigError

MOST = 4
"""A config.json may describe an encoder with this many times the numbers of the file. Strict reading lists smaller
differences tensor by tensor; a larger model would fill the memory before anything could be compared."""


def check_sizes(
    config: BertConfig, shapes: Mapping[str, tuple[int, ...]], place: Callable[[str], tuple[str, bool]]
) -> None:
    """Checks that an encoder can be built from a file.

    Args:
        config: the configuration.
        shapes: stored name -> shape.
        place: path of our weight -> its stored name; see `kerasbert.checkpoints.loading.Names`.

    Raises:
        ConfigError: the configuration describes far more numbers than the file holds; the message names the sizes.
    """
    stored = sum(map(prod, shapes.values()))
    if numbers(config) <= MOST * max(stored, 1):
        return
    wrong = [
        f"{name} is {getattr(config, name)}, but the weights have {size}"
        for name, size in told_sizes(shapes, place).items()
        if getattr(config, name) > size
    ]
    raise ConfigError(f"{'; '.join(wrong)}: correct the file, or fetch it again")


def told_sizes(shapes: Mapping[str, tuple[int, ...]], place: Callable[[str], tuple[str, bool]]) -> dict[str, int]:
    """The sizes of an encoder as the shapes of its tensors tell them; 0 where the tensor is missing.

    Args:
        shapes, place: as for `check_sizes`.
    """
    rows = {name: shapes.get(place(path)[0], (0,)) for name, path in _TOLD_BY.items()}
    found = {name: shape[-1] if name == "hidden_size" else shape[0] for name, shape in rows.items()}
    found["num_hidden_layers"] = next(n for n in count() if place(f"block_{n}/output/bias")[0] not in shapes)
    return found


_TOLD_BY = {
    "vocab_size": "embeddings/word_embeddings",
    "hidden_size": "embeddings/word_embeddings",
    "max_position_embeddings": "embeddings/position_embeddings",
    "type_vocab_size": "embeddings/token_type_embeddings",
    "intermediate_size": "block_0/intermediate/bias",
}
"""Size -> the weight whose shape tells it."""


def encoder_shapes(config: BertConfig, *, cross_attention: bool = False) -> dict[str, tuple[int, ...]]:
    """Path of each weight that an encoder of this configuration has -> its shape in Keras, without the pooler.

    Args:
        cross_attention: whether its blocks are those of a decoder.
    """
    size, wide = config.hidden_size, config.intermediate_size
    tables = {
        "word_embeddings": config.vocab_size,
        "position_embeddings": config.max_position_embeddings,
        "token_type_embeddings": config.type_vocab_size,
    }
    attentions = ("attention", "cross_attention") if cross_attention else ("attention",)
    dense = {
        **{f"{each}/{name}": (size, size) for each in attentions for name in ("query", "key", "value", "output")},
        "intermediate": (size, wide),
        "output": (wide, size),
    }
    shapes = {f"embeddings/{name}": (rows, size) for name, rows in tables.items() if rows}
    norms = ["embeddings/norm"]
    for block in range(config.num_hidden_layers):
        for name, shape in dense.items():
            shapes |= {f"block_{block}/{name}/kernel": shape, f"block_{block}/{name}/bias": shape[1:]}
        norms += [f"block_{block}/{each}_norm" for each in (*attentions, "output")]
    if config.norm_first:
        norms.append(f"block_{config.num_hidden_layers - 1}/final_norm")
    return shapes | {f"{norm}/{leaf}": (size,) for norm in norms for leaf in ("gamma", "beta")}


def head_shapes(config: BertConfig) -> dict[str, dict[str, tuple[int, ...]]]:
    """Head -> path of each weight that it always has -> its shape in Keras, for the heads whose sizes are known."""
    size, words = config.hidden_size, config.vocab_size
    mlm = {"dense/kernel": (size, size), "dense/bias": (size,), "norm/gamma": (size,), "norm/beta": (size,)}
    nsp = {"nsp": {"nsp/dense/kernel": (size, 2), "nsp/dense/bias": (2,)}} if config.family.nsp else {}
    return nsp | {
        "mlm": {f"mlm/{name}": shape for name, shape in mlm.items()} | {"mlm/bias": (words,)},
        "qa_outputs": {"qa_outputs/kernel": (size, 2), "qa_outputs/bias": (2,)},
    }


def pair_shapes(config: EncoderDecoderConfig) -> dict[str, tuple[int, ...]]:
    """As `encoder_shapes`, for an encoder and a decoder with its head, that transformers has too."""
    decoder = encoder_shapes(config.decoder, cross_attention=True) | head_shapes(config.decoder)["mlm"]
    return encoder_shapes(config.encoder) | {f"decoder/{path}": shape for path, shape in decoder.items()}


def numbers(config: BertConfig) -> int:
    """How many numbers the tables and blocks of an encoder hold."""
    rows = config.vocab_size + config.max_position_embeddings + config.type_vocab_size
    block = 4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size
    return rows * config.hidden_size + config.num_hidden_layers * block
