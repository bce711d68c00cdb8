"""Feature extraction: the encoder itself as a task, which turns texts into the vectors of their tokens."""

import keras

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
    def reads_pooler(cls, checkpoint, settings) -> bool:
        return checkpoint.has("pooler")


MODEL = FeatureExtractor
