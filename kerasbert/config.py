"""The configuration of an encoder, or of one with a decoder, and the named sizes."""

import dataclasses
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kerasbert.errors import ConfigError
from kerasbert.families import FAMILIES, Family
from kerasbert.reading import read_json

LARGEST = 3.4e38
"""The largest number of float32, rounded down."""
ACTIVATIONS = ("gelu", "gelu_new", "gelu_pytorch_tanh", "relu", "tanh", "silu")


# Turc et al. 2019 (arXiv 1908.08962) for tiny to medium, Devlin et al. 2018 (arXiv 1810.04805) for base and large.
SIZES = {
    "tiny": {"num_hidden_layers": 2, "hidden_size": 128, "num_attention_heads": 2, "intermediate_size": 512},
    "mini": {"num_hidden_layers": 4, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024},
    "small": {"num_hidden_layers": 4, "hidden_size": 512, "num_attention_heads": 8, "intermediate_size": 2048},
    "medium": {"num_hidden_layers": 8, "hidden_size": 512, "num_attention_heads": 8, "intermediate_size": 2048},
    "base": {"num_hidden_layers": 12, "hidden_size": 768, "num_attention_heads": 12, "intermediate_size": 3072},
    "large": {"num_hidden_layers": 24, "hidden_size": 1024, "num_attention_heads": 16, "intermediate_size": 4096},
}

# Keys of config.json that do not change what the encoder computes.
_HARMLESS = frozenset(
    """
    _name_or_path _num_labels architectures bos_token_id cls_token_id decoder_start_token_id directionality dtype
    eos_token_id finetuning_task gradient_checkpointing id2label kerasbert label2id language mask_token_id
    model_max_length num_labels output_attentions output_hidden_states output_past pooler_fc_size
    pooler_num_attention_heads pooler_num_fc_layers pooler_size_per_head pooler_type problem_type qa_dropout
    return_dict sep_token_id summary_activation summary_last_dropout summary_type summary_use_proj tie_weights_
    tie_word_embeddings tokenizer_class torch_dtype torchscript
    transformers_version unk_token_id use_cache xla_device
    """.split()  # noqa: SIM905 - a word list reads best as words
)
# Keys that would change what the encoder computes if they had another value than this one.
_REQUIRED = {
    "position_embedding_type": "absolute",
    "is_decoder": False,
    "add_cross_attention": False,
    "is_encoder_decoder": False,
    "chunk_size_feed_forward": 0,
    "pruned_heads": {},
}


MLM_FIELDS = ("mlm_hidden_act", "mlm_layer_norm_eps")
"""What transformers does not have: a head of masked words with another activation or epsilon than the blocks."""
_UNSET = ("classifier_dropout", *MLM_FIELDS)
"""Fields that may be None: they then have the value of another field."""

PAIR_TYPE = "encoder-decoder"
"""`model_type` of a folder with an encoder and a decoder, whose config.json holds a configuration of each."""
SCORES = ("dot", "additive")
"""How a decoder's queries are compared with the keys of the encoder's vectors, see `kerasbert.layers.attention`."""
OWN_TYPE = "kerasbert"
"""`model_type` of a folder whose architecture transformers does not have: it would read the weights as another one's,
and answer by chance. Our own section of config.json then has the family."""


