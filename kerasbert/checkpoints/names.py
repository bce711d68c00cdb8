"""Hugging Face's names, as data. One table per family, our layer -> tensor, serves reading and writing.

A row names a layer or a single weight; `{}` is the block's number. A layer's own weights are named by `LEAVES`; kernels
are stored transposed. The part before the first slash is the group: a group that is missing as a whole (a head) is
new, one that is missing in part is an error.
"""

from collections.abc import Mapping
from functools import partial

from kerasbert.checkpoints.loading import Names
from kerasbert.config import PAIR_TYPE, EncoderDecoderConfig, family_name, is_pair

LEAVES = {"kernel": "weight", "bias": "bias", "gamma": "weight", "beta": "bias"}
OLD_LEAVES = {"LayerNorm.gamma": "LayerNorm.weight", "LayerNorm.beta": "LayerNorm.bias"}

_BERT_BODY = {
    "embeddings/word_embeddings": "embeddings.word_embeddings.weight",
    "embeddings/position_embeddings": "embeddings.position_embeddings.weight",
    "embeddings/token_type_embeddings": "embeddings.token_type_embeddings.weight",
    "embeddings/norm": "embeddings.LayerNorm",
    "block_{}/attention/query": "encoder.layer.{}.attention.self.query",
    "block_{}/attention/key": "encoder.layer.{}.attention.self.key",
    "block_{}/attention/value": "encoder.layer.{}.attention.self.value",
    "block_{}/attention/output": "encoder.layer.{}.attention.output.dense",
    "block_{}/attention_norm": "encoder.layer.{}.attention.output.LayerNorm",
    "block_{}/cross_attention/query": "encoder.layer.{}.crossattention.self.query",
    "block_{}/cross_attention/key": "encoder.layer.{}.crossattention.self.key",
    "block_{}/cross_attention/value": "encoder.layer.{}.crossattention.self.value",
    "block_{}/cross_attention/output": "encoder.layer.{}.crossattention.output.dense",
    "block_{}/cross_attention_norm": "encoder.layer.{}.crossattention.output.LayerNorm",
    "block_{}/intermediate": "encoder.layer.{}.intermediate.dense",
    "block_{}/output": "encoder.layer.{}.output.dense",
    "block_{}/output_norm": "encoder.layer.{}.output.LayerNorm",
    # Our own: transformers has neither additive scores nor a norm behind the last block.
    "block_{}/cross_attention/scale": "encoder.layer.{}.crossattention.self.scale",
    "block_{}/final_norm": "encoder.layer.{}.output.final_norm",
    # ELECTRA's alone.
    "embeddings_projection": "embeddings_project",
    "pooler/dense": "pooler.dense",
}

ENCODER_NAMES = {
    "bert": _BERT_BODY,
    "roberta": _BERT_BODY,
    "distilbert": {
        "embeddings/word_embeddings": "embeddings.word_embeddings.weight",
        "embeddings/position_embeddings": "embeddings.position_embeddings.weight",
        "embeddings/norm": "embeddings.LayerNorm",
        "block_{}/attention/query": "transformer.layer.{}.attention.q_lin",
        "block_{}/attention/key": "transformer.layer.{}.attention.k_lin",
        "block_{}/attention/value": "transformer.layer.{}.attention.v_lin",
        "block_{}/attention/output": "transformer.layer.{}.attention.out_lin",
        "block_{}/attention_norm": "transformer.layer.{}.sa_layer_norm",
        "block_{}/intermediate": "transformer.layer.{}.ffn.lin1",
        "block_{}/output": "transformer.layer.{}.ffn.lin2",
        "block_{}/output_norm": "transformer.layer.{}.output_layer_norm",
    },
    "electra": _BERT_BODY,
    "static": {"embeddings/word_embeddings": "embeddings.word_embeddings.weight"},
}

# Our own: transformers has no learned pooling and leaves these tensors aside.
_POOLING = {"pooling/hidden": "pooling.hidden", "pooling/score": "pooling.score"}

# Heads stand beside the encoder: their names carry no family prefix.
HEAD_NAMES = {
    "bert": {
        "mlm/dense": "cls.predictions.transform.dense",
        "mlm/norm": "cls.predictions.transform.LayerNorm",
        "mlm/bias": "cls.predictions.bias",
        "nsp/dense": "cls.seq_relationship",
        "classifier/dense": "classifier",
        "classifier": "classifier",
        "qa_outputs": "qa_outputs",
        **_POOLING,
    },
    "roberta": {
        "mlm/dense": "lm_head.dense",
        "mlm/norm": "lm_head.layer_norm",
        "mlm/bias": "lm_head.bias",
        "classifier/hidden": "classifier.dense",
        "classifier/dense": "classifier.out_proj",
        "classifier": "classifier",
        "qa_outputs": "qa_outputs",
        **_POOLING,
    },
    "distilbert": {
        "mlm/dense": "vocab_transform",
        "mlm/norm": "vocab_layer_norm",
        "mlm/bias": "vocab_projector.bias",
        "classifier/hidden": "pre_classifier",
        "classifier/dense": "classifier",
        "classifier": "classifier",
        "qa_outputs": "qa_outputs",
        **_POOLING,
    },
    "electra": {
        "mlm/dense": "generator_predictions.dense",
        "mlm/norm": "generator_predictions.LayerNorm",
        "mlm/bias": "generator_lm_head.bias",
        "classifier/hidden": "classifier.dense",
        "classifier/dense": "classifier.out_proj",
        "classifier": "classifier",
        "summary": "sequence_summary.summary",
        "qa_outputs": "qa_outputs",
        **_POOLING,
    },
    "static": {
        "classifier/dense": "classifier",
        "classifier": "classifier",
        "qa_outputs": "qa_outputs",
        **_POOLING,
    },
}

