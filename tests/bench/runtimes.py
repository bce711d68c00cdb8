"""Which runtimes run which `.tflite` files: writes small files of every kind, and runs them in any interpreter.

    python tests/bench/runtimes.py write FOLDER          # with the checkout's Python
    OTHER/bin/python tests/bench/runtimes.py run FOLDER  # needs NumPy, and one of `MODULES`

`write` makes random models of every task, family and activation, each as every kind of file that it can be. Beside each
file it records inputs and what must come out: Keras's numbers, and for a head that learns, the weights after each of 12
steps as NumPy computes them in float64.

`run` prints one line per file and three results: of the interpreter with the CPU's delegate, of the interpreter without
it, and of `CompiledModel` (`-` where there is none). A result is the largest difference, or the reason why a file does
not run. A difference above the file's limit is marked with `!`. The limit is 1e-4 for float32; for the others, 1.5
times the difference that the checkout's own LiteRT has. Every file runs in a process of its own: old runtimes crash.

The lowest versions found this way stand in `kerasbert.export.formats.tflite.lowest`.
"""

import importlib.util
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
MODULES = ("ai_edge_litert.interpreter", "tflite_runtime.interpreter", "tensorflow.lite.python.interpreter")
"""Modules with an `Interpreter`; the first that is installed is used."""
REGISTRAR = "tensorflow_text.core.pybinds.tflite_registrar"
"""Has the operations that a tflite-text file needs; without it these files are left out."""
KERNELS = {"delegate": "AUTO", "own": "BUILTIN_WITHOUT_DEFAULT_DELEGATES"}
"""How the interpreter computes -> the name of its `OpResolverType`."""
COMPILED = "compiled"
LENGTH, STEPS, RATE = 16, 12, 0.01
PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz", "##a", "##b", "##c"]
TEXTS = ["a b c ab", "x y z a b c d e f g h i j k l m n o p", "q"]


# Run: with NumPy and an interpreter only


def interpreted(path: Path, module, kernels: str) -> Callable:
    """A function (signature, inputs, outputs wanted) -> outputs, of an interpreter."""
    options = {"experimental_op_resolver_type": getattr(module.OpResolverType, KERNELS[kernels])}
    if "_text" in path.stem:
        operations = importlib.import_module(REGISTRAR).SELECT_TFTEXT_OPS
        interpreter = module.InterpreterWithCustomOps(custom_op_registerers=operations, model_path=str(path), **options)
    else:
        interpreter = module.Interpreter(str(path), **options)
    runners = {}

    def call(signature: str, given: dict, wanted: dict) -> dict:
        if signature not in runners:
            runners[signature] = interpreter.get_signature_runner(signature)
        texts = {name: array.astype(object) for name, array in given.items() if array.dtype.kind == "S"}
        return runners[signature](**(given | texts))

    return call


def compiled(path: Path) -> Callable:
    """The same of LiteRT's `CompiledModel`."""
    model = importlib.import_module("ai_edge_litert.compiled_model").CompiledModel.from_file(str(path))
    names = model.get_signature_list()

    def call(signature: str, given: dict, wanted: dict) -> dict:
        inputs = {name: model.create_input_buffer_by_name(signature, name) for name in given}
        outputs = {name: model.create_output_buffer_by_name(signature, name) for name in names[signature]["outputs"]}
        for name, array in given.items():
            inputs[name].write(array)
        model.run_by_name(signature, inputs, outputs)
        return {name: outputs[name].read(array.size, np.float32).reshape(array.shape) for name, array in wanted.items()}

    return call


def runs(path: Path, module, way: str) -> str:
    """The largest difference from what is recorded beside a file, or the reason why it does not run."""
    recorded = dict(np.load(path.with_suffix(".npz")))
    limit = recorded.pop("limit")
    calls, largest = {}, 0.0
    for name, array in recorded.items():
        number, signature, side, tensor = name.split()
        calls.setdefault((number, signature), {"given": {}, "wanted": {}})[side][tensor] = array
    call = compiled(path) if way == COMPILED else interpreted(path, module, way)
    for (_, signature), sides in calls.items():
        found = call(signature, **sides)
        for name, wanted in sides["wanted"].items():
            largest = max(largest, float(np.abs(found[name] - wanted).max()))
    return f"{largest:.0e}{'!' if not largest <= limit else ''}"


