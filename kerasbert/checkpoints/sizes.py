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
    told = told_sizes(shapes, place)
    if config.embedding_size is not None:
        told["embedding_size"] = told.pop("hidden_size")
    wrong = [
        f"{name} is {getattr(config, name)}, but the weights have {size}"
        for name, size in told.items()
        if getattr(config, name) > size
    ]
    raise ConfigError(f"{'; '.join(wrong)}: correct the file, or fetch it again")


def told_sizes(shapes: Mapping[str, tuple[int, ...]], place: Callable[[str], tuple[str, bool]]) -> dict[str, int]:
    """The sizes of an encoder as the shapes of its tensors tell them; 0 where the tensor is missing.

    A family's size is left out if no tensor of the family tells it. The hidden size is the width of the word table.

    Args:
        shapes, place: as for `check_sizes`.
    """

    def stored(path: str) -> str | None:
        try:
            return place(path)[0]
        except KeyError:  # the family has no such weight
            return None

    rows = {name: shapes.get(each, (0,)) for name, path in _TOLD_BY.items() if (each := stored(path)) is not None}
    found = {name: shape[-1] if name == "hidden_size" else shape[0] for name, shape in rows.items()}
    found["num_hidden_layers"] = next(n for n in count() if stored(f"block_{n}/output/bias") not in shapes)
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
    size, wide, narrow = config.hidden_size, config.intermediate_size, config.table_size
    if config.family.static:
        return {"embeddings/word_embeddings": (config.vocab_size, narrow)}
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
    shapes = {f"embeddings/{name}": (rows, narrow) for name, rows in tables.items() if rows}
    shapes |= {f"embeddings/norm/{leaf}": (narrow,) for leaf in ("gamma", "beta")}
    if narrow != size:
        shapes |= {"embeddings_projection/kernel": (narrow, size), "embeddings_projection/bias": (size,)}
    norms = []
    for block in range(config.num_hidden_layers):
        for name, shape in dense.items():
            shapes |= {f"block_{block}/{name}/kernel": shape, f"block_{block}/{name}/bias": shape[1:]}
        norms += [f"block_{block}/{each}_norm" for each in (*attentions, "output")]
    if config.norm_first:
        norms.append(f"block_{config.num_hidden_layers - 1}/final_norm")
    return shapes | {f"{norm}/{leaf}": (size,) for norm in norms for leaf in ("gamma", "beta")}


def head_shapes(config: BertConfig) -> dict[str, dict[str, tuple[int, ...]]]:
    """Head -> path of each weight that it always has -> its shape in Keras, for the heads whose sizes are known."""
    size, words, narrow = config.hidden_size, config.vocab_size, config.table_size
    mlm = {"dense/kernel": (size, narrow), "dense/bias": (narrow,), "norm/gamma": (narrow,), "norm/beta": (narrow,)}
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
    positions = 0 if config.family.static else config.max_position_embeddings
    rows = config.vocab_size + positions + config.type_vocab_size
    block = 4 * config.hidden_size**2 + 2 * config.hidden_size * config.intermediate_size
    return rows * config.table_size + config.num_hidden_layers * block
