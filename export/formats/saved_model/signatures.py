"""The signatures of a SavedModel, read without loading its graph."""

from pathlib import Path

from google.protobuf.message import DecodeError

from kerasbert.errors import BundleError
from kerasbert.quiet import quiet

with quiet():
    from tensorflow.core.protobuf.saved_model_pb2 import SavedModel


def read_signatures(path: Path) -> dict[str, dict]:
    """Signature name -> `inputs` and `outputs`, the sorted names.

    Raises:
        BundleError: the file is not a whole SavedModel.
    """
    try:
        saved = SavedModel.FromString((path / "saved_model.pb").read_bytes())
        (graph,) = saved.meta_graphs  # protobuf reads an empty file as a model without graphs
    except (DecodeError, ValueError) as error:
        raise BundleError(f"{path}: not a whole SavedModel ({error}); export again") from None
    return {
        name: {"inputs": sorted(signature.inputs), "outputs": sorted(signature.outputs)}
        for name, signature in sorted(graph.signature_def.items())
        if not name.startswith("__")
    }
