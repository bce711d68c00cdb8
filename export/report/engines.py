"""How an app runs each kind of file: one row per engine and language, and a source file for each.

The sources stand in `programs/LANGUAGE/`. A program is NAME_TASK.EXTENSION for one task, or NAME.EXTENSION for all. Its
parts are files too (`PARTS`): what makes rows of an example, what reads the outputs of the rows, and a label to learn.
BAR in their paths is the kind of numbers of the first output (`kerasbert.tasks.task.Output.bar`). So a new task adds
files and edits none.

Words such as `__TEXT__` are filled in by `kerasbert.export.report.snippets`. Functions are named as in LiteRT 2
(Kotlin's CompiledModel), TensorFlowLiteSwift 2.17 (SignatureRunner), MediaPipe's Tasks, the Task Library 0.4.4,
onnxruntime-web and @huggingface/tokenizers. The tests run the programs in Python and JavaScript; those in Kotlin and
Swift are never compiled there.
"""

from dataclasses import dataclass
from importlib import resources

from kerasbert.tasks import module_of

EXTENSIONS = {"python": "py", "kotlin": "kt", "swift": "swift", "javascript": "js"}
"""Language -> the end of its files' names."""
PARTS = {
    "TOKENIZER": ("rows/tokenizer",),
    "ROWS": ("rows/{task}", "rows/one"),
    "END": ("ends/{task}/{bar}", "ends/{bar}"),
    "LABEL": ("labels/{bar}",),
}
"""Mark in a program -> the part that stands there: paths under `programs/LANGUAGE/`, of which the first that exists is
taken. A part may hold the marks before its own."""
ANY = "any"
"""Stands for every kind of file that our runtime chooses by itself."""


@dataclass(frozen=True, kw_only=True)
class Engine:
    """An engine in one language.

    Attributes:
        language: a key of `EXTENSIONS`. name: the beginning of its programs' file names.
        title: what runs the file. install: how to get that.
        kind: the kind of file that it opens, as kerasbert.json says it, or `ANY`.
    """

    language: str
    name: str
    title: str
    install: str
    kind: str


LITERT = "pip install ai-edge-litert tokenizers numpy"
LITERT_ANDROID = 'implementation("com.google.ai.edge.litert:litert:2.1.0")'
MEDIAPIPE_ANDROID = 'implementation("com.google.mediapipe:tasks-text:latest.release")'
TASK_LIBRARY_ANDROID = 'implementation("org.tensorflow:tensorflow-lite-task-text:0.4.4")'
ENGINES = tuple(
    Engine(language=language, name=name, title=title, install=install, kind=kind)
    for language, name, title, install, kind in (
        ("python", "kerasbert_runtime", "kerasbert.runtime", "pip install kerasbert", ANY),
        ("python", "litert", "LiteRT", LITERT, "tflite"),
        ("python", "onnxruntime", "ONNX Runtime", "pip install onnxruntime tokenizers numpy", "onnx"),
        ("python", "litert_learning", "LiteRT, learning", LITERT, "trainable"),
        ("python", "tensorflow", "TensorFlow", "pip install tensorflow tensorflow-text", "saved_model"),
        (
            "python",
            "litert_text",
            "LiteRT and tensorflow-text",
            "pip install ai-edge-litert tensorflow-text",
            "tflite-text",
        ),
        ("python", "mediapipe", "MediaPipe", "pip install mediapipe", "mediapipe"),
        ("kotlin", "mediapipe", "MediaPipe", MEDIAPIPE_ANDROID, "mediapipe"),
        ("kotlin", "task_library", "Task Library", TASK_LIBRARY_ANDROID, "mediapipe"),
        ("kotlin", "litert", "LiteRT", LITERT_ANDROID, "tflite"),
        ("kotlin", "litert_learning", "LiteRT, learning", LITERT_ANDROID, "trainable"),
        ("swift", "mediapipe", "MediaPipe", "pod 'MediaPipeTasksText'", "mediapipe"),
        ("swift", "task_library", "Task Library", "pod 'TensorFlowLiteTaskText'", "mediapipe"),
        ("swift", "litert", "LiteRT", "pod 'TensorFlowLiteSwift'", "tflite"),
        ("javascript", "mediapipe", "MediaPipe", "npm install @mediapipe/tasks-text", "mediapipe"),
        (
            "javascript",
            "onnxruntime_web",
            "ONNX Runtime Web",
            "npm install onnxruntime-web @huggingface/tokenizers",
            "onnx",
        ),
    )
)
"""In the order of the report."""


def program(engine: Engine, task: str) -> str | None:
    """The source of an engine's program for a task; None where there is none."""
    return source(engine.language, f"{engine.name}_{module_of(task)}") or source(engine.language, engine.name)


def part(language: str, mark: str, task: str, bar: str) -> str | None:
    """The source that stands for a mark of `PARTS`, for a task and its kind of numbers; None without one."""
    found = (source(language, *path.format(task=module_of(task), bar=bar).split("/")) for path in PARTS[mark])
    return next(filter(None, found), None)


def source(language: str, *names: str) -> str | None:
    """The text of a file under `programs/LANGUAGE/`; None where there is none."""
    path = resources.files(__package__).joinpath("programs", language, *names[:-1])
    path = path / f"{names[-1]}.{EXTENSIONS[language]}"
    return path.read_text(encoding="utf-8") if path.is_file() else None
