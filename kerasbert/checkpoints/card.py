"""The model card: README.md of a model folder, as the hub shows it, with its head in YAML."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData, metadata_load

from kerasbert.checkpoints.markdown import table
from kerasbert.files import write_text
from kerasbert.presets import default_checkpoint

log = logging.getLogger("kerasbert")

NAME = "README.md"
MARKER = (
    "<!-- Written by kerasbert, and again when the model is saved again. Without this line the page stays as it is. -->"
)
LARGEST = 1_000_000
"""Bytes of a card. A larger file is none."""
PIPELINES = {
    "encoder": "feature-extraction",
    "extractive-summarization": "summarization",
    "feature-extraction": "feature-extraction",
    "fill-mask": "fill-mask",
    "multiple-choice": "multiple-choice",
    "pre-training": "fill-mask",
    "question-answering": "question-answering",
    "sentence-embedding": "sentence-similarity",
    "seq2seq": "text2text-generation",
    "text-classification": "text-classification",
    "token-classification": "token-classification",
}
"""Task -> its name on the hub, which has none for the next sentence."""
METRICS = {
    "accuracy": "accuracy",
    "bleu": "sacrebleu",
    "chrf": "chrf",
    "exact_match": "exact_match",
    "f1": "f1",
    "macro_f1": "f1",
    "mae": "mae",
    "micro_f1": "f1",
    "mse": "mse",
    "pearson": "pearsonr",
    "perplexity": "perplexity",
    "precision": "precision",
    "recall": "recall",
    "rouge1": "rouge",
    "rouge2": "rouge",
    "rougeL": "rouge",
}
"""Figure -> the hub's name of the metric."""
PERCENT = ("bleu", "chrf")
"""The figures that the hub's metrics give from 0 to 100, and not from 0 to 1."""
OWN = "kerasbert"
"""The library of a model that no other one opens."""
OURS = "the encoder that comes with kerasbert"
KEPT = ("license", "license_name", "license_link", "language")
"""Keys in the head of a base's card that hold for models made from it."""


@dataclass(frozen=True)
class Base:
    """What a model was made from. Its card is read when it is needed, since a long head takes a second.

    Attributes:
        folder: its folder; a file, if its format is one.
        origin: the hub id that was asked for; None if the user named the folder.
    """

    folder: Path
    origin: str | None = None

    @cached_property
    def _card(self) -> dict:
        return _head(self.folder / NAME)

    @property
    def title(self) -> str:
        """Its hub id or, if it is not known, what its folder is called, in words."""
        if self.folder == default_checkpoint():
            return OURS
        return self.origin or f"the folder `{self.folder.absolute().name}`"

    @property
    def id(self) -> str | None:
        """Its hub id, or that of the model that the folder was made from, as its card says; None if it is not known."""
        named = self.origin or self._card.get("base_model")
        return named if isinstance(named, str) else None

    @property
    def head(self) -> dict[str, str | list[str]]:
        """Those of `KEPT` that its card has."""
        return {name: self._card[name] for name in KEPT if name in self._card}


@dataclass(frozen=True, kw_only=True)
class Card:
    """What a model card says.

    Attributes:
        said: what the model is, as sentences.
        task: a key of `PIPELINES`, or another task.
        facts: the rows of the table below.
        library: the `library_name` of the head; None if the hub has no word for it.
        uses: library -> Python that opens the folder.
        base: what the model was made from; None if it is not known, or nothing.
        data: the name of the file that `figures` were measured on.
        figures: those on held-out data, by their names in `METRICS` or others.
        parts: heading -> a table of `kerasbert.checkpoints.markdown`.
    """

    said: str
    task: str
    facts: Mapping[str, object]
    library: str | None
    uses: Mapping[str, str] = field(default_factory=dict)
    base: Base | None = None
    data: str = ""
    figures: Mapping[str, float] = field(default_factory=dict)
    parts: Mapping[str, Mapping] = field(default_factory=dict)

    def text(self, name: str) -> str:
        """The whole page. Args: name: the model's name."""
        head = ModelCardData(**self._head(name)).to_yaml()
        lines = ["---", head, "---", "", MARKER, "", f"# {name}", "", self.said, "", *table(self.facts)]
        for heading, part in self.parts.items():
            lines += ["", f"## {heading}", "", *table(part)]
        lines += ["", "## Use"] if self.uses else []
        for library, code in self.uses.items():
            lines += ["", f"With {library}:", "", "```python", code, "```"]
        if self.library == OWN:
            lines += ["", "transformers does not have this architecture, and refuses the folder."]
        return "\n".join([*lines, "", "## Licence", "", self._licence(), ""])

    def _head(self, name: str) -> dict:
        head = dict(self.base.head) if self.base else {}
        known = {figure: value for figure, value in self.figures.items() if figure in METRICS}
        results = [
            EvalResult(
                task_type=PIPELINES.get(self.task, self.task),
                dataset_type=Path(self.data).suffix[1:] or "text",
                dataset_name=self.data,
                metric_type=METRICS[figure],
                metric_name=figure,
                metric_value=100 * value if figure in PERCENT else value,
            )
            for figure, value in known.items()
        ]
        return {
            **head,
            "library_name": self.library,
            "pipeline_tag": PIPELINES.get(self.task),
            "tags": [OWN, "keras"],
            "base_model": self.base and self.base.id,
            "metrics": list(dict.fromkeys(METRICS[figure] for figure in known)) or None,
            **({"model_name": name, "eval_results": results} if results else {}),
        }

    def _licence(self) -> str:
        name = self.base.head.get("license") if self.base else None
        if name is None:
            return "No licence is known. Write it into the head of this page (`license:`) before you publish the model."
        return f"The card of {self.base.title}, from which this model was made, names the licence {name}."


def write_card(card: Card, building: Path, target: Path) -> None:
    """Writes the card of a model, unless the folder has one of the user's own.

    Args:
        building: the folder to write to.
        target: the folder that it becomes a part of, whose name is the model's.
    """
    target = Path(target).absolute()
    if (target / NAME).exists() and not is_ours(target / NAME):
        log.info("%s: is your own page, and stays", target / NAME)
        return
    write_text(building / NAME, card.text(target.name))


def is_ours(path: Path) -> bool:
    """Whether a file is a card that kerasbert wrote, and that nobody has taken over."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        return False
    return MARKER.encode() in path.read_bytes()


def _head(path: Path) -> dict:
    """The keys in the head of a card that are words; none if there is no card, or none that can be read."""
    if not path.is_file() or path.stat().st_size > LARGEST:
        return {}
    try:
        head = metadata_load(path) or {}
    except Exception:  # whatever the library's YAML parser raises, or a file that is no text
        return {}
    return {name: value for name, value in head.items() if _is_words(value)}


def _is_words(value: object) -> bool:
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(each, str) for each in value))
