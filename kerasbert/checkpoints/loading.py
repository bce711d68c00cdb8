"""A checkpoint of any format whose names and shapes are known, and the strict copying of it into a Keras model."""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from kerasbert import tokenizers
from kerasbert.checkpoints import modules
from kerasbert.checkpoints.card import Base
from kerasbert.checkpoints.sizes import check_sizes, encoder_shapes, head_shapes, pair_shapes
from kerasbert.checkpoints.stored import Stored
from kerasbert.config import BertConfig, EncoderDecoderConfig, is_pair
from kerasbert.errors import CheckpointError, ConfigError
from kerasbert.reading import read_json
from kerasbert.tasks import NAMES

log = logging.getLogger("kerasbert")

TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json")

GENERATION = "generation_config.json"
"""Where transformers keeps how a model writes texts. Some of it may also be in config.json."""

STANDS_ON = {"classifier": ("pooler", "summary", "pooling"), "nsp": ("pooler",)}
"""Head -> the parts between it and the encoder. A trained head is worth nothing on a part that is drawn at random."""

ENCODER, UNKNOWN = "encoder", "unknown"
"""What `Checkpoint.task` says of a folder without a head, and of one whose class is not in the tables."""
PRETRAINED = (ENCODER, "pre-training", "replaced-token-detection", "fill-mask", "next-sentence")
"""What folders hold that were not fine-tuned for a task."""


def read_tokenizer(folder: str | Path) -> tokenizers.HostTokenizer | None:
    """The tokenizer in a folder; None where none of its files is there."""
    if not any((Path(folder) / name).is_file() for name in TOKENIZER_FILES):
        return None
    return tokenizers.load(folder)


