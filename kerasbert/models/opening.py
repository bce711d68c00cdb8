"""A model folder opened as what it was saved as."""

from kerasbert.checkpoints import hf
from kerasbert.checkpoints.tasks import stored_task
from kerasbert.errors import CheckpointError
from kerasbert.models.feature_extractor import FeatureExtractor
from kerasbert.models.sentence_encoder import SentenceEncoder
from kerasbert.models.text_classifier import TextClassifier
from kerasbert.models.text_model import TextModel

MODELS = {"text_classifier": TextClassifier, "sentence_encoder": SentenceEncoder, "encoder": FeatureExtractor}
"""Task, as config.json says it -> its class."""


def open_model(path: str, *, task: str | None = None, max_length: int | None = None) -> TextModel:
    """Reads a Hugging Face folder or hub id as the model of a task.

    Args:
        task: a key of `MODELS`; None: what the folder was saved as, or a classifier where it has one.
        max_length: tokens a text is cut to; None: what it was saved with.

    Raises:
        CheckpointError: no task is known, or the weights do not fit.
    """
    if task is None:
        checkpoint = hf.open_checkpoint(path)
        task = stored_task(checkpoint)["task"]
        if task not in MODELS:
            raise CheckpointError(
                f"{checkpoint.folder}: has no classifier; fine-tune it first, or name its task: sentence_encoder (a "
                "vector a text) or encoder (a vector a token)"
            )
    return MODELS[task].from_pretrained(path, max_length=max_length)
