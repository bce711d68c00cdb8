"""Multiple choice: an encoder that gives a prompt with each of its choices a logit."""

from functools import partial

import keras
from keras import ops

from kerasbert.errors import ConfigError
from kerasbert.layers.dense import dense
from kerasbert.layers.heads import ClassificationHead, FirstToken
from kerasbert.models.by_example import on_rows
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel
from kerasbert.tasks.multiple_choice import TASK, Settings

NO_CHOICE = -1e9
"""The logit in the place of a choice that an example does not have, such as that of a row of padding."""


@keras.saving.register_keras_serializable("kerasbert")
class MultipleChoice(TextModel):
    """An encoder that chooses the text that goes best with a prompt (Devlin et al. 2018, section 4.4, SWAG).

    ```python
    model = kb.MultipleChoice.from_pretrained("path-or-hub-id", max_length=128)
    model.compile()
    model.fit(model.dataset("train.csv", batch_size=16), epochs=3)
    model.fit((["She opened the door"], [["and went in.", "and was the sea."]]), [0])    # or texts of your own
    model.predict_text("She opened the door", ["and went in.", "and was the sea."])
    # [{"choice": 0, "text": "and went in.", "score": 0.98}]
    model.save_pretrained("out/")
    ```

    Inputs: the encoder's, (rows, sequence), where a row is the prompt with one choice, or (examples, choices,
    sequence), as `fit` and `evaluate` get them. Output: float32 logits (rows, 1), or (examples, choices). Their softmax
    over the choices of an example is the probability of each. An example with fewer choices than another has rows
    without tokens.

    Args:
        encoder: the encoder, with a pooler if its family has one.
        max_length: number of tokens that the prompt and one choice are cut to, together; None: the encoder's limit.

    Raises:
        ConfigError: an argument is not allowed.
    """

    task = TASK
    heads = ("classifier", "summary")

    def __init__(self, encoder: BertEncoder, *, max_length: int | None = None, **kwargs):
        max_length = encoder.config.max_length if max_length is None else max_length
        config, dtype = encoder.config, kwargs.pop("dtype", None)
        config.check_blocks("multiple-choice")

        if config.family.pooler and encoder.pooler is None:
            raise ConfigError("multiple-choice needs the encoder's pooler: use BertEncoder(config, pooler=True)")

        # Layers
        rate = config.hidden_dropout_prob if config.classifier_dropout is None else config.classifier_dropout
        options = {"stddev": config.initializer_range, "name": "classifier", "dtype": dtype}

        # Graph
        if config.family.pooler:
            x = encoder.pooler(encoder.first_output)
        else:
            x = FirstToken(name="first_token", dtype=dtype)(encoder.first_output)
        if config.family.summary:
            shared = {"stddev": config.initializer_range, "name": "summary", "dtype": dtype}
            x = dense(config.hidden_size, activation=config.family.summary, **shared)(x)
        if config.family.pooler or config.family.summary:
            x = dense(1, **options)(keras.layers.Dropout(rate, name="dropout", dtype=dtype)(x))
        else:
            activation = config.family.classifier_dense
            x = ClassificationHead(num_labels=1, hidden_activation=activation, dropout=rate, **options)(x)
        logits = keras.layers.Activation("linear", name="logits", dtype="float32")(x)
        super().__init__(encoder=encoder, settings=Settings(max_length=max_length), outputs=logits, **kwargs)
        self.input_spec = None  # because `call` takes rows, and examples with their rows

    def call(self, inputs, training=None, mask=None):
        call = partial(super().call, training=training)
        if len(inputs["input_ids"].shape) == 2:
            return call(inputs, mask=mask)
        logits = ops.squeeze(on_rows(call, inputs), axis=-1)
        return ops.where(ops.any(inputs["attention_mask"] > 0, axis=-1), logits, NO_CHOICE)

    @classmethod
    def reads_pooler(cls, checkpoint, settings) -> bool:
        return checkpoint.config.family.pooler

    def saved_part(self):
        return self

    def transformers_settings(self) -> dict:
        return {"head": "multiple-choice", "keys": {}, "says": ()}


MODEL = MultipleChoice
