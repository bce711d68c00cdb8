"""The model families: everything that differs between them, as data.

The names of their tensors stand in `kerasbert.checkpoints.names`. The layers know nothing of families.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, kw_only=True)
class Family:
    """One row of the families table.

    Attributes:
        positions_after_pad: whether the first token's position is `pad_token_id + 1` (as in fairseq) instead of 0.
        pooler: whether the encoder ends in a tanh layer on the first token.
        nsp: whether it was pre-trained with a next-sentence head.
        classifier_dense: activation of the classifier's own hidden layer; None if it uses the pooler instead.
        summary: activation of the layer between the first token and the logit of a multiple choice; None if this is the
            pooler, or the classifier's own hidden layer.
        mlm_act: activation of the head of masked words; None if it is that of the blocks.
        decodes: whether transformers has a decoder of the family.
        static: whether a token has the same vector in every text: the encoder is a word table without blocks.
            transformers has no such family.
        config_keys: field of `BertConfig` -> the family's key in config.json, where the two differ.
        defaults: the family's default values, where they differ from those of `BertConfig`.
        fixed: fields that the family's config.json does not contain, with their values.
    """

    positions_after_pad: bool = False
    pooler: bool = True
    nsp: bool = True
    classifier_dense: str | None = None
    summary: str | None = None
    mlm_act: str | None = None
    decodes: bool = False
    static: bool = False
    config_keys: Mapping[str, str] = field(default_factory=dict)
    defaults: Mapping[str, object] = field(default_factory=dict)
    fixed: Mapping[str, object] = field(default_factory=dict)


_WIDE = {"embedding_size": None}
"""Most families have tables of the hidden size."""

FAMILIES = {
    "bert": Family(decodes=True, fixed=_WIDE),
    "roberta": Family(
        positions_after_pad=True,
        nsp=False,
        classifier_dense="tanh",
        decodes=True,
        defaults={"vocab_size": 50265, "max_position_embeddings": 514, "type_vocab_size": 1, "pad_token_id": 1},
        fixed=_WIDE,
    ),
    "distilbert": Family(
        pooler=False,
        nsp=False,
        classifier_dense="relu",
        config_keys={
            "hidden_size": "dim",
            "num_hidden_layers": "n_layers",
            "num_attention_heads": "n_heads",
            "intermediate_size": "hidden_dim",
            "hidden_act": "activation",
            "hidden_dropout_prob": "dropout",
            "attention_probs_dropout_prob": "attention_dropout",
            "classifier_dropout": "seq_classif_dropout",
        },
        defaults={"num_hidden_layers": 6, "classifier_dropout": 0.2},
        fixed={**_WIDE, "type_vocab_size": 0, "layer_norm_eps": 1e-12},
    ),
    "electra": Family(
        pooler=False,
        nsp=False,
        classifier_dense="gelu",
        summary="gelu",
        mlm_act="gelu",
        defaults={"embedding_size": 128, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024},
    ),
    "static": Family(
        pooler=False,
        nsp=False,
        static=True,
        fixed={
            **_WIDE,
            "num_hidden_layers": 0,
            "num_attention_heads": 0,
            "intermediate_size": 0,
            "hidden_act": "gelu",
            "attention_probs_dropout_prob": 0.1,
            "type_vocab_size": 0,
            "layer_norm_eps": 1e-12,
            "sinusoidal_pos_embds": False,
            "mlm_hidden_act": None,
            "mlm_layer_norm_eps": None,
            "norm_first": False,
        },
    ),
}
