"""The weights of all-MiniLM-L6-v2 give the numbers that other projects publish, in Keras and in every float32 file."""

import numpy as np
import pytest
from conversions import remembered

from kerasbert import SentenceEncoder
from kerasbert.export import export_bundle
from kerasbert.export.gate.opening import open_any
from kerasbert.export.variants import FORMATS, chosen_variants

WEATHER, SUNNY, STADIUM = "The weather is lovely today.", "It's so sunny outside!", "He drove to the stadium."
NEW, CAT, GUITAR = "The new movie is awesome", "The cat sits outside", "A man is playing guitar"
DOG, GREAT, TV = "The dog plays in the garden", "The new movie is so great", "A woman watches TV"

KINDS = tuple(kind for kind in FORMATS if kind != "mediapipe")
"""MediaPipe's file of these weights has a test of its own, which MediaPipe runs (export/formats/mediapipe)."""
COSINES = {
    # huggingface/sentence-transformers, README.md, "Embedding Models" (commit 3240b9d)
    (WEATHER, SUNNY): 0.6660,
    (WEATHER, STADIUM): 0.1046,
    (SUNNY, STADIUM): 0.1411,
    # the same, docs/sentence_transformer/usage/semantic_textual_similarity.rst (commit 0c0b512)
    (NEW, DOG): 0.0543,
    (NEW, GREAT): 0.8939,
    (NEW, TV): -0.0502,
    (CAT, DOG): 0.2838,
    (CAT, GREAT): -0.0029,
    (CAT, TV): 0.1310,
    (GUITAR, DOG): 0.2277,
    (GUITAR, GREAT): -0.0136,
    (GUITAR, TV): -0.0327,
}
MANHATTAN = {(WEATHER, SUNNY): 12.6269, (WEATHER, STADIUM): 20.2167, (SUNNY, STADIUM): 20.1288}
"""The sum of the differences, from the same page."""
HELLO_WORLD = [-0.034478, 0.03102, 0.00673, 0.02611, -0.039362]
"""The vector's first numbers: qdrant/fastembed, tests/test_text_onnx_embeddings.py (commit 00e932f)."""


@pytest.fixture(scope="module")
def model(minilm):
    return SentenceEncoder.from_pretrained(minilm, max_length=16)


@pytest.fixture(scope="module")
def bundle(model, shared, conversion_folder):
    def make(folder):
        with remembered(conversion_folder):
            export_bundle(model, folder / "bundle", formats=KINDS, quantize="none")

    return shared("minilm_bundle", make) / "bundle"


def check(encode):
    texts = sorted({text for pair in COSINES for text in pair})
    vectors = dict(zip(texts, encode(texts), strict=True))
    for (one, other), cosine in COSINES.items():
        assert vectors[one] @ vectors[other] == pytest.approx(cosine, abs=5e-5), (one, other)
    for (one, other), distance in MANHATTAN.items():
        assert np.abs(vectors[one] - vectors[other]).sum() == pytest.approx(distance, abs=1e-4), (one, other)
    np.testing.assert_allclose(encode(["hello world"])[0, :5], HELLO_WORLD, atol=1e-4)


def test_keras_gives_the_published_numbers(model):
    check(model.encode)


@pytest.mark.slow
@pytest.mark.parametrize("name", chosen_variants(KINDS, "none"))
def test_a_float32_file_gives_the_published_numbers(name, bundle):
    opened = open_any(bundle, name)
    check(opened.pipeline.encode)
    if opened.from_text:
        check(opened.from_text["text",].encode)
