"""The encoder itself as a task: texts to the vectors of their tokens."""

import keras

from kerasbert.checkpoints import huggingface
from kerasbert.checkpoints.tasks import stored_task
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel
from kerasbert.tasks.feature_extraction import TASK, Settings


@keras.saving.register_keras_serializable("kerasbert")
class FeatureExtractor(TextModel):
    """An encoder that takes texts and is exported like any other task; Hugging Face's task "feature-extraction".

    ```python
    model = kb.FeatureExtractor.from_pretrained("path-or-hub-id")
    answer = model.predict_text(["a lovely film"])[0]
    answer["sequence_output"]                         # 5 vectors: [CLS] a lovely film [SEP]
    answer["pooled_output"]                           # one vector, where the encoder has a pooler
    ```

    Inputs and outputs: the encoder's.

    Args:
        encoder: with or without a pooler.
        max_length: number of tokens that a text is cut to; None: the encoder's limit.

    Raises:
        ConfigError: a length that the encoder does not have.
    """

    task = TASK

    def __init__(self, encoder: BertEncoder, *, max_length: int | None = None, **kwargs):
        max_length = encoder.config.max_length if max_length is None else max_length
        super().__init__(encoder=encoder, settings=Settings(max_length=max_length), outputs=encoder.output, **kwargs)

    @classmethod
    def from_pretrained(
        cls, path: str | None = None, *, max_length: int | None = None, dtype=None
    ) -> "FeatureExtractor":
        """Reads a Hugging Face folder or hub id; the length is what it was saved with, else the model's.

        Without a path it is the encoder that comes with the package (`kerasbert/presets`).
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
