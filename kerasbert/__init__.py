"""BERT in Keras 3: from raw text, through fine-tuning, to a file on a phone, with the same answer everywhere.

The public names are imported on first use, so `import kerasbert` loads neither TensorFlow nor Keras. README.md in this
folder is the map of the rooms.
"""

import os
from importlib import import_module

from kerasbert._version import __version__
from kerasbert.quiet import hush_tensorflow

# TensorFlow leaves oneDNN's kernels off on some processors, such as AMD's. A training step then takes 1.8 times as
# long. TensorFlow reads the variable when it is imported. A value that the user has set stays.
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
hush_tensorflow()

_HOME = {
    "BertConfig": "kerasbert.config",
    "BertEncoder": "kerasbert.models.encoder",
    "ExtractiveSummarizer": "kerasbert.models.extractive_summarization",
    "FeatureExtractor": "kerasbert.models.feature_extraction",
    "MaskFiller": "kerasbert.models.fill_mask",
    "MultipleChoice": "kerasbert.models.multiple_choice",
    "NextSentenceScorer": "kerasbert.models.next_sentence",
    "PretrainingModel": "kerasbert.models.pretraining",
    "QuestionAnswerer": "kerasbert.models.question_answering",
    "SentenceEncoder": "kerasbert.models.sentence_embedding",
    "Seq2Seq": "kerasbert.models.seq2seq",
    "TextClassifier": "kerasbert.models.text_classification",
    "TokenClassifier": "kerasbert.models.token_classification",
    "KerasBertError": "kerasbert.errors",
    "explain": "kerasbert.explanations.explain",
    "add_tokens": "kerasbert.checkpoints.vocabulary",
    "prune_vocabulary": "kerasbert.checkpoints.vocabulary",
}
_SUBPACKAGES = (
    "checkpoints",
    "config",
    "corpus",
    "decoding",
    "errors",
    "examples",
    "explanations",
    "export",
    "layers",
    "models",
    "runs",
    "runtime",
    "tasks",
    "tf",
    "tokenizers",
    "training",
)

__all__ = [*_HOME, *_SUBPACKAGES, "__version__"]


def __getattr__(name: str):
    if name in _HOME:
        return getattr(import_module(_HOME[name]), name)
    if name in _SUBPACKAGES:
        return import_module(f"kerasbert.{name}")
    raise AttributeError(f"module 'kerasbert' has no attribute {name!r}")


def __dir__():
    return __all__
