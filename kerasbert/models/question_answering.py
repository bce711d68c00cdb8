"""Question answering: an encoder with a linear layer that gives each token a logit as start and one as end."""

import keras

from kerasbert.layers.dense import dense
from kerasbert.layers.heads import Column
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel
from kerasbert.tasks.question_answering import TASK, Settings


@keras.saving.register_keras_serializable("kerasbert")
class QuestionAnswerer(TextModel):
    """An encoder that finds the answer to a question in a context (Devlin et al. 2018, section 4.2 and 4.3).

    ```python
    model = kb.QuestionAnswerer.from_pretrained("path-or-hub-id", max_length=384)
    model.compile()
    model.fit(model.dataset("train.json", batch_size=16), epochs=2)
    model.fit((["Who left?"], ["Ann Lee left."]), [{"text": "Ann Lee", "answer_start": 0}])    # or texts of your own
    model.predict_text(["Who left?"], ["Ann Lee left."])
    # [{"answer": "Ann Lee", "score": 0.98, "start": 0, "end": 7}]
    model.save_pretrained("out/")
    ```

    Inputs: the encoder's. Outputs: float32 `start_logits` and `end_logits`, (batch, sequence). `predict_text` returns
    an answer for each question, with `start` and `end` in code points of the context, or a list of `top_k` answers.
    Contexts may have any length.

    Args:
        encoder: the encoder. It should have no pooler, because a pooler's weights would not be used.
        max_length: number of tokens in a window, with those of the question; None: 384, or the encoder's limit.
        settings: the others of `kerasbert.tasks.question_answering.Settings`, by name.

    Raises:
        ConfigError: an argument is not allowed.
    """

    task = TASK
    heads = ("qa_outputs",)

    def __init__(self, encoder: BertEncoder, *, max_length: int | None = None, **settings):
        kwargs = {name: settings.pop(name) for name in ("name", "dtype") if name in settings}
        dtype = kwargs.pop("dtype", None)
        max_length = min(TASK.usual_length, encoder.config.max_length) if max_length is None else max_length

        # Layers
        config = encoder.config
        scores = dense(2, stddev=config.initializer_range, name="qa_outputs", dtype=dtype)
        start = Column(0, name="start_logits", dtype="float32")
        end = Column(1, name="end_logits", dtype="float32")

        # Graph
        both = scores(encoder.output["sequence_output"])
        outputs = {"start_logits": start(both), "end_logits": end(both)}
        super().__init__(
            encoder=encoder, settings=Settings(max_length=max_length, **settings), outputs=outputs, **kwargs
        )

    def saved_part(self):
        return self

    def transformers_settings(self) -> dict:
        return {"head": "question-answering", "keys": {}, "says": ()}


MODEL = QuestionAnswerer