@dataclass(frozen=True, kw_only=True)
class BertConfig:
    """The configuration of an encoder. The fields have the names of Hugging Face's config.json.

    Raises:
        ConfigError: no encoder can be built from a value.
    """

    model_type: str = "bert"
    """The family: a key of `FAMILIES`."""
    vocab_size: int = 30522
    """Number of rows of the word table."""
    hidden_size: int = 768
    """Size of each token's vector (H in the paper)."""
    embedding_size: int | None = None
    """Size of a row of the tables. If it is not hidden_size, a linear layer before the blocks makes hidden_size of it
    (electra only). None means hidden_size."""
    num_hidden_layers: int = 12
    """Number of transformer blocks (L in the paper)."""
    num_attention_heads: int = 12
    """Number of attention heads per block (A in the paper); must divide hidden_size."""
    intermediate_size: int = 3072
    """Size of the feed-forward layer (4 H in the paper)."""
    hidden_act: str = "gelu"
    """Feed-forward activation: `gelu` is the exact one (erf), `gelu_new` the tanh approximation."""
    hidden_dropout_prob: float = 0.1
    """Dropout rate after embeddings, attention output and feed-forward layer, in training."""
    attention_probs_dropout_prob: float = 0.1
    """Dropout rate on attention probabilities, in training."""
    classifier_dropout: float | None = None
    """Dropout rate before a task's logits, in training; None means hidden_dropout_prob."""
    max_position_embeddings: int = 512
    """Number of rows of the position table, including RoBERTa's two for padding. A static encoder has no such table:
    this is then only the largest number of tokens in an input."""
    type_vocab_size: int = 2
    """Number of rows of the segment table; 0 for no segments."""
    initializer_range: float = 0.02
    """Standard deviation of new weights (truncated normal)."""
    layer_norm_eps: float = 1e-12
    """Added to the variance in every LayerNorm."""
    pad_token_id: int = 0
    """Id of [PAD] in input_ids."""
    sinusoidal_pos_embds: bool = False
    """Whether positions are fixed sines and cosines instead of learned rows."""
    mlm_hidden_act: str | None = None
    """Activation of the head of masked words; None means hidden_act, which is all that transformers has."""
    mlm_layer_norm_eps: float | None = None
    """Added to the variance in the LayerNorm of the head of masked words; None means layer_norm_eps."""
    norm_first: bool = False
    """Whether blocks normalise what a layer gets, instead of its sum with what it gives. transformers has no such
    encoder."""

    def __post_init__(self):
        _family(self.model_type)
        self._fix()
        for name in ("vocab_size", "hidden_size", "num_hidden_layers", "num_attention_heads", "intermediate_size"):
            if name not in self.family.fixed:
                _check_integer(name, getattr(self, name), at_least=1)
        if "embedding_size" not in self.family.fixed:
            _check_integer("embedding_size", self.embedding_size, at_least=1)
        _check_integer("type_vocab_size", self.type_vocab_size, at_least=0)
        _check_integer("pad_token_id", self.pad_token_id, at_least=0)
        _check_integer("max_position_embeddings", self.max_position_embeddings, at_least=self.position_offset + 1)
        if self.num_attention_heads and self.hidden_size % self.num_attention_heads:
            raise ConfigError(
                f"hidden_size {self.hidden_size} is not a multiple of num_attention_heads {self.num_attention_heads}"
            )
        if self.pad_token_id >= self.vocab_size:
            raise ConfigError(f"pad_token_id {self.pad_token_id} is not one of the {self.vocab_size} words")
        for name, value in self._set("hidden_act", "mlm_hidden_act"):
            if value not in ACTIVATIONS:
                raise ConfigError(f"{name} is {value!r}: use one of {', '.join(ACTIVATIONS)}")
        for name, value in self._set("hidden_dropout_prob", "attention_probs_dropout_prob", "classifier_dropout"):
            if not (_is_number(value) and 0 <= value < 1):
                raise ConfigError(f"{name} is {value!r}: use a number of at least 0 and below 1")
        for name, value in self._set("initializer_range", "layer_norm_eps", "mlm_layer_norm_eps"):
            if not (_is_number(value) and value > 0):
                raise ConfigError(f"{name} is {value!r}: use a number above 0")

    def _fix(self) -> None:
        """Sets what the family fixes, and the size of the tables where none was given."""
        for name, value in self.family.fixed.items():
            if getattr(self, name) not in (value, BertConfig.__dataclass_fields__[name].default):
                raise ConfigError(f"{name} is {getattr(self, name)!r}: {self.model_type} has {value!r} only")
            object.__setattr__(self, name, value)  # a value equal to BertConfig's default was not set by the user
        if self.embedding_size is None and "embedding_size" not in self.family.fixed:
            object.__setattr__(self, "embedding_size", self.hidden_size)

    def _set(self, *names: str) -> list[tuple[str, object]]:
        """Names and values of fields, without those that may be None and are."""
        return [(name, getattr(self, name)) for name in names if getattr(self, name) is not None or name not in _UNSET]

    @property
    def family(self) -> Family:
        return FAMILIES[self.model_type]

    @property
    def position_offset(self) -> int:
        """Row of the position table for the first token: 0, or 2 in RoBERTa."""
        return self.pad_token_id + 1 if self.family.positions_after_pad else 0

    @property
    def mlm(self) -> dict:
        """`activation` and `epsilon` of the head of masked words."""
        epsilon = self.layer_norm_eps if self.mlm_layer_norm_eps is None else self.mlm_layer_norm_eps
        return {"activation": self.mlm_hidden_act or self._usual_mlm_act, "epsilon": epsilon}

    @property
    def _usual_mlm_act(self) -> str:
        return self.family.mlm_act or self.hidden_act

    @property
    def has_own_mlm(self) -> bool:
        """Whether the head of masked words differs from the blocks, which transformers does not support."""
        return self.mlm != {"activation": self._usual_mlm_act, "epsilon": self.layer_norm_eps}

    @property
    def table_size(self) -> int:
        """Size of a row of the tables."""
        return self.hidden_size if self.embedding_size is None else self.embedding_size

    @property
    def is_foreign(self) -> bool:
        """Whether transformers has no such encoder."""
        return self.norm_first or self.family.static

    def check_blocks(self, what: str) -> None:
        """Raises ConfigError: the encoder is static, and has none of the blocks that `what` needs."""
        if self.family.static:
            raise ConfigError(f"{what} needs the blocks of an encoder, and a static one has none: use another model")

    @property
    def max_length(self) -> int:
        """Largest number of tokens in an input."""
        return self.max_position_embeddings - self.position_offset

    def check_length(self, length: int) -> None:
        """Raises ConfigError: a `max_length` is above the positions of the model."""
        if length > self.max_length:
            raise ConfigError(f"max_length is {length}: use 3 to {self.max_length}, the model's positions")

    @property
    def takes_token_types(self) -> bool:
        """Whether the model has an input `token_type_ids`: it needs at least two segment rows."""
        return self.type_vocab_size > 1

    @classmethod
    def from_size(cls, size: str, **changes) -> "BertConfig":
        """Creates the configuration of a named size, with changes: `BertConfig.from_size("tiny", vocab_size=8000)`.

        Args:
            size: a key of `SIZES`.
            changes: values of other fields.

        Raises:
            ConfigError: no such size, or a value that no encoder can be built from.
        """
        if size not in SIZES:
            raise ConfigError(f"no size {size!r}: use one of {', '.join(SIZES)}")
        family = _family(changes.get("model_type", "bert"))
        return cls(**{**family.defaults, **SIZES[size], **family.fixed, **changes})

    @classmethod
    def from_dict(cls, values: Mapping) -> "BertConfig":
        """Creates a configuration from the content of a config.json. A warning lists unknown keys.

        Raises:
            ConfigError: `model_type` is missing or unknown, or a value is not supported.
        """
        family = FAMILIES[family_name(values)]
        # No other library writes static encoders, so what is not one of the family's values is no relic.
        for key, wanted in (_REQUIRED | (family.fixed if family.static else {})).items():
            if values.get(key) not in (None, wanted):
                raise ConfigError(f"{key} is {values[key]!r}: kerasbert supports {wanted!r} only")
        fields = (f.name for f in dataclasses.fields(cls) if f.name not in family.fixed)
        ours = {family.config_keys.get(name, name): name for name in fields}
        relics = {name for name, value in family.fixed.items() if value is not None}
        unknown = sorted(set(values) - set(ours) - _HARMLESS - set(_REQUIRED) - relics)
        if unknown:
            warnings.warn(f"config.json has keys that kerasbert does not know: {', '.join(unknown)}", stacklevel=2)
        # transformers writes null for "not set".
        known = {ours[key]: value for key, value in values.items() if key in ours and value is not None}
        return cls(**{**family.defaults, **known, "model_type": family_name(values)})

    def to_dict(self) -> dict:
        """Returns the content of a config.json that transformers can read."""
        values = dataclasses.asdict(self)
        if self.classifier_dropout is None and "classifier_dropout" in self.family.defaults:
            values["classifier_dropout"] = self.hidden_dropout_prob  # without the key, readers use the family's default
        for name in ("sinusoidal_pos_embds", "norm_first", *MLM_FIELDS):
            if not values[name]:
                values.pop(name)
        return {
            self.family.config_keys.get(name, name): value
            for name, value in values.items()
            if name not in self.family.fixed
        }

    @classmethod
    def read(cls, folder: str | Path) -> "BertConfig":
        """Reads `folder/config.json`.

        Raises:
            ConfigError: the file is missing, is not JSON, or has a value that is not supported.
        """
        return cls.from_dict(read_config_json(folder))


