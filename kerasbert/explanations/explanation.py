"""The reasons for an answer, and the files that show them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from kerasbert.explanations.attribution import AttentionMap, Attribution
from kerasbert.explanations.files import write

METHOD = "integrated gradients of the logit, along the path from the baseline's word vectors to the text's"


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The reasons for an answer.

    Attributes:
        task: the name of the task.
        fields: the texts by name, as the offsets refer to them.
        answer: the answer, the same as that of `predict_text`.
        baseline: what the texts are compared with, as a sentence.
        attributions: one for each logit that is explained: a label's, one per entity, or start and end of an answer.
        attention: one map for each row that these logits come from, if attention was asked for. A text that fits into
            the model is one row.
    """

    task: str
    fields: Mapping[str, object]
    answer: object
    baseline: str
    attributions: tuple[Attribution, ...]
    attention: tuple[AttentionMap, ...] = ()

    def as_data(self) -> dict:
        """The explanation as JSON has it, without the attention maps."""
        parts = asdict(self)
        del parts["attention"]
        return {"task": parts.pop("task"), "method": METHOD, **parts}

    def save(self, path: str | Path) -> None:
        """Writes a file that appears when it is whole: .json, .html (one file that needs no network) or .png.

        Raises:
            ConfigError: the name has another ending.
        """
        write(Path(path), self.as_data(), self.attention)