def apart(path: Path, module, way: str) -> str:
    """The same in a process of its own."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        try:
            said = runs(path, module, way)
        except Exception as error:
            said = " ".join(traceback.format_exception_only(error)[-1].split())
        os.write(writing, said.encode()[:1000])
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as pipe:
        said = pipe.read().decode(errors="replace")
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    return said or f"crashes ({ended})"


def run(folder: Path) -> None:
    for name in MODULES:
        try:
            module = importlib.import_module(name)
            break
        except ImportError:
            continue
    ways = [*KERNELS, *([COMPILED] if importlib.util.find_spec(f"{module.__package__}.compiled_model") else [])]
    for path in sorted(folder.glob("*.tflite")):
        found = [apart(path, module, way) if way != COMPILED or "_text" not in path.stem else "-" for way in ways]
        print(f"{path.stem:<32}", *(f"{each:<8}" for each in found), flush=True)


# Write: with the checkout


def models() -> dict:
    """Name -> a small random model."""
    import keras

    import kerasbert as kb
    from kerasbert.tokenizers import WordPieceTokenizer

    def encoder(**changes):
        tokenizer = WordPieceTokenizer(PIECES)
        sizes = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
        config = kb.BertConfig(
            vocab_size=tokenizer.vocab_size, max_position_embeddings=32, initializer_range=0.3, **sizes, **changes
        )
        return kb.BertEncoder(config, tokenizer=tokenizer)

    def classifier(changes: dict | None = None, **options):
        options = {"labels": ["a", "b", "c"], "max_length": LENGTH} | options
        return kb.TextClassifier(encoder(**changes or {}), **options)

    keras.utils.set_random_seed(3)
    return {
        "choice": classifier(),
        "choices": classifier(problem_type="multi_label_classification"),
        "number": classifier(labels=["stars"], problem_type="regression"),
        "mean": classifier(pooling="mean"),
        "additive": classifier(pooling="additive"),
        "roberta": classifier({"model_type": "roberta", "type_vocab_size": 1, "pad_token_id": 0}),
        "distilbert": classifier({"model_type": "distilbert", "type_vocab_size": 0, "layer_norm_eps": 1e-12}),
        "gelu-new": classifier({"hidden_act": "gelu_new"}),
        "silu": classifier({"hidden_act": "silu"}),
        "embedding": kb.SentenceEncoder(encoder(), max_length=LENGTH),
        "embedding-max": kb.SentenceEncoder(encoder(), pooling="max", max_length=LENGTH),
        "features": kb.FeatureExtractor(encoder(), max_length=LENGTH),
        "tokens": kb.TokenClassifier(encoder(), labels=["O", "B-A", "I-A"], max_length=LENGTH),
    }


def write(folder: Path) -> None:
    from kerasbert.errors import ExportError
    from kerasbert.export.bundle import writer
    from kerasbert.export.formats.settings import Settings
    from kerasbert.export.variants import VARIANTS
    from kerasbert.quiet import quiet

    folder.mkdir(parents=True, exist_ok=True)
    own = importlib.import_module(MODULES[0])
    for name, model in models().items():
        for variant in VARIANTS.values():
            for legacy in (False, True) if name == "choice" else (False,):
                if not variant.path.endswith(".tflite") or (legacy and variant.quantize in ("none", "float16", "int4")):
                    continue
                path = folder / f"{name}{'_legacy' if legacy else ''}_{variant.path.removeprefix('model_')}"
                settings = Settings(lengths=[LENGTH], legacy_runtime=legacy)
                try:
                    with quiet():
                        writer(variant.kind)(model, {path: variant.quantize}, settings)
                except (ExportError, AttributeError):  # MediaPipe and the trainable head do not take every task
                    path.unlink(missing_ok=True)
                    continue
                calls = lessons(model) if variant.kind == "trainable" else answers(model, variant.kind)
                record(path, own, calls, floats=variant.quantize == "none")


def record(path: Path, own, calls: list, *, floats: bool) -> None:
    """Writes the calls beside a file, with the limit for their differences."""
    save(path, calls, limit=1e9)
    found = apart(path, own, "delegate")
    save(path, calls, limit=1e-4 if floats or not found[:1].isdigit() else 1.5 * float(found) + 1e-4)
    print(f"{path.stem:<32} {found}")


def save(path: Path, calls: list, *, limit: float) -> None:
    """Each call is (signature, inputs, outputs that must come out)."""
    arrays = {
        f"{number:03} {signature} {side} {name}": array
        for number, (signature, *sides) in enumerate(calls)
        for side, named in zip(("given", "wanted"), sides, strict=True)
        for name, array in named.items()
    }
    np.savez(path.with_suffix(".npz"), limit=limit, **arrays)


def answers(model, kind: str) -> list:
    """One call per text: (signature, inputs, Keras's outputs)."""
    from kerasbert.export.formats.scores import SCORES

    calls = []
    for text in TEXTS:
        inputs = padded(model, text)
        outputs = {name: np.asarray(value) for name, value in model.export_outputs(inputs).items()}
        if kind == "mediapipe":
            inputs = {"token_type_ids": np.zeros((1, LENGTH), np.int32)} | inputs
            bar = model.graphs()[0].outputs[0].bar
            if "logits" in outputs:
                outputs = {"probability": np.asarray(SCORES.get(bar, np.asarray)(outputs["logits"]))}
        if kind == "tflite-text":
            inputs = {"text": np.array([text.encode()])}
        calls.append(("serving_default", inputs, outputs))
    return calls


def padded(model, text: str) -> dict[str, np.ndarray]:
    """A model's inputs for a text, int32 (1, LENGTH). The id of padding is 0."""
    row = model.tokenizer([text], max_length=LENGTH)
    return {name: np.pad(row[name], ((0, 0), (0, LENGTH - row[name].shape[1]))) for name in model.encoder.input}


def lessons(model) -> list:
    """`STEPS` calls of `train`, each with one of `save` behind it, as NumPy learns in float64."""
    import keras

    from kerasbert.export.formats.tflite.trainable import MOMENTUM

    head = model.get_layer("classifier")
    pooled = keras.Model(model.input, head.input)
    kernel, bias = (np.float64(weight.numpy()) for weight in head.dense.weights)
    moving, calls, draw = [0 * kernel, 0 * bias], [], np.random.default_rng(0)
    bar = model.graphs()[0].outputs[0].bar
    for step in range(STEPS):
        inputs = padded(model, TEXTS[step % len(TEXTS)])
        x = pooled(inputs, training=False)
        x = np.float64(x if head.hidden is None else head.hidden(x))[0]
        logits = x @ kernel + bias
        if bar == "choice":
            label = np.int32([draw.integers(len(bias))])
            scores = np.exp(logits - logits.max()) / np.exp(logits - logits.max()).sum()
            loss, slope = -np.log(scores[label[0]]), scores - np.eye(len(bias))[label[0]]
        elif bar == "choices":
            label = np.float32(draw.integers(2, size=(1, len(bias))))
            loss = np.mean(np.logaddexp(0, logits) - logits * label[0])
            slope = (1 / (1 + np.exp(-logits)) - label[0]) / len(bias)
        else:
            label = np.float32(draw.normal(size=(1, 1)))
            loss, slope = np.mean((logits - label[0]) ** 2), 2 * (logits - label[0])
        for weight, velocity, gradient in zip((kernel, bias), moving, (np.outer(x, slope), slope), strict=True):
            velocity[:] = MOMENTUM * velocity - RATE * gradient
            weight += velocity
        given = inputs | {"label": label, "learning_rate": np.float32(RATE)}
        calls.append(("train", given, {"loss": np.array([loss])}))
        calls.append(("save", {"nothing": np.zeros(1, np.int32)}, {"kernel": kernel.copy(), "bias": bias.copy()}))
    return calls


if __name__ == "__main__":
    {"write": write, "run": run}[sys.argv[1]](Path(sys.argv[2]))
