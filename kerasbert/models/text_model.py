"""The base class of the tasks' Keras models: it takes texts, and returns outputs by name or answers."""

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import keras
import numpy as np

from kerasbert.checkpoints import huggingface, keras_hub
from kerasbert.checkpoints.card import Card
from kerasbert.checkpoints.loading import Checkpoint
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.checkpoints.tasks import has_head, no_classifier, stored_settings
from kerasbert.errors import ConfigError
from kerasbert.models.cards import task_card
from kerasbert.models.combined import head_of, with_head
from kerasbert.models.encoder import BertEncoder
from kerasbert.models.functions import GraphFunction
from kerasbert.models.lora import WithLora
from kerasbert.models.on_texts import OnTexts
from kerasbert.models.unquantized import Unquantized
from kerasbert.models.whole_texts import ROUND_TO
from kerasbert.tasks.amounts import check_batch_size
from kerasbert.tasks.ask import Answered, ask, joined, outputs_of
from kerasbert.tasks.numbers import with_numbers
from kerasbert.tasks.remarks import with_cut_counted
from kerasbert.tasks.request import Request
from kerasbert.tasks.task import Example, Graph, Task
from kerasbert.training.losses import as_meant, usual_losses, weighted_by_token
from kerasbert.training.optimizers import adamw, finetuning_rate
from kerasbert.training.trainer import CompiledLossTrainer


