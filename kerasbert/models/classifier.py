"""The base class of the models that end in a classifier: its logits are those of the settings' labels."""

from kerasbert.models.encoder import BertEncoder
from kerasbert.models.text_model import TextModel


class Classifier(TextModel):
    """A text model with labels, whose logits come from its own head, `heads[0]`, or from layers of the user's.

    A subclass defines `heads`, `usual_logits`, and settings with `labels`.

    Args:
        encoder: the encoder.
        settings: an instance of `task.Settings`.
        outputs: logits of the user's own layers (`kerasbert.models.combined`); None for the usual classifier.
    """

    def __init__(self, encoder: BertEncoder, *, settings, outputs=None, **kwargs):
        logits = self.usual_logits(encoder, settings, kwargs.get("dtype")) if outputs is None else None
        super().__init__(encoder=encoder, settings=settings, outputs=logits, head=outputs, **kwargs)

    @staticmethod
    def usual_logits(encoder: BertEncoder, settings, dtype):
        """The logits of the usual classifier on an encoder, a symbolic tensor."""
        raise NotImplementedError

    @property
    def labels(self) -> tuple[str, ...]:
        """The names of the labels, in the order of the logits."""
        return self.settings.labels

    def saved_part(self):
        return self

    def get_config(self):
        config = super().get_config()
        return config if self.head else {**config, "dtype": self.get_layer(self.heads[0]).dtype_policy.name}
