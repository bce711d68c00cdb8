"""A model folder opened as what it was saved as."""

from kerasbert.checkpoints import huggingface
from kerasbert.errors import CheckpointError
from kerasbert.models.feature_extractor import FeatureExtractor
from kerasbert.models.sentence_encoder import SentenceEncoder
from kerasbert.models.text_classifier import TextClassifier
from kerasbert.models.text_model import TextModel

MODELS = {
    "text-classification": TextClassifier,
    "sentence-embedding": SentenceEncoder,
    "feature-extraction": FeatureExtractor,
}
"""Task -> its class."""


def open_model(path: str, *, task: str | None = None, max_length: int | None = None) -> TextModel:
    """Reads a Hugging Face folder or hub id as the model of a task.

    Args:
        task: a key of `MODELS`; None: what the folder was saved as.
        max_length: tokens a text is cut to; None: what it was saved with.

    Raises:
        CheckpointError: the folder holds another task, or the weights do not fit.
    """
    if task is None:
        checkpoint = huggingface.open_checkpoint(path)
        task = checkpoint.task
        if task not in MODELS:
            raise CheckpointError(
                f"{checkpoint.folder}: holds {checkpoint.holds}, which kerasbert cannot answer with yet; fine-tune it "
                "first, or name a task for its encoder: sentence-embedding (one vector per text) or feature-extraction "
                "(one vector per token)"
            )
    return MODELS[task].from_pretrained(path, max_length=max_length)
