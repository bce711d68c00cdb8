"""A small model of every family and task, with weights that make a difference: rows of one table for tests to walk."""

from importlib import import_module

import keras

from kerasbert import BertConfig, BertEncoder
from kerasbert.families import FAMILIES
from kerasbert.tasks import NAMES, module_of
from kerasbert.tokenizers import WordPieceTokenizer
from kerasbert.tokenizers.training import train_bytepair

WITH_BYTES = ("roberta",)
"""The families that read byte pairs; the others read word pieces."""
WITHOUT = {(family, "next-sentence") for family in ("roberta", "distilbert", "electra")}
WITHOUT |= {("static", task) for task in ("next-sentence", "fill-mask", "multiple-choice", "seq2seq")}
"""Families that were never trained for the task, and have no head for it."""
TOLD_BY = {
    "electra": ("text-classification", "fill-mask", "multiple-choice"),
    "static": ("text-classification", "token-classification", "sentence-embedding", "feature-extraction"),
}
"""Families whose other tasks are made of parts that these and the other families have."""
ROWS = [(family, task) for family in FAMILIES for task in TOLD_BY.get(family, NAMES) if (family, task) not in WITHOUT]
POOLED = ("text-classification", "multiple-choice", "next-sentence")
"""The tasks whose head may stand on the pooler."""
LABELS = ("O", "B-PER", "I-PER")
WITHOUT_DECODER = ("distilbert", "electra", "static")
"""The families whose encoder has a decoder of BERT."""
SETTINGS = {"seq2seq": {"max_new_tokens": 8, "num_beams": 2}}
"""Settings of a task's small model: what is random writes as much as it may."""


def tokenizer_of(family: str, pieces: list[str]):
    """A tokenizer of the family's kind, with word pieces or with byte pairs that were learned from them."""
    if family in WITH_BYTES:
        return train_bytepair([f" {piece.removeprefix('##')}" for piece in pieces for _ in range(2)], 600)
    return WordPieceTokenizer(pieces)


def sizes_for(tokenizer, positions: int) -> dict:
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    return {**sizes, "vocab_size": tokenizer.vocab_size, "max_position_embeddings": positions, "initializer_range": 0.5}


def small_encoder(family: str, tokenizer, *, seed: int = 5, positions: int = 48, **options) -> BertEncoder:
    """The smallest encoder there is, because converting takes most of the time; with weights that make a difference."""
    keras.utils.set_random_seed(seed)
    sizes = {**sizes_for(tokenizer, positions), "embedding_size": 8}
    sizes = {name: size for name, size in sizes.items() if name not in FAMILIES[family].fixed}
    config = BertConfig.from_size("tiny", model_type=family, **sizes)
    return BertEncoder(config, tokenizer=tokenizer, **options)


def pooler_for(task: str) -> bool | None:
    """The option `pooler` of an encoder for a task's model."""
    return None if task in POOLED else False


def small_model(family: str, task: str, pieces: list[str], *, max_length: int = 48, positions: int = 64):
    """The task's model on a small encoder."""
    model_class = import_module(f"kerasbert.models.{module_of(task)}").MODEL
    needs_labels = "labels" in model_class.task.Settings.__dataclass_fields__ and task != "next-sentence"
    encoder = small_encoder(family, tokenizer_of(family, pieces), positions=positions, pooler=pooler_for(task))
    settings = {"labels": LABELS} if needs_labels else SETTINGS.get(task, {})
    if family == "static" and task == "text-classification":
        settings = {**settings, "pooling": "mean"}
    if task == "seq2seq" and family in WITHOUT_DECODER:
        settings = {**settings, "decoder": BertConfig.from_size("tiny", **sizes_for(encoder.tokenizer, positions))}
    return model_class(encoder, **settings, max_length=max_length)


def questions(task) -> list[list]:
    """One column for each required field of a task: short texts with an emoji, other scripts, and a mask if needed."""
    texts = ["the film was good 🎬 and the room was kind", "Café 这家电影 was awful, day", "good"]
    return [
        [["a lovely film", "the hotel", "no"]] * len(texts) if each.kind == "texts" else [task.pose(x) for x in texts]
        for each in task.fields
        if each.required
    ]
