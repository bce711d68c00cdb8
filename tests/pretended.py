"""A bundle whose model files are made up: its description, golden answers, report and page are as those of any other.

Its page has an engine of ten lines in place of the runtimes. So a test of how a page looks needs no conversion, no
download and no training, and can have the labels that it wants.
"""

import json
import shutil
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np

from kerasbert.export import web
from kerasbert.export.gate import golden
from kerasbert.export.gate.verify import Row
from kerasbert.export.report.page import write_report
from kerasbert.export.variants import VARIANTS
from kerasbert.export.web.characters import describe_characters
from kerasbert.runtime.manifest import File, Manifest, Part, measure
from kerasbert.tasks import task_named
from kerasbert.tasks.ask import outputs_of
from kerasbert.tasks.task import Graph

WIDTH = 8
"""Size of vectors."""
VECTORS = ("memory", "cache")
"""The inputs that take vectors."""
ENGINES = """
const KINDS = ["tflite", "onnx", "mediapipe"];
export const runnable = ({ files, graphs: [{ outputs: [{ axis }] }] }) =>
  Object.entries(files).filter(([, { kind }]) => (axis === "row" ? KINDS : KINDS.slice(0, 2)).includes(kind));
export const readsText = ({ kind }) => kind === "mediapipe";
export const bytesOf = ({ parts: [{ bytes }] }) => bytes;
const answers = ({ outputs }) => (inputs, text) => {
  const { decoder_input_ids: last = 0, decoder_position: place = 0, attention_mask: mask } = inputs ?? {};
  const ids = inputs?.input_ids ?? mask ?? Array.from(text, (character) => character.codePointAt(0));
  const seed = [...ids, last, place].reduce((sum, id) => sum + id, 0);
  const sizes = { row: (width) => width, token: (width) => width * ids.length, position: () => ids.length };
  sizes.example = sizes.row;
  const numbers = ({ axis, width }) =>
    Float32Array.from({ length: sizes[axis](width) }, (_, place) => 4 * Math.sin(seed + 2.7 * place));
  const unit = (vector) => vector.map((value) => value / Math.hypot(...vector));
  return Object.fromEntries(outputs.map((each) =>
    [each.name, each.bar === "vector" && each.axis === "row" ? unit(numbers(each)) : numbers(each)]));
};
export const openModel = async (file, bytes, { graphs }) =>
  Object.fromEntries(graphs.map((graph) =>
    [graph.name, async (rows, text) => rows.map((row) => answers(graph)(row, text))]));
"""


@dataclass
class Pretended:
    """Has what `golden.write` asks of a model; all of its numbers are 0."""

    task: object
    settings: object
    tokenizer: object

    def graphs(self) -> tuple[Graph, ...]:
        graphs = self.task.graphs(self.settings)
        return tuple(self._built(graph, writes=len(graphs) > 1) for graph in graphs)

    def _built(self, graph: Graph, *, writes: bool) -> Graph:
        """A graph with the sizes that a model would give it. A text is written in words of the tokenizer."""
        widths = {"logits": self.tokenizer.vocab_size} if writes else {}
        return replace(
            graph,
            inputs=tuple(replace(each, width=WIDTH) if each.name in VECTORS else each for each in graph.inputs),
            outputs=tuple(
                each if each.axis == "position" else replace(each, width=each.width or widths.get(each.name, WIDTH))
                for each in graph.outputs
            ),
        )

    def runs(self) -> dict:
        return {graph.name: partial(_zeros, graph) for graph in self.graphs()}

    def answered(self, examples):
        asked = (self.task, self.tokenizer, self.runs(), examples, self.settings)
        return list(outputs_of(*asked, graphs=self.graphs()))


def _zeros(graph: Graph, batch) -> dict:
    rows, tokens = np.asarray(batch[next(each.name for each in graph.inputs if each.axis == "token")]).shape
    return {each.name: np.zeros((rows, *each.shape(tokens)), "float32") for each in graph.outputs}


def pretend(folder: Path, task: str, tokenizer, *, files=tuple(VARIANTS), figures=(1.0,), **settings) -> Path:
    """Writes such a bundle with its report and its page.

    Args:
        folder: an empty folder. task: its name. settings: the task's settings. files: keys of `VARIANTS`.
        figures: the share of equal answers of the files, in turn.
    """
    model = Pretended(task_named(task), task_named(task).Settings(**settings), tokenizer)
    tokenizer.save(folder)
    golden.write(model, folder)
    checksums = {path.name: measure(path)[1] for path in folder.iterdir()}
    written, rows = {}, []
    for at, name in enumerate(files):
        variant = VARIANTS[name]
        (folder / variant.path).parent.mkdir(exist_ok=True)
        (folder / variant.path).write_bytes(name.encode())
        part = Part.describe(folder, variant.path, [graph.name for graph in model.graphs()])
        written[name] = File(kind=variant.kind, precision=variant.precision, parts=(part,))
        measured = {"megabytes": 4.0 + at, "milliseconds": 1.7**at, "agreement": figures[at % len(figures)]}
        rows.append(Row(format=name, path=variant.path, max_difference=1e-6, **measured))
    manifest = Manifest(
        task=task,
        settings=json.loads(json.dumps(asdict(model.settings))),
        graphs=list(model.graphs()),
        lengths=[model.settings.max_length],
        tokenizer=tokenizer.options(),
        files=written,
        checksums=checksums,
        versions={"kerasbert": "1.0"},
    )
    manifest.write(folder)
    shutil.copytree(Path(web.__file__).parent / "page", folder / web.NAME)
    characters = json.dumps(describe_characters(manifest.tokenizer))
    (folder / web.NAME / "characters.json").write_text(characters, encoding="utf-8")
    (folder / web.NAME / "engines.js").write_text(ENGINES, encoding="utf-8")
    write_report(folder, manifest, rows)
    return folder
