"""Sentence embeddings: texts become vectors of length 1, whose dot product is their similarity."""

import dataclasses

import keras
import numpy as np

from kerasbert.checkpoints import modules
from kerasbert.layers.heads import POOLINGS, UnitLength
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel
from kerasbert.tasks.sentence_embedding import TASK, Settings


@keras.saving.register_keras_serializable("kerasbert")
class SentenceEncoder(TextModel):
    """An encoder whose vectors are pooled and scaled to length 1 (Sentence-BERT, arXiv 1908.10084, section 3).

    ```python
    model = kb.SentenceEncoder.from_pretrained("path-or-hub-id")
    a, b = model.encode(["a lovely film", "a charming picture"])
    a @ b                                             # cosine, from -1 to 1
    ```

    `from_pretrained` takes pooling and `max_length` from the modules of a sentence-transformers folder. A module that
    kerasbert does not have, such as Dense, is an error.

    Inputs: the encoder's. Output: float32 (batch, hidden_size), each row of length 1.

    Args:
        encoder: the encoder. It should have no pooler, because a pooler's weights would not be used.
        pooling: "mean" of all tokens without padding; "cls", the first token; or "max", in each place of the vector
            the largest number of any token.
        max_length: number of tokens that a text is cut to; None: the encoder's limit.

    Raises:
        ConfigError: an unknown pooling, or `max_length` is below 3 or above the encoder's limit.
    """

    task = TASK
    answering = "encode"

    def __init__(self, encoder: BertEncoder, *, pooling: str = "mean", max_length: int | None = None, **kwargs):
        dtype = kwargs.get("dtype")
        max_length = encoder.config.max_length if max_length is None else max_length
        settings = Settings(pooling=pooling, max_length=max_length)

        # Graph
        x = encoder.first_output if pooling == "cls" else encoder.output["sequence_output"]
        pooled = POOLINGS[pooling](name="pooling", dtype=dtype)(x, encoder.input["attention_mask"])
        outputs = UnitLength(name="unit_length", dtype="float32")(pooled)
        super().__init__(encoder=encoder, settings=settings, outputs=outputs, **kwargs)

    def encode(self, *columns, batch_size: int = 32, **named) -> np.ndarray:
        """Returns vectors of length 1, float32 (texts, hidden_size), in the order of the texts."""
        return self.predict_outputs(*columns, batch_size=batch_size, **named)["embedding"]

    def transformers_settings(self) -> dict:
        files = modules.written(**dataclasses.asdict(self.settings), width=self.config.hidden_size)
        return {**super().transformers_settings(), "files": files}


MODEL = SentenceEncoder
