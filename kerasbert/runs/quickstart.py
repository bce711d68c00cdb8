"""The whole path in one function: real weights, a labelled sample, every format, an answer."""

from collections.abc import Callable
from pathlib import Path

from kerasbert import samples
from kerasbert.export.bundle import export_bundle
from kerasbert.export.gate.verify import Row
from kerasbert.files import new_folder
from kerasbert.models.text_classification import TextClassifier
from kerasbert.runs.begun import Stopped
from kerasbert.runs.finetune import FinetuneOptions, finetune
from kerasbert.runtime import load

SAMPLES = Path(samples.__file__).parent
MAX_DROP = 2.0
"""Points of accuracy that an int8 file may lose; one of the sample's sentences is 0.6."""
SENTENCES = (
    "I came for ten minutes and stayed the whole afternoon, smiling.",
    "The handle broke on the second day and nobody answered my letters.",
)


def run(
    folder: Path, *, checkpoint: str | None, epochs: int, progress: Callable[[str], None]
) -> tuple[list[Row], list[dict]]:
    """Fine-tunes, exports, verifies into `folder/model` and `folder/bundle`; answers `SENTENCES` from the bundle.

    Raises:
        Stopped: by a signal in fine-tuning; nothing is written.
    """
    with new_folder(folder) as building:
        progress("fine-tuning")
        train, dev = SAMPLES / "sentiment_train.csv", SAMPLES / "sentiment_dev.csv"
        # Few sentences: more and larger steps.
        recipe = FinetuneOptions(
            checkpoint=checkpoint, dev=dev, epochs=epochs, batch_size=16, max_length=64, learning_rate=1e-4
        )
        try:
            finetune("text-classification", train, building / "model", recipe)
        except Stopped:  # says that the run can be resumed, but its folder is deleted
            raise Stopped("a signal ended the quickstart, and nothing is written; begin it again") from None
        model = TextClassifier.from_pretrained(building / "model")
        rows = export_bundle(model, building / "bundle", data=dev, max_drop=MAX_DROP, progress=progress)
        return rows, load(building / "bundle")(SENTENCES)
