"""Random models of kerasbert that KerasHub computes exactly, and the names of its classes."""

import numpy as np
from conftest import small_vocabulary
from families import tokenizer_of

import kerasbert as kb
from kerasbert.config import BertConfig

TASKS = {"encoder": "Backbone", "text-classification": "TextClassifier", "fill-mask": "MaskedLM"}
SAID = {"bert": "Bert", "roberta": "Roberta", "distilbert": "DistilBert"}
ROWS = [(family, task) for family in SAID for task in TASKS]
CLASSES = {"encoder": kb.BertEncoder, "text-classification": kb.TextClassifier, "fill-mask": kb.MaskFiller}


def shaken(model):
    """The model with other numbers in every weight, so that none may be left out."""
    random = np.random.default_rng(3)
    for weight in model.weights:
        weight.assign(weight.numpy() + random.normal(scale=0.3, size=weight.shape))
    return model


def own_model(family, task, **changes):
    tokenizer = tokenizer_of(family, small_vocabulary())
    sizes = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
    exact = {
        "bert": {"hidden_act": "gelu_new", "mlm_hidden_act": "gelu", "mlm_layer_norm_eps": 1e-5},
        "roberta": {"layer_norm_eps": 1e-5, "pad_token_id": 1, "type_vocab_size": 1},
        "distilbert": {"mlm_layer_norm_eps": 1e-5},
    }[family]
    config = BertConfig(
        **{"model_type": family, "vocab_size": tokenizer.vocab_size, "max_position_embeddings": 34, **sizes}
        | {**exact, **changes}
    )
    pooler = family == "bert" and task != "fill-mask"
    encoder = kb.BertEncoder(config, tokenizer=tokenizer, pooler=pooler)
    options = {"labels": ["red", "green", "blue"], "max_length": 20} if task == "text-classification" else {}
    return shaken(encoder if task == "encoder" else CLASSES[task](encoder, **options))


class Kept:
    """`kept(family, task)` -> a model of `own_model` and its folder, made once."""

    def __init__(self, factory):
        self.models, self.factory = {}, factory

    def __call__(self, family, task):
        if (family, task) not in self.models:
            self.models[family, task] = own_model(family, task), self.factory.mktemp("own") / "model"
            self.models[family, task][0].save_pretrained(self.models[family, task][1])
        return self.models[family, task]