@dataclass(frozen=True, kw_only=True)
class EncoderDecoderConfig:
    """The configurations of an encoder and of a decoder that writes texts from its vectors. They have one vocabulary.

    Raises:
        ConfigError: the two do not go together, or a value is not allowed.
    """

    encoder: BertConfig
    decoder: BertConfig
    cross_attention: str = "dot"
    """How the decoder's attention to the encoder's vectors computes its scores: one of `SCORES`."""
    tied_words: bool = False
    """Whether the decoder has the encoder's word table. Its own is always the matrix of the output too."""

    def __post_init__(self):
        if self.cross_attention not in SCORES:
            raise ConfigError(f"cross_attention is {self.cross_attention!r}: use one of {', '.join(SCORES)}")
        if not self.decoder.family.decodes:
            decoders = " or ".join(name for name, family in FAMILIES.items() if family.decodes)
            raise ConfigError(f"the decoder's model_type is {self.decoder.model_type!r}: use {decoders}")
        for name in ("hidden_size", "vocab_size"):
            ours, theirs = getattr(self.decoder, name), getattr(self.encoder, name)
            if ours != theirs:
                raise ConfigError(f"{name} of the decoder is {ours}: use {theirs}, that of the encoder")
        if self.tied_words and self.encoder.table_size != self.decoder.table_size:
            raise ConfigError("tied_words is True, but the words of encoder and decoder differ in size: use False")

    model_type = PAIR_TYPE

    @property
    def is_foreign(self) -> bool:
        """Whether transformers has no such model."""
        either = self.encoder.is_foreign or self.decoder.is_foreign
        return either or self.cross_attention != "dot" or self.decoder.has_own_mlm

    @classmethod
    def from_dict(cls, values: Mapping) -> "EncoderDecoderConfig":
        """Creates the configurations from the content of a config.json.

        Raises:
            ConfigError: one of the two is missing, or a value is not supported.
        """
        parts = {name: values.get(name) for name in ("encoder", "decoder")}
        for name, part in parts.items():
            if not isinstance(part, dict):
                raise ConfigError(f"{name} is {part!r:.60}: config.json needs the {name}'s configuration")
        decoder = {**parts["decoder"], "is_decoder": False, "add_cross_attention": False}
        own = {name: decoder.pop(name) for name in ("cross_attention", "tied_words") if name in decoder}
        return cls(encoder=BertConfig.from_dict(parts["encoder"]), decoder=BertConfig.from_dict(decoder), **own)

    def to_dict(self) -> dict:
        """Returns the content of a config.json. transformers can read it unless it `is_foreign`."""
        own = {"cross_attention": self.cross_attention, "tied_words": self.tied_words}
        own = {name: value for name, value in own.items() if value not in ("dot", False)}
        decoder = {**self.decoder.to_dict(), "is_decoder": True, "add_cross_attention": True, **own}
        return {
            "model_type": self.model_type,
            "is_encoder_decoder": True,
            "pad_token_id": self.decoder.pad_token_id,
            "encoder": self.encoder.to_dict(),
            "decoder": decoder,
        }