@dataclass(frozen=True)
class Names:
    """Hugging Face's names of the tensors of one family. Readers of other formats translate to these.

    Attributes:
        place: path of our weight, such as `block_3/attention/query/kernel` -> name of the tensor, and whether it is
            transposed there.
        heads: beginning of a name -> the head it belongs to, in our words where we have the head.
        tied: name of a copy -> name of the tensor that it repeats.
        architectures: task -> the class that transformers opens it with.
        evidence: task -> beginnings of the names that its checkpoints hold; the first row that fits counts.
        layers: heads' layers that have a weight and a bias.
    """

    place: Callable[[str], tuple[str, bool]]
    heads: Mapping[str, str]
    tied: Mapping[str, str]
    architectures: Mapping[str, str]
    evidence: Mapping[str, tuple[str, ...]]
    layers: Collection[str]

    def head_of(self, stored: str) -> str | None:
        """The head that a stored tensor belongs to; None for a tensor of the encoder or of something unknown."""
        return next((head for begin, head in self.heads.items() if begins(stored, begin)), None)


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint whose header has been read: names and shapes are known, numbers are not loaded yet.

    Attributes:
        folder: where it is; a file, if the format is one.
        settings: what config.json says (architectures, labels, problem type, our own section), or what a reader made of
            another format's configuration, in the words of config.json.
        tensors: Hugging Face's name without the family's prefix -> the tensor.
        names: Hugging Face's names for this family.
        skipped: name in the file -> why the tensor is not read.
        format: a key of `kerasbert.checkpoints.formats.FORMATS`.
        config_name: the file that `settings` come from, for messages.
        read_tokenizer: folder -> the tokenizer that the format keeps in it, or None.
        origin: the hub id that was asked for; None if a folder was named.
    """

    folder: Path
    settings: dict
    tensors: Mapping[str, Stored]
    names: Names
    skipped: Mapping[str, str] = field(default_factory=dict)
    format: str = "hf"
    config_name: str = "config.json"
    read_tokenizer: Callable[[Path], tokenizers.HostTokenizer | None] = read_tokenizer
    origin: str | None = None

    @property
    def base(self) -> Base:
        """What the card of a model that is made from it says of it."""
        return Base(self.folder, self.origin)

    @property
    def config_place(self) -> Path:
        """Where the settings come from, for messages."""
        return self.folder / self.config_name if self.folder.is_dir() else self.folder.parent / self.config_name

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Hugging Face's name -> shape in Hugging Face's layout."""
        try:
            return {name: tensor.canonical_shape for name, tensor in self.tensors.items()}
        except CheckpointError as error:
            raise CheckpointError(f"{self.folder}: {error}") from None

    def read(self, name: str) -> np.ndarray:
        """A tensor by Hugging Face's name, float32."""
        return self.tensors[name].read()

    @cached_property
    def pair(self) -> EncoderDecoderConfig | None:
        """The numbers of an encoder with a decoder; None for an encoder alone."""
        return EncoderDecoderConfig.from_dict(self.settings) if is_pair(self.settings) else None

    @cached_property
    def generation(self) -> dict:
        """What generation_config.json says of an encoder with a decoder; empty without such a file."""
        path = self.folder / GENERATION
        return read_json(path, ConfigError) if self.pair and path.is_file() else {}

    @cached_property
    def config(self) -> BertConfig:
        """The encoder's numbers.

        Raises:
            ConfigError: a config.json that kerasbert cannot build, or whose sizes are far from those of the tensors.
        """
        try:
            config = self.pair.encoder if self.pair else BertConfig.from_dict(self.settings)
            check_sizes(config, self.shapes, self.names.place)
            if self.pair:
                check_sizes(self.pair.decoder, self.shapes, lambda path: self.names.place(f"decoder/{path}"))
            return config
        except ConfigError as error:
            raise ConfigError(f"{self.config_place}: {error}") from None

    @property
    def own(self) -> dict:
        """What kerasbert wrote into config.json, beside the keys that transformers reads: task, pooling, max_length."""
        own = self.settings.get("kerasbert") or {}
        if not isinstance(own, dict) or not isinstance(own.get("task", ""), str):
            raise ConfigError(f'{self.config_place}: kerasbert is {own!r:.200}: use {{"task": "..."}}')
        if self._is_stale(own.get("task")):
            return {}
        return {name: value for name, value in own.items() if name != "model_type"}

    def _is_stale(self, task: str | None) -> bool:
        """Whether another tool trained the folder for another task after kerasbert saved it, and kept our section."""
        classes = self.names.architectures
        if task is None or self.architecture not in classes.values() or task not in (*NAMES, *classes):
            return False
        return self.architecture != classes.get(task, classes.get(ENCODER))

    @property
    def architecture(self) -> str | None:
        """The class of transformers that config.json names; None where it names none."""
        named = self.settings.get("architectures") or [None]
        if not isinstance(named, list) or not isinstance(named[0], str | None):
            raise ConfigError(f'{self.config_place}: architectures is {named!r:.200}: use ["NameOfAClass"]')
        return named[0]

    @property
    def has_modules(self) -> bool:
        """Whether the folder is a sentence encoder of sentence-transformers: it has modules, and no head of a task."""
        if not (self.folder / modules.NAME).is_file():
            return False
        return self.architecture in (None, *(self.names.architectures.get(each) for each in PRETRAINED))

    @property
    def task(self) -> str:
        """What the folder was saved as: by our section of config.json, else by `architectures`, else by its tensors.

        An encoder with the modules of sentence-transformers beside it is a sentence encoder.
        """
        own = self.own.get("task")
        if own is not None:
            return own
        if self.has_modules:
            return "sentence-embedding"
        if self.architecture is not None:
            known = {name: task for task, name in self.names.architectures.items()}
            return known.get(self.architecture, UNKNOWN)
        for task, needed in self.names.evidence.items():
            if all(any(begins(stored, begin) for stored in self.shapes) for begin in needed):
                return task
        return ENCODER

    @property
    def holds(self) -> str:
        """The task and what says so, for messages."""
        if self.task == UNKNOWN:
            return f"a head that kerasbert does not know ({self.architecture})"
        name = "an encoder" if self.task == ENCODER else self.task
        named = self.names.architectures.get(self.task) == self.architecture
        return f"{name} ({self.architecture})" if named and self.architecture else name

    @property
    def heads(self) -> list[str]:
        """The heads that the file holds any tensor of, in the order of the format's table."""
        held = {self.names.head_of(stored) for stored in self.shapes}
        return [head for head in dict.fromkeys(self.names.heads.values()) if head in held]

    def tokenizer(self):
        """The folder's tokenizer, checked against the word table; None where the folder has none."""
        tokenizer = self.read_tokenizer(self.folder)
        if tokenizer is not None:
            table, _ = self.names.place("embeddings/word_embeddings")
            rows, *_ = self.shapes.get(table, (self.config.vocab_size,))
            tokenizers.check_vocabulary(tokenizer, rows, self.folder)
        return tokenizer

    def has(self, head: str) -> bool:
        """Whether the file holds any tensor of a head such as `pooler` or `classifier`."""
        return head in self.heads

    def outputs(self, layer: str) -> int:
        """How many outputs a head's layer has, such as `classifier/dense`; 0 where the file does not have it."""
        name, _ = self.names.place(f"{layer}/bias")
        return self.shapes.get(name, (0,))[0]

    def load_into(
        self, model, *, new: tuple[str, ...] = (), source: Callable[[str], str | None] = lambda path: path
    ) -> None:
        """Copies every tensor into the variables of `model`, and says in one line which parts of it are new.

        Args:
            model: a Keras model built from `config`, its weights named by layer path.
            new: heads to leave as they are even if the file has them (a classifier for other labels).
            source: path of a variable -> path of the weight that it begins as, for parts that begin as copies of
                others; None for a variable that is new.

        Raises:
            CheckpointError: tensors that are missing, unexpected or of another shape, all listed; a head of the file
                that would stand on a new part; an untied copy; NaN. Nothing is copied, but for NaN.
        """
        paths = {variable.path: source(variable.path) for variable in model.weights}
        targets = [
            Target(variable, paths[variable.path], *self.names.place(paths[variable.path]))
            for variable in model.weights
            if paths[variable.path] is not None
        ]
        drawn = {path.split("/")[0] for path, begins_as in paths.items() if begins_as is None}
        groups = dict.fromkeys(target.group for target in targets)
        fresh = [group for group in groups if group in self.names.heads.values() and self._is_fresh(group, new)]
        self._check_footing(groups, fresh)
        read = [target for target in targets if target.group not in fresh]
        left = set(self.shapes) - {target.name for target in read} - set(self.names.tied)
        self._check_fit({target.name: target.shape for target in read}, left, {target.group for target in read})
        if {"mlm", "decoder"} & (groups.keys() - set(fresh)):
            self._check_tied()
        for target in read:
            value = self.read(target.name)
            if not np.isfinite(value).all():
                raise CheckpointError(f"{self.folder}: {target.name} holds NaN or infinity; no answer could come of it")
            target.variable.assign(value.T if target.transposed else value)
        self._report([*fresh, *(f"cross-attention of the {part}" for part in drawn)], left)

    def _is_fresh(self, group: str, new: tuple[str, ...]) -> bool:
        return group in new or not self.has(group)

    def _check_footing(self, groups, fresh: list[str]) -> None:
        for head, parts in STANDS_ON.items():
            lacking = [part for part in parts if part in fresh]
            if head in groups and head not in fresh and lacking:
                raise CheckpointError(
                    f"{self.folder}: has a trained {head} but no {' and '.join(lacking)} under it, which would be "
                    "drawn at random; fetch or save the whole checkpoint again, or give the model a new head"
                )

    def check_whole(self) -> None:
        """Raises CheckpointError: a tensor of the encoder or of a head is missing, unexpected or of another shape, the
        head of the task is missing, or a copy of a tied tensor is no copy."""
        wanted, shapes = {}, pair_shapes(self.pair) if self.pair else encoder_shapes(self.config)
        for head, parts in head_shapes(self.config).items():
            shapes |= parts if self.has(head) else {}
        for path, shape in shapes.items():
            name, transposed = self.names.place(path)
            if name not in self.names.tied:
                wanted[name] = shape[::-1] if transposed else shape
        left = set(self.shapes) - set(wanted) - set(self.names.tied)
        self._check_fit(wanted, left, {"decoder"} if self.pair else ())
        halves = {"weight": "bias", "bias": "weight"}
        for name in self.shapes:
            layer, _, leaf = name.rpartition(".")
            other = f"{layer}.{halves.get(leaf, leaf)}"
            if layer in self.names.layers and other not in self.shapes:
                raise CheckpointError(f"{self.folder}: holds {name} but no {other}; fetch or save it again")
            if layer in self.names.layers and self.shapes[name][0] != self.shapes[other][0]:
                sizes = f"{name} is {self.shapes[name]}, but {other} is {self.shapes[other]}"
                raise CheckpointError(f"{self.folder}: {sizes}; fetch or save it again")
        self._check_head()
        self._check_tied()

    def _check_head(self) -> None:
        """Raises CheckpointError: it is said to be fine-tuned for a task, and the head is not there. Encoders that are
        said to be pre-trained often come without their heads."""
        needed = () if self.task in PRETRAINED else self.names.evidence.get(self.task, ())
        heads = dict.fromkeys(head for begin in needed if (head := self.names.head_of(begin)) != "pooler")
        missing = [head for head in heads if not self.has(head)]
        if missing:
            raise CheckpointError(f"{self.folder}: holds {self.holds} but no {missing[0]}; fetch or save it again")

    def check_usual_mlm(self, library: str) -> None:
        """Raises CheckpointError: its head of masked words differs from its blocks, which no other library supports."""
        if self.has("mlm") and self.config.has_own_mlm:
            own = ", ".join(f"{key} {value}" for key, value in self.config.mlm.items())
            raise CheckpointError(
                f"{self.folder}: its head of masked words ({own}) differs from its blocks, which {library} does "
                "not support; logits would differ by about 0.4 % of the largest: use --approximate to accept this"
            )

    def check_usual_pooling(self, library: str) -> None:
        """Raises CheckpointError: its classifier reads more than the first token, which no other library supports."""
        pooling = self.own.get("pooling") or "cls"
        if self.task == "text-classification" and pooling != "cls":
            raise CheckpointError(
                f"{self.folder}: the pooling of its classifier is {pooling!s:.40}, and {library}'s reads the first "
                "token only; write Hugging Face's format instead (hf)"
            )

    def _check_fit(self, wanted: Mapping[str, tuple[int, ...]], left: set[str], read: Collection[str]) -> None:
        """Raises CheckpointError: the tensors are not exactly those that are wanted.

        Args:
            left: those beside them, which may belong to heads.
            read: the heads that are read, so that no tensor of theirs may be left.
        """
        missing = [f"{name} {shape}" for name, shape in wanted.items() if name not in self.shapes]
        wrong = [
            f"{name}: {tuple(self.shapes[name])} in the file, {shape} in the model"
            for name, shape in wanted.items()
            if name in self.shapes and tuple(self.shapes[name]) != shape
        ]
        unknown = (name for name in left if self.names.head_of(name) in (None, *read))
        unexpected = sorted(f"{name} {tuple(self.shapes[name])}" for name in unknown)
        problems = {"missing": missing, "unexpected": unexpected, "of another shape": wrong}
        if any(problems.values()):
            listed = "; ".join(f"{kind}: {_listing(found)}" for kind, found in problems.items() if found)
            raise CheckpointError(f"{self.folder}: the weights do not fit its {self.config_name}; {listed}")

    def _check_tied(self) -> None:
        """The copies of tied tensors must be copies: an untied head would give wrong answers silently."""
        for copy, original in self.names.tied.items():
            both = copy in self.shapes and original in self.shapes
            if both and not np.array_equal(self.read(copy), self.read(original)):
                raise CheckpointError(
                    f"{self.folder}: {copy} differs from {original}; kerasbert ties the two, untie is not supported"
                )

    def _report(self, fresh: list[str], left: set[str]) -> None:
        unused = [head for head in self.heads if any(self.names.head_of(name) == head for name in left)]
        ending = f"left unused: {', '.join(unused)} of {self.holds}" if unused else ""
        if fresh:
            said = f"new, not from the checkpoint: {', '.join(sorted(fresh))}"
            log.warning("%s: %s", self.folder, "; ".join(filter(None, (said, ending))))
        elif unused:
            log.info("%s: %s", self.folder, ending)


@dataclass(frozen=True)
class Target:
    """A variable of a Keras model, and the tensor that it is read from, with the path that names this."""

    variable: object
    path: str
    name: str
    transposed: bool

    @property
    def group(self) -> str:
        """The layer of the model that the variable belongs to, such as `block_3` or `classifier`."""
        return self.path.split("/")[0]

    @property
    def shape(self) -> tuple[int, ...]:
        """As it is stored."""
        shape = tuple(self.variable.shape)
        return shape[::-1] if self.transposed else shape


def begins(stored: str, begin: str) -> bool:
    """Whether a dotted name is `begin` or stands below it: `classifier.bias`, not `classifier_2.bias`."""
    return stored == begin or stored.startswith(f"{begin}.")


def _listing(found: list[str], most: int = 8) -> str:
    more = f" and {len(found) - most} more" if len(found) > most else ""
    return ", ".join(found[:most]) + more
