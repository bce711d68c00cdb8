"""Text in, answer out."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from kerasbert import tokenizers
from kerasbert.decoding.labels import decode
from kerasbert.errors import BundleError, TokenizerError
from kerasbert.runtime.interpreter import Run, load_file
from kerasbert.runtime.manifest import Manifest


class Classifier:
    """A text classifier from a bundle's file.

    ```python
    classify = load("bundle/")
    classify("a lovely film")                     # {"label": "positive", "score": 0.98}
    classify(["a lovely film", "two lost hours"]) # a list of such
    classify("Is it open?", "The shop is open.")  # a pair of texts
    ```

    Args:
        manifest: what the bundle says of itself. tokenizer: its tokenizer.
        run: inputs by name -> logits; `kerasbert.runtime.interpreter` makes one from a file.
    """

    def __init__(self, manifest: Manifest, tokenizer, run: Run):
        self.manifest, self.run = manifest, run
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
        """As `TextClassifier.predict_text`."""
        return decode(self.predict_logits(texts, pairs, batch_size=batch_size), self.labels, self.problem_type)

    def predict_logits(
        self, texts: Sequence[str], pairs: Sequence[str] | None = None, *, batch_size: int = 32
    ) -> np.ndarray:
        """As `TextClassifier.predict_logits`: float32 (texts, labels)."""
        texts, pairs = _rows(texts), None if pairs is None else _rows(pairs)
        if pairs is not None and len(pairs) != len(texts):
            raise TokenizerError(f"{len(texts)} texts but {len(pairs)} pairs: each text needs one second text")
        batches = [
            self.run(self._inputs(texts[i : i + batch_size], None if pairs is None else pairs[i : i + batch_size]))
            for i in range(0, len(texts), batch_size)
        ]
        return np.concatenate(batches) if batches else np.zeros((0, len(self.labels)), dtype="float32")

    def _inputs(self, texts, pairs) -> dict:
        encoded = self.tokenizer(texts, pairs, max_length=self.manifest.max_length)
        return {name: encoded[name] for name in self.manifest.inputs}


def _rows(texts: str | Sequence[str]) -> list[str]:
    """One string is a batch of one."""
    return [texts] if isinstance(texts, str) else list(texts)


def load(bundle: str | Path, *, file: str | None = None, threads: int | None = None) -> Classifier:
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
    return Classifier(manifest, tokenizer, open_file(folder, manifest, file, threads=threads))


def open_file(folder: Path, manifest: Manifest, name: str | None, *, threads: int | None = None) -> Run:
    """The function behind one of a bundle's files."""
    light = [format for format, file in manifest.files.items() if Path(file.path).suffix in (".tflite", ".onnx")]
    if name is None and not light:
        raise BundleError(f"{folder}: holds no .tflite or .onnx file; export one of these for the runtime")
    path = manifest.check_file(folder, light[0] if name is None else name, whole=False)
    return load_file(path, pad_id=manifest.pad_id, threads=threads)