# The tied matrix of the MLM head under its other names: (weight, bias), each a copy of a tensor that is read elsewhere.
TIED = {
    "bert": {
        "cls.predictions.decoder.weight": "embeddings.word_embeddings.weight",
        "cls.predictions.decoder.bias": "cls.predictions.bias",
    },
    "roberta": {
        "lm_head.decoder.weight": "embeddings.word_embeddings.weight",
        "lm_head.decoder.bias": "lm_head.bias",
    },
    "distilbert": {"vocab_projector.weight": "embeddings.word_embeddings.weight"},
    "electra": {"generator_lm_head.weight": "embeddings.word_embeddings.weight"},
    "static": {},
}

# Constants that some writers store beside the weights.
BUFFERS = ("embeddings.position_ids", "embeddings.token_type_ids")

# Begin of a tensor's name -> the head it belongs to. A model may leave these unused; any other tensor it must know.
HEADS = {
    "pooler": "pooler",
    "pooling": "pooling",
    "cls.predictions": "mlm",
    "lm_head": "mlm",
    "vocab_transform": "mlm",
    "vocab_layer_norm": "mlm",
    "vocab_projector": "mlm",
    "cls.seq_relationship": "nsp",
    "classifier": "classifier",
    "pre_classifier": "classifier",
    "generator_predictions": "mlm",
    "generator_lm_head": "mlm",
    "discriminator_predictions": "discriminator",
    "sequence_summary": "summary",
    "qa_outputs": "qa_outputs",
}

# Task -> the class of transformers that a folder of the task names in `architectures`. Tasks without a model in
# kerasbert stand here too, so that their folders are named as what they are. Of two tasks with one class, a folder that
# kerasbert did not save is of the last one.
ARCHITECTURES = {
    "bert": {
        "encoder": "BertModel",
        "pre-training": "BertForPreTraining",
        "fill-mask": "BertForMaskedLM",
        "text-generation": "BertLMHeadModel",
        "next-sentence": "BertForNextSentencePrediction",
        "text-classification": "BertForSequenceClassification",
        "extractive-summarization": "BertForTokenClassification",
        "token-classification": "BertForTokenClassification",
        "question-answering": "BertForQuestionAnswering",
        "multiple-choice": "BertForMultipleChoice",
    },
    "roberta": {
        "encoder": "RobertaModel",
        "fill-mask": "RobertaForMaskedLM",
        "text-generation": "RobertaForCausalLM",
        "text-classification": "RobertaForSequenceClassification",
        "extractive-summarization": "RobertaForTokenClassification",
        "token-classification": "RobertaForTokenClassification",
        "question-answering": "RobertaForQuestionAnswering",
        "multiple-choice": "RobertaForMultipleChoice",
    },
    "distilbert": {
        "encoder": "DistilBertModel",
        "fill-mask": "DistilBertForMaskedLM",
        "text-classification": "DistilBertForSequenceClassification",
        "extractive-summarization": "DistilBertForTokenClassification",
        "token-classification": "DistilBertForTokenClassification",
        "question-answering": "DistilBertForQuestionAnswering",
        "multiple-choice": "DistilBertForMultipleChoice",
    },
    "electra": {
        "encoder": "ElectraModel",
        "replaced-token-detection": "ElectraForPreTraining",
        "fill-mask": "ElectraForMaskedLM",
        "text-classification": "ElectraForSequenceClassification",
        "extractive-summarization": "ElectraForTokenClassification",
        "token-classification": "ElectraForTokenClassification",
        "question-answering": "ElectraForQuestionAnswering",
        "multiple-choice": "ElectraForMultipleChoice",
    },
    # Not transformers' names: it has no such encoder, and no file of ours names these.
    "static": dict.fromkeys(
        ("encoder", "text-classification", "extractive-summarization", "token-classification", "question-answering"),
        "StaticModel",
    ),
    PAIR_TYPE: {"seq2seq": "EncoderDecoderModel"},
}