class TextModel(OnTexts, Unquantized, WithLora, CompiledLossTrainer, keras.Model):
    """A functional Keras model for a task. Its inputs are those of its encoder.

    A subclass sets the class attribute `task`, and builds layers and graph from an encoder and the task's settings.

    Attributes:
        encoder: the `BertEncoder`, which also holds the tokenizer.
        config: the encoder's configuration.
        settings: an instance of `task.Settings`.
        head: a Keras model with the user's own layers on the encoder (`kerasbert.models.combined`), or None.

    Raises:
        ConfigError: `settings.max_length` is above the encoder's limit, or layers of the user's do not fit.
    """

    task: Task
    heads: tuple[str, ...] = ()
    """The parts that the task adds to the encoder, by their layers' names; a checkpoint may lack them. The first one is
    in every model of the task that has no layers of the user's."""
    answering: str = "predict_text"
    """The method that answers texts, for the model card."""
    shape_settings: tuple[str, ...] = ()
    """The settings that decide the shape of `heads`: a checkpoint with other ones gets new heads."""

    def __init__(self, *, encoder: BertEncoder, settings, outputs, inputs=None, head=None, **kwargs):
        encoder.config.check_length(settings.max_length)
        inputs, numbers = {**encoder.input, **(inputs or {})}, ()
        if head is not None:
            head = head if isinstance(head, keras.Model) else head_of(encoder, head)
            inputs, outputs, numbers = with_head(encoder, head)
        super().__init__(inputs=inputs, outputs=outputs, **kwargs)
        self.config = encoder.config
        self.encoder = encoder
        self.settings = settings
        self.head = head
        self.task = with_numbers(self.task, numbers)
        self._check_outputs()

    @property
    def tokenizer(self):
        return self.encoder.tokenizer

    @property
    def max_length(self) -> int:
        """Largest number of tokens in a row. A longer text is cut, or makes several rows if the task says so."""
        return self.settings.max_length

    def graphs(self) -> tuple[Graph, ...]:
        """The task's graphs that answer, with the inputs and outputs that this model has."""
        outputs = self._by_name(self.output)
        return tuple(self._as_built(each, self.input, outputs) for each in self.task.graphs(self.settings))

    def functions(self) -> tuple[GraphFunction, ...]:
        """What exported files compute, one function per graph."""
        (graph,) = self.graphs()
        embeddings = self.encoder.embeddings
        return (GraphFunction(graph=graph, inputs=self.input, call=self.export_outputs, embeddings=embeddings),)

    def exported_settings(self):
        """The task's settings that a bundle holds."""
        return self.settings

    def training_graph(self) -> Graph:
        """The graph that `fit` trains, with the inputs and outputs that this model has."""
        return self._as_built(self._learned(), self.input, self._by_name(self.output))

    def _learned(self) -> Graph:
        graphs = self.task.training_graph or (lambda settings: self.task.graphs(settings)[0])
        return graphs(self.settings)

    def _as_built(self, graph: Graph, inputs: Mapping, outputs: Mapping) -> Graph:
        """A graph of the task with the inputs and outputs of a Keras model, symbolic tensors by name."""
        taken = tuple(
            dataclasses.replace(
                each,
                pad=self.config.pad_token_id if each.name == "input_ids" else each.pad,
                width=int(inputs[each.name].shape[-1]) if len(inputs[each.name].shape) == 3 else each.width,
            )
            for each in graph.inputs
            if each.name in inputs
        )
        given = tuple(
            dataclasses.replace(each, width=0 if each.axis == "position" else int(outputs[each.name].shape[-1]))
            for each in graph.outputs
            if each.name in outputs
        )
        return Graph(graph.name, taken, given)

    def _check_outputs(self) -> None:
        found = self._by_name(self.output)
        for each in self._learned().outputs:
            shape = found[each.name].shape if each.name in found else None
            wanted = each.shape(None)
            if shape is not None and (len(shape) != len(wanted) + 1 or each.width not in (0, shape[-1])):
                axes = "batch, sequence" if each.axis == "token" else "batch"
                last = "sequence" if each.axis == "position" else each.width or "width"
                raise ConfigError(f"{each.name} are {shape}: the task needs ({axes}, {last})")

    def compile(self, optimizer=None, loss=None, loss_weights=None, metrics=None, weighted_metrics=None, **options):
        """Configures `fit` and `evaluate`, as `keras.Model.compile` does. Everything has a default.

        Args:
            optimizer: None: AdamW at `kerasbert.training.optimizers.finetuning_rate`.
            loss: None: the usual one of each output (`kerasbert.training.losses.USUAL`), with the usual metrics unless
                some are given. Feature extraction has none. "sparse_categorical_crossentropy" or, where a
                text can have several labels, "binary_crossentropy" are computed from logits, which the outputs are.
            loss_weights, metrics, weighted_metrics: Keras's. Where the output has one answer per token, `metrics` are
                weighted too, so that they do not count padding and special tokens.
            options: `accumulate`, `recompute`, `jit_compile` and the others of
                `kerasbert.training.trainer.CompiledLossTrainer.compile`.

        Raises:
            ConfigError: a value is not allowed, or the loss suits another kind of right answers.
        """
        outputs = self.training_graph().outputs
        given = {"loss": as_meant(loss, outputs), "metrics": metrics, "weighted_metrics": weighted_metrics}
        if loss is None:
            usual = usual_losses(outputs)
            measured = metrics is not None or weighted_metrics is not None
            given = {**usual, **{name: x for name, x in given.items() if measured and name != "loss"}}
        if optimizer is None:
            optimizer = adamw(learning_rate=finetuning_rate(self.config))
        super().compile(optimizer, loss_weights=loss_weights, **weighted_by_token(given, outputs), **options)

    def export_outputs(self, inputs: dict) -> dict:
        """The function that an exported file computes: tensors of inputs by name -> tensors of outputs by name."""
        return self._by_name(self(inputs, training=False))

    def _by_name(self, outputs) -> dict:
        """Outputs by name, in the order of the task."""
        names = [each.name for each in self._learned().outputs]
        if not isinstance(outputs, dict):
            return {names[0]: outputs}
        return {name: outputs[name] for name in names if name in outputs}

    def predict_text(self, *columns, batch_size: int = 32, **named) -> list:
        """Answers texts, in their order.

        Args:
            columns, named: one sequence of texts per field of the task, such as texts and second texts. By name also
                what to see of an answer (`top_k=3`, `threshold=0.9`, `all_scores=True`), and settings to answer with
                in place of the model's own (`max_answer_length=5`, `num_beams=1`), as `kerasbert predict` has them.
            batch_size: largest number of rows per batch.

        Returns:
            One answer per example, as returned by the task's `decode`, or `choose` if the call says what to see.

        Raises:
            ConfigError: the model has no tokenizer, `batch_size` is not a whole number from 1, or an argument means
                nothing to the model.
            TokenizerError: a text is not a string, or the columns do not fit the task.

        A warning counts the texts that were cut, if the task cuts longer ones.
        """
        request, named = Request.of(self.task, self.settings, named)
        return [request.answer(each) for each in self._asked_once(columns, named, batch_size, request.settings)]

    def answers(self, examples: Iterable[Example], *, batch_size: int = 32) -> Iterator:
        """Yields one answer per example, in their order. Examples are read as answers are taken."""
        return ask(*self._asked(examples, self.settings), **self._batching(batch_size))

    def answered(self, examples: Iterable[Example], *, batch_size: int = 32) -> Iterator[Answered]:
        """Yields the examples with their rows and outputs, in their order. Rows of similar length share a batch."""
        return outputs_of(*self._asked(examples, self.settings), **self._batching(batch_size))

    def predict_outputs(self, *columns, batch_size: int = 32, **named) -> dict[str, np.ndarray | list[np.ndarray]]:
        """Computes the model's outputs for texts. Arguments and errors are those of `predict_text`.

        Returns:
            By output name a float32 array with the rows on axis 0, in their order. An output with one vector per token
            is a list of arrays (tokens, width), one per text.
        """
        return joined(self.task, self.graphs(), self._asked_once(columns, named, batch_size, self.settings))

    def _asked_once(self, columns: tuple, named: Mapping, batch_size: int, settings) -> Iterator[Answered]:
        examples = self.task.examples(*columns, **named)
        answered = outputs_of(*self._asked(examples, settings), **self._batching(batch_size))
        return with_cut_counted(self.task, examples, answered, settings)

    def _own_tokenizer(self):
        if self.tokenizer is None:
            raise ConfigError(
                "this model has no tokenizer; put vocab.txt or tokenizer.json into its folder, or give its encoder one"
            )
        return self.tokenizer

    def _asked(self, examples: Iterable[Example], settings) -> tuple:
        return self.task, self._own_tokenizer(), self.runs(), examples, settings

    def runs(self) -> dict:
        """The functions that compute the graphs, by name."""
        return {"model": self._run}

    def _batching(self, batch_size: int) -> dict:
        check_batch_size(batch_size)
        return {
            "graphs": self.graphs(),
            "batch_tokens": batch_size * self.max_length,
            "batch_rows": batch_size,
            "round_to": ROUND_TO,
        }

    def _run(self, batch: dict) -> dict:
        rows = len(batch["input_ids"])  # under a strategy each replica computes all of them, and Keras joins these
        outputs = self._by_name(self.predict_on_batch(batch))
        return {name: np.asarray(x, "float32")[:rows] for name, x in outputs.items()}

    @classmethod
    def from_pretrained(cls, path: str | None = None, *, dtype=None, **settings) -> "TextModel":
        """Loads a folder of Hugging Face, a preset of KerasHub or a hub id.

        A checkpoint without the task's head, or with one for other labels, gets a new head, and one line says so.

        Args:
            path: a folder or a hub id; None loads the encoder that comes with the package (`kerasbert/presets`).
            dtype: dtype policy of the layers.
            settings: settings of the task by name. Those that are None or missing come from config.json.

        Raises:
            CheckpointError: weights do not fit, or the checkpoint lacks a head and no labels are given for a new one.
            ConfigError: settings do not go together.
        """
        return cls._from_checkpoint(open_checkpoint(path), dtype, settings)

    @classmethod
    def from_keras_hub(cls, model, tokenizer=None, *, dtype=None, **settings) -> "TextModel":
        """Takes the weights of a model of KerasHub in memory.

        Args:
            model: a task, such as `keras_hub.models.BertTextClassifier` for a `TextClassifier`, or a backbone, which
                gets a new head.
            tokenizer: KerasHub's tokenizer or preprocessor, or one of kerasbert; None: that of the task.
            dtype: dtype policy of the layers.
            settings: settings of the task by name, such as the names of labels, which KerasHub does not have.

        Raises:
            CheckpointError, ConfigError: as in `from_pretrained`; a model that is none of KerasHub's BERT, RoBERTa or
                DistilBERT.
            TokenizerError: the tokenizer is of another kind.
        """
        return cls._from_checkpoint(keras_hub.of(model, tokenizer), dtype, settings)

    @classmethod
    def _from_checkpoint(cls, checkpoint: Checkpoint, dtype, settings: Mapping) -> "TextModel":
        stored = stored_settings(checkpoint, cls.task)
        given = {name: value for name, value in settings.items() if value is not None}
        chosen = stored | given
        defaults = {each.name: each.default for each in dataclasses.fields(cls.task.Settings)}
        if defaults.get("labels") is dataclasses.MISSING and "labels" not in chosen:
            raise no_classifier(checkpoint)
        pooler = cls.reads_pooler(checkpoint, chosen)
        encoder = BertEncoder(checkpoint.config, tokenizer=checkpoint.tokenizer(), pooler=pooler, dtype=dtype)
        model = cls(encoder, **chosen, dtype=dtype)
        same = all(getattr(model.settings, name) == stored.get(name, defaults[name]) for name in cls.shape_settings)
        same = same and all(has_head(checkpoint, cls.task, name) for name in cls.heads[:1])
        checkpoint.load_into(model.saved_part(), new=() if same else cls.heads)
        encoder.base = checkpoint.base
        return model

    @classmethod
    def reads_pooler(cls, checkpoint, settings: Mapping) -> bool:
        """Whether the model's encoder has a pooler."""
        return False

    def save_pretrained(self, folder: str) -> None:
        """Writes config.json, model.safetensors, the tokenizer's files and a model card, README.md.

        transformers can open the folder if it has the architecture. It has no classifier with a pooling other than
        "cls": such a folder has the `model_type` "kerasbert", which transformers refuses. A README.md of your own
        stays.

        Raises:
            ConfigError: layers of the user's own stand on the encoder.
        """
        if self.head is not None:
            raise ConfigError(
                f'{folder}: transformers has no place for layers of your own; write a file with model.save("x.keras")'
            )
        known = self.transformers_settings()
        own = {name: v for name, v in dataclasses.asdict(self.settings).items() if name not in known["says"]}
        section = {"kerasbert": {"task": self.task.name, **own}}
        foreign = self.is_foreign_to_transformers()
        beside = self._beside(section)
        saved = {"max_length": self.max_length, "foreign": foreign, "card": self.card(), **beside}
        huggingface.save(self.saved_part(), folder, **saved)

    def card(self) -> Card:
        """What its model card says."""
        return task_card(self)

    def write_hub_files(self, folder: Path) -> None:
        """Writes what the hub's clients read beside an exported file: config.json, and modules.json for embeddings.

        config.json names a class of transformers for every pooling, because the exported file holds the pooling.
        """
        huggingface.write_beside(self, folder, **self._beside({}))

    def _beside(self, section: Mapping) -> dict:
        known = self.transformers_settings()
        settings = {**known["keys"], **section}
        return {"task": known["head"], "settings": settings, "files": known.get("files"), "config": self.saved_config}

    @property
    def saved_config(self):
        """The configuration that config.json holds."""
        return self.config

    def transformers_settings(self) -> dict:
        """How transformers stores this task: `head` (a key of `ARCHITECTURES`), `keys` of config.json, `says`, the
        settings that these keys already contain, and, if there are any, `files`, path -> content, for other clients."""
        return {"head": "encoder", "keys": {}, "says": ()}

    def is_foreign_to_transformers(self) -> bool:
        """Whether transformers has no such architecture, and would read the weights as those of another one."""
        return False

    def saved_part(self):
        """The model whose weights are saved: the encoder, if the task adds no weights."""
        return self.encoder

    def get_config(self):
        head = {} if self.head is None else {"outputs": keras.saving.serialize_keras_object(self.head)}
        usual = self.heads and self.head is None
        typed = self.get_layer(self.heads[0]) if usual else self.encoder.embeddings
        return {
            "encoder": self.encoder.get_config(),
            **dataclasses.asdict(self.settings),
            **head,
            "name": self.name,
            "dtype": typed.dtype_policy.name,
        }

    @classmethod
    def from_config(cls, config):
        head = {"outputs": keras.saving.deserialize_keras_object(config["outputs"])} if "outputs" in config else {}
        return cls(**{**config, **head, "encoder": BertEncoder.from_config(config["encoder"])})