def read_config_json(folder: str | Path) -> dict:
    """Returns the content of `folder/config.json`.

    Raises:
        ConfigError: the file is missing or does not hold a JSON object.
    """
    path = Path(folder) / "config.json"
    if not path.exists():
        raise ConfigError(f"{path}: no such file; a model folder holds config.json and model.safetensors")
    return read_json(path, ConfigError)


def family_name(values: Mapping) -> str:
    """Returns the family from the content of a config.json: a key of `FAMILIES`.

    It is `model_type`, or, where that is `OWN_TYPE`, the one of our own section.

    Raises:
        ConfigError: it is missing or unknown.
    """
    place, name = _told_type(values)
    if name is None:
        raise ConfigError(f"{place} has no model_type: add one of {', '.join(FAMILIES)}")
    _family(name)
    return name


def is_pair(values: Mapping) -> bool:
    """Whether the content of a config.json describes an encoder with a decoder."""
    return _told_type(values)[1] == PAIR_TYPE


def _told_type(values: Mapping) -> tuple[str, object]:
    """What says the type of a model, and what it says."""
    if values.get("model_type") != OWN_TYPE:
        return "config.json", values.get("model_type")
    own = values.get("kerasbert")
    return "the section kerasbert of config.json", own.get("model_type") if isinstance(own, dict) else None


def _family(model_type) -> Family:
    if not isinstance(model_type, str) or model_type not in FAMILIES:
        raise ConfigError(f"model_type is {model_type!r}: kerasbert reads {', '.join(FAMILIES)}")
    return FAMILIES[model_type]


def _is_number(value) -> bool:
    """Whether a value is a number that float32 can hold."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= LARGEST


def _check_integer(name: str, value, *, at_least: int) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < at_least:
        raise ConfigError(f"{name} is {value!r}: use a whole number of at least {at_least}")
