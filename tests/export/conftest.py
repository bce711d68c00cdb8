"""Tiny classifiers of the three families and the three problem types, exported once for all tests."""

from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import keras
import pytest
from conversions import remembered
from families import small_encoder

from kerasbert import (
    BertEncoder,
    ExtractiveSummarizer,
    MaskFiller,
    MultipleChoice,
    NextSentenceScorer,
    QuestionAnswerer,
    Seq2Seq,
    TextClassifier,
    TokenClassifier,
)
from kerasbert.export import export_bundle

FIXTURES = Path(__file__).resolve().parents[1] / "parity" / "fixtures"
# RoBERTa has no text signature, whose graph takes seconds to build: it stands for what every family shares.
MODELS = {
    "roberta": ("roberta_classifier", {}),
    "distilbert": ("distilbert_classifier", {}),
    "several labels": ("roberta_classifier", {"problem_type": "multi_label_classification"}),
    "a number": ("roberta_classifier", {"problem_type": "regression", "labels": ["value"]}),
}
READERS = {
    "question-answering": (QuestionAnswerer, {"pooler": False}, {"stride": 8, "top_k": 2}),
    "fill-mask": (MaskFiller, {"pooler": False}, {}),
    "next-sentence": (NextSentenceScorer, {}, {}),
    "multiple-choice": (MultipleChoice, {}, {}),
    "extractive-summarization": (ExtractiveSummarizer, {"pooler": False}, {"top_k": 2}),
    "seq2seq": (Seq2Seq, {"pooler": False}, {"max_new_tokens": 12, "num_beams": 3}),
}
"""Task -> its model, options of the encoder, settings."""


@dataclass
class Exported:
    """A model and its bundle."""

    model: TextClassifier
    bundle: Path


@pytest.fixture(autouse=True)
def conversions_remembered(request, conversion_folder):
    """Bundles are made of files that were converted before, where there are some; not in tests of the files themselves,
    nor in one that asks for `converted_anew`."""
    if "formats" in request.path.parts or "converted_anew" in request.fixturenames:
        yield
    else:
        with remembered(conversion_folder):
            yield


@pytest.fixture
def converted_anew():
    """Asked for by a test of what happens while a file is converted."""


@pytest.fixture(scope="session")
def fixtures() -> Path:
    """Where the tiny folders of transformers and its recorded answers are."""
    return FIXTURES


def smallest(tiny_bert, **options) -> BertEncoder:
    """`small_encoder` of BERT, with the tokenizer of `tiny_bert`."""
    return small_encoder("bert", BertEncoder.from_pretrained(tiny_bert).tokenizer, **options)


@pytest.fixture(scope="module")
def smallest_encoder(tiny_bert):
    """Anew for each module, so that a head made after it is the same whatever ran before."""
    return smallest(tiny_bert, seed=5, positions=32)


@pytest.fixture(scope="session")
def tagger(tiny_bert):
    """`tagger("first")` -> a small token classifier with that strategy; all have the same weights, which find something
    in most texts."""

    def make(aggregation: str) -> TokenClassifier:
        encoder = smallest(tiny_bert, seed=11, positions=48, pooler=False)
        return TokenClassifier(encoder, labels=("O", "B-PER", "I-PER", "B-LOC", "I-LOC"), aggregation=aggregation)

    return make


@pytest.fixture(scope="session")
def answerer(tiny_bert):
    """`answerer(48)` -> a small question answerer with windows of that length."""

    def make(max_length: int) -> QuestionAnswerer:
        encoder = smallest(tiny_bert, seed=5, positions=384, pooler=False)
        return QuestionAnswerer(encoder, max_length=max_length, stride=8)

    return make


@pytest.fixture(scope="session")
def reader(tiny_bert, shared, conversion_folder):
    """`reader("fill-mask")` -> the float32 bundle of a small model of a task that reads (`READERS`)."""

    def bundle(task: str) -> Path:
        def make(folder: Path) -> None:
            model_class, options, settings = READERS[task]
            encoder = smallest(tiny_bert, seed=5, positions=48, **options)
            with remembered(conversion_folder):
                export_bundle(model_class(encoder, **settings), folder / "bundle", quantize="none")

        return shared(f"reader-{task}", make) / "bundle"

    return bundle


@pytest.fixture(scope="session")
def exported(tiny_classifier, tiny_bundle, shared, conversion_folder):
    """`exported("roberta")` -> its `Exported`; "bert" is `tiny_classifier`, the others are in `MODELS`."""
    made = {"bert": Exported(TextClassifier.from_pretrained(tiny_classifier), tiny_bundle)}

    def export(name: str) -> Exported:
        if name not in made:
            folder, changes = MODELS[name]
            keras.utils.set_random_seed(5)  # of the new heads
            model = TextClassifier.from_pretrained(FIXTURES / folder, **changes)
            if "labels" in changes:  # a new head, whose answers hardly depend on the text
                kernel = model.get_layer("classifier").dense.kernel
                kernel.assign(20 * kernel)

            def make(folder: Path, model=model) -> None:
                with remembered(conversion_folder):
                    export_bundle(model, folder / "bundle")

            place = shared(f"exported-{name}", make)
            made[name] = Exported(model, place / "bundle")
        return made[name]

    return export


@pytest.fixture(scope="session")
def loaded(tiny_bundle):
    """The SavedModel of `tiny_bundle`, as TensorFlow loads it."""
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 - registers the ops of the signatures for texts

    return tf.saved_model.load(str(tiny_bundle / "saved_model"))


@pytest.fixture(scope="session")
def on_device():
    """`on_device("TextClassifier", file)` -> that task of MediaPipe, which reads texts itself."""
    text = pytest.importorskip("mediapipe.tasks.python.text", reason="needs pip install mediapipe")
    base_options = import_module("mediapipe.tasks.python.core.base_options")
    opened = []

    def open_task(kind: str, file: Path | bytes):
        content = file if isinstance(file, bytes) else file.read_bytes()
        options = getattr(text, f"{kind}Options")(base_options.BaseOptions(model_asset_buffer=content))
        opened.append(getattr(text, kind).create_from_options(options))
        return opened[-1]

    yield open_task
    for task in opened:
        task.close()