# What a task's tensors begin with. A folder whose config.json names no class is of the first task whose tensors are all
# there; so one for multiple choice, which has those of a classifier, has to be named.
EVIDENCE = {
    "bert": {
        "question-answering": ("qa_outputs",),
        "text-classification": ("classifier", "pooler"),
        "multiple-choice": ("classifier", "pooler"),
        "token-classification": ("classifier",),
        "pre-training": ("cls.predictions", "cls.seq_relationship"),
        "fill-mask": ("cls.predictions",),
        "next-sentence": ("cls.seq_relationship",),
    },
    "roberta": {
        "question-answering": ("qa_outputs",),
        "text-classification": ("classifier.out_proj",),
        "multiple-choice": ("classifier.weight", "pooler"),
        "token-classification": ("classifier.weight",),
        "fill-mask": ("lm_head",),
    },
    "distilbert": {
        "question-answering": ("qa_outputs",),
        "text-classification": ("pre_classifier", "classifier"),
        "multiple-choice": ("pre_classifier", "classifier"),
        "token-classification": ("classifier",),
        "fill-mask": ("vocab_transform",),
    },
    "electra": {
        "question-answering": ("qa_outputs",),
        "text-classification": ("classifier.out_proj",),
        "multiple-choice": ("classifier.weight", "sequence_summary"),
        "token-classification": ("classifier.weight",),
        "replaced-token-detection": ("discriminator_predictions",),
        "fill-mask": ("generator_predictions",),
    },
    "static": {},
}


def names_of(family: str) -> Names:
    """The tables of a family, for reading."""
    place = partial(tensor_name, family, prefix=False)
    weightless = ("mlm/bias", *_POOLING)
    layers = {name for path, name in HEAD_NAMES[family].items() if path not in weightless} | {"pooler.dense"}
    return Names(place, HEADS, TIED[family], ARCHITECTURES[family], EVIDENCE[family], layers)


def names_in(settings: Mapping) -> Names:
    """The tables for a folder with this config.json.

    Raises:
        ConfigError: no model can be built from it.
    """
    if is_pair(settings):
        return names_of_pair(EncoderDecoderConfig.from_dict(settings))
    return names_of(family_name(settings))


def names_of_pair(config: EncoderDecoderConfig) -> Names:
    """The tables of an encoder with a decoder: those of two families, whose names carry the part's name in front."""
    encoder, decoder = config.encoder.model_type, config.decoder.model_type

    def place(path: str) -> tuple[str, bool]:
        part, _, rest = path.partition("/")
        own = part == "decoder"
        name, transposed = tensor_name(decoder if own else encoder, rest if own else path, prefix=own)
        return f"{'decoder' if own else 'encoder'}.{name}", transposed

    words, _ = place("decoder/embeddings/word_embeddings")
    tied = {f"decoder.{copy}": f"decoder.{original}" for copy, original in TIED[decoder].items()}
    if config.tied_words:
        tied[words], _ = place("embeddings/word_embeddings")
    heads = {"encoder.pooler": "pooler", "decoder": "decoder"}
    return Names(place, heads, tied, ARCHITECTURES[PAIR_TYPE], {"seq2seq": ("decoder",)}, ())


def file_name(family: str, name: str, *, prefix: bool) -> str:
    """How a file names a tensor. Args: prefix: whether encoder tensors carry the family's name, as in `tensor_name`."""
    return f"{family}.{name}" if prefix and names_of(family).head_of(name) in (None, "pooler") else name


def give_back_tied(tensors: dict, tied: Mapping[str, str]) -> None:
    """Gives tied tensors their own names. A writer that stores them once may have kept the copy's name.

    Args:
        tensors: name -> the tensor, changed in place.
        tied: `Names.tied`.
    """
    for copy, original in tied.items():
        if copy in tensors and original not in tensors:
            tensors[original] = tensors.pop(copy)


def modern_name(stored: str, settings: Mapping) -> str:
    """A tensor's name without the family's prefix, and with the LayerNorm leaves of today.

    Args:
        settings: content of config.json.
    """
    name = stored if is_pair(settings) else stored.removeprefix(f"{family_name(settings)}.")
    for old, new in OLD_LEAVES.items():
        name = name.removesuffix(old) + new if name.endswith(old) else name
    return name


def tensor_name(family: str, path: str, *, prefix: bool) -> tuple[str, bool]:
    """The Hugging Face name of our weight `path`, and whether it is stored transposed.

    Args:
        family: a model_type.
        path: a Keras variable path, such as `block_3/attention/query/kernel`.
        prefix: whether encoder tensors carry the family's name, as they do in files of a whole task model.
    """
    group, _, rest = path.partition("/")
    block = group.removeprefix("block_") if group.startswith("block_") else ""
    pattern = f"block_{{}}/{rest}" if block else path
    layer, _, leaf = pattern.rpartition("/")
    heads = HEAD_NAMES[family]
    for table, head in ((heads, True), (ENCODER_NAMES[family], False)):
        start = "" if head or not prefix else f"{family}."
        if pattern in table:
            return start + table[pattern].format(block), False
        if layer in table:
            return f"{start}{table[layer].format(block)}.{LEAVES[leaf]}", leaf == "kernel"
    raise KeyError(f"no Hugging Face name for {path} in the family {family}")
