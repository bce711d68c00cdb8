"""Feature extraction: the encoder itself as a task, which turns texts into the vectors of their tokens."""

import keras

from kerasbert.checkpoints import huggingface
from kerasbert.checkpoints.tasks import stored_task
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel
from kerasbert.tasks.feature_extraction import TASK, Settings


@keras.saving.register_keras_serializable("kerasbert")
class FeatureExtractor(TextModel):
    """An encoder that takes texts and is exported like any other task.

    Hugging Face calls this task "feature-extraction".

    ```python
    model = kb.FeatureExtractor.from_pretrained("path-or-hub-id")
    answer = model.predict_text(["a lovely film"])[0]
    answer["sequence_output"]                         # 5 vectors: [CLS] a lovely film [SEP]
    answer["pooled_output"]                           # one vector, if the encoder has a pooler
    ```

    Inputs and outputs: the encoder's.

    Args:
        encoder: with or without a pooler.
        max_length: number of tokens that a text is cut to; None: the encoder's limit.

    Raises:
        ConfigError: `max_length` is below 3 or above the encoder's limit.
    """

    task = TASK

    def __init__(self, encoder: BertEncoder, *, max_length: int | None = None, **kwargs):
        max_length = encoder.config.max_length if max_length is None else max_length
        super().__init__(encoder=encoder, settings=Settings(max_length=max_length), outputs=encoder.output, **kwargs)

    @classmethod
    def from_pretrained(
        cls, path: str | None = None, *, max_length: int | None = None, dtype=None
    ) -> "FeatureExtractor":
        """Reads a Hugging Face folder or hub id.

        Args:
            path: the folder or hub id; None reads the encoder that comes with the package (`kerasbert/presets`).
            max_length: number of tokens that a text is cut to; None: the saved length, or else the encoder's limit.
            dtype: Keras's dtype or dtype policy.

        Raises:
            CheckpointError: the weights do not fit.
            ConfigError: `max_length` is below 3 or above the encoder's limit.
        """
        checkpoint = huggingface.open_checkpoint(path)
        encoder = BertEncoder(
            checkpoint.config, tokenizer=checkpoint.tokenizer(), pooler=checkpoint.has("pooler"), dtype=dtype
        )
        max_length = stored_task(checkpoint).max_length if max_length is None else max_length
        model = cls(encoder, max_length=max_length, dtype=dtype)
        checkpoint.load_into(encoder)
        return model


MODEL = FeatureExtractor
