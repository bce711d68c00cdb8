"""`tf_model.h5` of transformers' TensorFlow classes, made again from what `record_h5_classes.py` recorded."""

import json
from pathlib import Path
from zlib import crc32

import numpy as np

HERE = Path(__file__).parent
RECORDED = HERE / "h5_classes.json"
INPUTS = {"input_ids": [[2, 5, 7, 3], [2, 9, 3, 1]], "attention_mask": [[1, 1, 1, 1], [1, 1, 1, 0]]}


def numbers(path: str, shape) -> np.ndarray:
    """The numbers of a dataset: the same for recording and reading, for all copies of one variable."""
    begin = 1 if path.endswith("gamma:0") else 0
    draw = np.random.default_rng(crc32(path.partition("/")[2].encode()))  # without the class, which may be numbered
    return (begin + draw.normal(0, 0.3, shape)).astype("float32")


def recorded() -> dict[str, dict]:
    """Class -> its config.json, its datasets (layer, then name and shape), and its outputs for `INPUTS`."""
    return json.loads(RECORDED.read_text(encoding="utf-8"))


def make_folder(folder: Path, name: str) -> Path:
    """Writes config.json and tf_model.h5, whose layout is that of Keras's `save_weights_to_hdf5_group`."""
    import h5py

    folder.mkdir()
    one = recorded()[name]
    (folder / "config.json").write_text(json.dumps(one["config"]), encoding="utf-8")
    with h5py.File(folder / "tf_model.h5", "w") as file:
        file.attrs["layer_names"] = list(one["layers"])
        for layer, shapes in one["layers"].items():
            group = file.create_group(layer)
            group.attrs["weight_names"] = list(shapes)
            for path, shape in shapes.items():
                group.create_dataset(path, data=numbers(path, shape))
    return folder
