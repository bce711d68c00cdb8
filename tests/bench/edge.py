"""Milliseconds of a text of 128 tokens on one thread, ours beside every other way to run BERT, interleaved in one run:

    python tests/bench/edge.py --shape base --rounds 7
    python tests/bench/edge.py --shape mini --rounds 3

Random weights of BERT's shape, a classifier of two labels on the first token. Ours: the `.tflite` and `.onnx` files of
a bundle. The others, left out where they are not installed: PyTorch (SDPA; dynamic int8), transformers through
torch.onnx and ONNX Runtime (float32; its dynamic int8 per channel), KerasHub through TFLite (float32; dynamic int8).
`.onnx` files also run in a default session, with one thread per core. The floor is the time of the same matrix products
alone, by the fastest of NumPy's and PyTorch's.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np  # noqa: E402 - it reads the number of threads when it is imported

LENGTH, VOCABULARY = 128, 30522
SHAPES = {"mini": (4, 256, 4), "minilm": (6, 384, 12), "base": (12, 768, 12)}  # blocks, width, heads
NAMES = ("input_ids", "attention_mask", "token_type_ids")


def inputs(dtype: str, length: int = LENGTH) -> dict[str, np.ndarray]:
    ids = np.random.default_rng(0).integers(1000, VOCABULARY, (1, length))
    values = (ids, np.ones_like(ids), np.zeros_like(ids))
    return {name: value.astype(dtype) for name, value in zip(NAMES, values, strict=True)}


# Each maker writes files once, in a process of its own; each opener gives a function without arguments.


def make_ours(folder: Path, shape: str) -> None:
    import kerasbert as kb
    from kerasbert.export.formats.onnx.file import write_onnx
    from kerasbert.export.formats.settings import Settings
    from kerasbert.export.formats.tflite.file import write_tflite

    blocks, width, heads = SHAPES[shape]
    config = kb.BertConfig(
        hidden_size=width, num_hidden_layers=blocks, num_attention_heads=heads, intermediate_size=4 * width
    )
    model = kb.TextClassifier(kb.BertEncoder(config), labels=["a", "b"], max_length=LENGTH)
    kinds = {"float32": "none", "int8": "int8"}
    settings = Settings(lengths=[16, 32, 64, LENGTH])
    write_tflite(model, {folder / f"ours_{k}.tflite": q for k, q in kinds.items()}, settings)
    write_onnx(model, {folder / f"ours_{k}.onnx": q for k, q in kinds.items()})


def make_transformers(folder: Path, shape: str) -> None:
    import torch
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = torch_model(shape)
    x = {name: torch.from_numpy(value) for name, value in inputs("int64").items()}
    axes = {name: {0: "batch", 1: "sequence"} for name in NAMES}
    path = folder / "transformers_float32.onnx"
    options = {"input_names": list(NAMES), "output_names": ["logits"], "dynamic_axes": axes, "opset_version": 17}
    torch.onnx.export(model, tuple(x.values()), str(path), dynamo=False, **options)
    quantize_dynamic(path, folder / "transformers_int8.onnx", per_channel=True, weight_type=QuantType.QInt8)


def make_keras_hub(folder: Path, shape: str) -> None:
    import keras
    import keras_hub
    import tensorflow as tf

    blocks, width, heads = SHAPES[shape]
    backbone = keras_hub.models.BertBackbone(VOCABULARY, blocks, heads, width, 4 * width, max_sequence_length=512)
    model = keras_hub.models.BertTextClassifier(backbone, num_classes=2, preprocessor=None)
    archive = keras.export.ExportArchive()
    archive.track(model)
    names = ("token_ids", "padding_mask", "segment_ids")
    specs = {name: tf.TensorSpec((1, LENGTH), tf.int32, name=name) for name in names}
    archive.add_endpoint("serving_default", lambda x: model(x, training=False), input_signature=[specs])
    archive.write_out(str(folder / "keras_hub"))
    for kind, optimizations in (("float32", []), ("int8", [tf.lite.Optimize.DEFAULT])):
        converter = tf.lite.TFLiteConverter.from_saved_model(str(folder / "keras_hub"))
        converter.optimizations = optimizations
        (folder / f"keras_hub_{kind}.tflite").write_bytes(converter.convert())


MAKERS = {"ours": make_ours, "transformers": make_transformers, "keras_hub": make_keras_hub}


def torch_model(shape: str):
    import torch
    import transformers

    torch.set_num_threads(1)
    blocks, width, heads = SHAPES[shape]
    config = transformers.BertConfig(
        hidden_size=width, num_hidden_layers=blocks, num_attention_heads=heads, intermediate_size=4 * width
    )
    return transformers.BertForSequenceClassification(config).eval()


def open_torch(shape: str, int8: bool):
    import torch

    model = torch_model(shape)
    if int8:
        model = torch.ao.quantization.quantize_dynamic(model, {torch.nn.Linear}, torch.qint8)
    x = {name: torch.from_numpy(value) for name, value in inputs("int64").items()}

    def run():
        with torch.inference_mode():
            return model(**x).logits.numpy()

    return run


def open_onnx(path: Path, threads: int = 1):
    """threads: 0 is ONNX Runtime's default, one per core."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    x = inputs("int64")
    return lambda: session.run(None, x)[0]


