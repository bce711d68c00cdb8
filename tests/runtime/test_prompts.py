"""Prompts of a bundle: they stand before texts that ids are made of, and a file that reads texts has its own one."""

import numpy as np
import pytest
from conftest import small_vocabulary

from kerasbert.errors import BundleError, ConfigError, TokenizerError
from kerasbert.runtime import Pipeline
from kerasbert.runtime.manifest import Manifest
from kerasbert.runtime.pipelines import text_graphs
from kerasbert.tasks.task import MODEL_INPUTS, Graph, Output
from kerasbert.tokenizers import WordPieceTokenizer

PROMPTS = {"query": "bad ", "passage": "good "}
TOKENIZER = WordPieceTokenizer(small_vocabulary())


def pipeline(prompt: str, *, reads_text: bool = False) -> Pipeline:
    """A bundle whose model gives the number of the first token behind [CLS]."""
    manifest = Manifest(
        task="sentence-embedding",
        settings={"pooling": "mean", "prompt": prompt, "prompts": PROMPTS, "score_max": 1.0, "max_length": 16},
        graphs=[Graph("model", MODEL_INPUTS, (Output("embedding", "row", "vector", 1),))],
        lengths=[16],
        tokenizer=TOKENIZER.options(),
        files={},
        checksums=dict.fromkeys(("vocab.txt", "golden.json"), "0" * 64),
        versions={},
    )
    runs = {"model": lambda batch: {"embedding": batch["input_ids"][:, 1:2].astype("float32")}}
    return Pipeline(manifest, TOKENIZER, runs, graphs=text_graphs(manifest, ("text",)) if reads_text else None)


def first_token(text: str) -> int:
    (encoding,) = TOKENIZER.encode([text], max_length=16)
    return encoding.ids[1]


def test_a_prompt_is_put_before_the_texts_and_a_call_may_change_it():
    encode = pipeline("good ").encode
    assert encode(["film", "room"]).tolist() == [[first_token("good")]] * 2
    assert encode(["film"], prompt="bad ").tolist() == [[first_token("bad")]]
    assert encode(["film"], prompt="").tolist() == [[first_token("film")]]
    assert encode(["film"], prompt_name="query").tolist() == [[first_token("bad")]]
    with pytest.raises(ConfigError, match=r"^prompt_name is 'title': the model has query, passage$"):
        encode(["film"], prompt_name="title")
    with pytest.raises(ConfigError, match=r"^prompt and prompt_name: give one of them$"):
        encode(["film"], prompt="a", prompt_name="query")
    assert len({first_token(word) for word in ("good", "bad", "film")}) == 3


def test_a_file_that_reads_texts_has_its_own_prompt_alone():
    taken = []
    answering = pipeline("good ", reads_text=True)
    answering.runs["model"] = lambda batch: taken.append(batch["text"]) or {"embedding": np.ones((1, 1))}
    answering.encode(["film"])
    answering.encode(["film"], prompt="good ")
    assert [texts.tolist() for texts in taken] == [["film"]] * 2
    with pytest.raises(TokenizerError, match="this file puts 'good ' before every text itself, not 'bad ': load anoth"):
        answering.encode(["film"], prompt="bad ")


def test_another_bundle_has_no_vectors():
    with pytest.raises(BundleError, match="this bundle has no logits: sentence-embedding gives embedding"):
        pipeline("").predict_logits(["film"])
