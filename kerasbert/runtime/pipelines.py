"""Text in, answer out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasbert import tokenizers
from kerasbert.decoding.labels import logits_of
from kerasbert.errors import BundleError, TokenizerError
from kerasbert.runtime.interpreter import Run, load_file
from kerasbert.runtime.manifest import Manifest
from kerasbert.runtime.text_file import reads_text
from kerasbert.tasks.table import TASKS


class Pipeline:
    """A bundle's file with its tokenizer: texts in, answers out.

    ```python
    answer = load("bundle/")
    answer("a lovely film")                       # {"label": "positive", "score": 0.98}
    answer(["a lovely film", "two lost hours"])   # a list of such
    answer("Is it open?", "The shop is open.")    # a pair of texts
    ```

    Args:
        manifest: what the bundle says of itself. tokenizer: its tokenizer.
        run: inputs by name -> outputs by name; `kerasbert.runtime.interpreter` makes one from a file.
        from_text: `run` takes the texts themselves, as `text`, and no pairs.
    """

    def __init__(self, manifest: Manifest, tokenizer, run: Run, *, from_text: bool = False):
        self.manifest, self.run, self.from_text = manifest, run, from_text
        self.tokenizer = tokenizer.with_token_types("token_type_ids" in manifest.inputs)
        self.labels, self.problem_type = manifest.labels, manifest.problem_type

    def __call__(self, texts: str | Sequence[str], pairs: str | Sequence[str] | None = None) -> dict | list[dict]:
        """A text (with a second one, for models of pairs) -> an answer; a list of texts -> a list of answers."""
        if isinstance(texts, str):
            return self.predict_text([texts], None if pairs is None else [pairs])[0]
        return self.predict_text(texts, pairs)

    def predict_text(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, batch_size: int = 32
    ) -> list[dict]:
        """Answers, one a text, as the model that was exported gives them."""
        return TASKS[self.problem_type].decode(self.predict_outputs(texts, pairs, batch_size=batch_size), self.labels)

    def predict_logits(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, batch_size: int = 32
    ) -> np.ndarray:
        """A classifier's logits, float32 (texts, labels)."""
        return self._output("logits", texts, pairs, batch_size)

    def encode(self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, batch_size: int = 32) -> np.ndarray:
        """A sentence encoder's unit vectors, float32 (texts, hidden_size)."""
        return self._output("embedding", texts, pairs, batch_size)

    def _output(self, name: str, texts, pairs, batch_size: int) -> np.ndarray:
        if name not in self.manifest.outputs:
            raise BundleError(
                f"this bundle has no {name}: a {self.manifest.task} gives {', '.join(self.manifest.outputs)}"
            )
        return self.predict_outputs(texts, pairs, batch_size=batch_size)[name]

    def predict_outputs(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, batch_size: int = 32
    ) -> dict[str, np.ndarray | list[np.ndarray]]:
        """The model's outputs by name, float32 with the texts on axis 0; those by token a list, (tokens, ...) each."""
        texts, pairs = _rows(texts), None if pairs is None else _rows(pairs)
        if pairs is not None and len(pairs) != len(texts):
            raise TokenizerError(f"{len(texts)} texts but {len(pairs)} pairs: each text needs one second text")
        batches = [
            self._run(texts[i : i + batch_size], None if pairs is None else pairs[i : i + batch_size])
            for i in range(0, len(texts), batch_size)
        ]

        def joined(name: str):
            found = [batch[name] for batch in batches]
            if name in TASKS[self.problem_type].by_token:
                return [text for batch in found for text in batch]
            return np.concatenate(found) if found else np.zeros((0, len(self.labels)), dtype="float32")

        return {name: joined(name) for name in self.manifest.outputs}

    def _run(self, texts, pairs) -> dict:
        encoded = self.tokenizer(texts, pairs, max_length=self.manifest.max_length)
        if self.from_text and pairs is not None:
            raise TokenizerError("this file takes single texts, no pairs: load another file of the bundle")
        outputs = self.run(
            {"text": texts} if self.from_text else {name: encoded[name] for name in self.manifest.inputs}
        )
        if "probability" in outputs:  # a file for MediaPipe: logits that have these scores stand for the model's
            return {"logits": logits_of(outputs["probability"], self.problem_type)}
        lengths = np.sum(encoded["attention_mask"], axis=1)
        for name in TASKS[self.problem_type].by_token:
            outputs[name] = [row[:length] for row, length in zip(outputs[name], lengths, strict=True)]
        return outputs


def _rows(texts: str | Sequence[str]) -> list[str]:
    """One string is a batch of one."""
    return [texts] if isinstance(texts, str) else list(texts)


def load(bundle: str | Path, *, file: str | None = None, threads: int | None = None) -> Pipeline:
    """Opens a bundle.

    Args:
        bundle: the folder that `kerasbert export` made.
        file: which of its formats ("tflite", "tflite-int8", "onnx"); None takes the first that runs without TensorFlow.
        threads: of the interpreter; None: up to 4.

    Raises:
        BundleError: no bundle, a missing or damaged file, or a format that it does not hold.
    """
    folder = Path(bundle)
    manifest = Manifest.read(folder)
    manifest.check_others(folder)
    tokenizer = tokenizers.from_options(manifest.tokenizer, folder)
    from_text = file in manifest.files and reads_text(manifest.files[file].path)
    return Pipeline(manifest, tokenizer, open_file(folder, manifest, file, threads=threads), from_text=from_text)


def open_file(folder: Path, manifest: Manifest, name: str | None, *, threads: int | None = None) -> Run:
    """The function behind one of a bundle's files."""
    light = [
        format
        for format, file in manifest.files.items()
        if Path(file.path).suffix in (".tflite", ".onnx")
        and "trainable" not in format  # that is for apps to teach
        and not reads_text(file.path)  # that needs tensorflow-text, and reads some texts otherwise
    ]
    if name is None and not light:
        raise BundleError(f"{folder}: holds no .tflite or .onnx file; export one of these for the runtime")
    path = manifest.check_file(folder, light[0] if name is None else name, whole=False)
    return load_file(path, pad_id=manifest.pad_id, threads=threads)