def open_tflite(path: Path, length: int = LENGTH):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path), num_threads=1)
    signature = "serving_default" if length == LENGTH else f"tokens_{length}"
    runner = interpreter.get_signature_runner(signature)
    hub = dict(zip(NAMES, ("token_ids", "padding_mask", "segment_ids"), strict=True))
    taken = runner.get_input_details()
    x = {name if name in taken else hub[name]: value for name, value in inputs("int32", length).items()}
    return lambda: runner(**x)


def open_floor(shape: str):
    """The products with weights, and those of attention, for one text."""
    blocks, width, heads = SHAPES[shape]
    draw = np.random.default_rng(0)

    def matrix(*size):
        return draw.normal(size=size).astype("float32")

    x, wide, square, up, down = (
        matrix(*size)
        for size in ((LENGTH, width), (LENGTH, 4 * width), (width, width), (width, 4 * width), (4 * width, width))
    )
    q, k = matrix(heads, LENGTH, width // heads), matrix(heads, width // heads, LENGTH)
    scores = matrix(heads, LENGTH, LENGTH)

    def products(multiply, x, wide, square, up, down, q, k, scores):
        for _ in range(blocks):
            for _ in range(4):
                multiply(x, square)
            multiply(q, k)
            multiply(scores, q)
            multiply(x, up)
            multiply(wide, down)

    ways = [lambda: products(np.matmul, x, wide, square, up, down, q, k, scores)]
    try:
        import torch

        torch.set_num_threads(1)
        tensors = [torch.from_numpy(a) for a in (x, wide, square, up, down, q, k, scores)]
        ways.append(lambda: products(torch.matmul, *tensors))
    except ImportError:
        pass
    return min(ways, key=lambda way: statistics.median(timed(way) for _ in range(9)))


def timed(run) -> float:
    started = time.perf_counter()
    run()
    return (time.perf_counter() - started) * 1000


def contenders(folder: Path, shape: str) -> dict:
    """Name -> a function that opens it."""
    found = {"floor: matrix products alone": lambda: open_floor(shape)}
    for kind in ("float32", "int8"):
        for path in sorted(folder.glob(f"*_{kind}.*")):
            opener = open_tflite if path.suffix == ".tflite" else open_onnx
            found[f"{kind}: {path.name}"] = lambda path=path, opener=opener: opener(path)
            if path.suffix == ".onnx":
                found[f"{kind}: {path.name}, default session"] = lambda path=path: open_onnx(path, threads=0)
        found[f"{kind}: PyTorch"] = lambda int8=kind == "int8": open_torch(shape, int8)
    found["int8: ours_int8.tflite, 16 tokens"] = lambda: open_tflite(folder / "ours_int8.tflite", 16)
    found["float32: ours_float32.tflite, 16 tokens"] = lambda: open_tflite(folder / "ours_float32.tflite", 16)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="base")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=5, help="of each contender in a round")
    parser.add_argument("--folder", type=Path, help="where the files are, or are to be kept")
    parser.add_argument("--make", choices=MAKERS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.make:
        MAKERS[arguments.make](arguments.folder, arguments.shape)
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = arguments.folder or Path(scratch)
        folder.mkdir(exist_ok=True)
        for name in MAKERS:
            if any(folder.glob(f"{name}_*")):
                continue
            print(f"making the files of {name} ...", file=sys.stderr)
            command = [sys.executable, __file__, "--make", name, "--shape", arguments.shape, "--folder", str(folder)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                print(f"{name}: left out ({done.stderr.strip().splitlines()[-1]:.150})")
        runs = {}
        for name, opener in contenders(folder, arguments.shape).items():
            try:
                runs[name] = opener()
                runs[name]()
            except ImportError as error:
                print(f"{name}: left out ({error})")
                runs.pop(name, None)
        spent = {name: [] for name in runs}
        for number in range(arguments.rounds):
            print(f"round {number + 1} of {arguments.rounds} ...", file=sys.stderr)
            for name, run in runs.items():
                spent[name] += [timed(run) for _ in range(arguments.calls)]
        print(f"\n{arguments.shape}, {LENGTH} tokens, one thread{'':<24} {'median ms':>9} {'least':>8} {'most':>8}")
        for name, times in sorted(spent.items(), key=lambda item: statistics.median(item[1])):
            print(f"{name:<52} {statistics.median(times):9.1f} {min(times):8.1f} {max(times):8.1f}")


if __name__ == "__main__":
    main()
