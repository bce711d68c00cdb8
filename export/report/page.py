"""report.html, one page without scripts: how good, fast and large each file of a bundle is, and how an app runs it."""

import json
from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from kerasbert.errors import BundleError
from kerasbert.export.gate.verify import Row
from kerasbert.export.report.chart import Mark, draw
from kerasbert.export.report.snippets import Snippet, shown_example, snippets
from kerasbert.export.web import NAME as PAGE
from kerasbert.files import write_text
from kerasbert.reading import parse, read_text
from kerasbert.runtime.kinds import KINDS
from kerasbert.runtime.manifest import Manifest
from kerasbert.tasks.numbers import numbers_of

NAME = "report.html"
STYLES = {
    "tflite": "tflite",
    "mediapipe": "tflite",
    "trainable": "tflite",
    "tflite-text": "tflite",
    "onnx": "onnx",
    "savedmodel": "saved",
}
"""Kind of file -> the class that gives it its colour."""
OTHER = "other"
"""The class of everything else, such as the Keras model."""
LANGUAGES = {"python": "Python", "kotlin": "Kotlin", "swift": "Swift", "javascript": "JavaScript"}
STYLE = """
:root { color-scheme: light dark; --page: #fff; --ink: #1b1f24; --soft: #5d6875; --line: #dfe4ea; --box: #f5f7f9;
  --tflite: #1668c7; --onnx: #b4510a; --saved: #23803d; --other: #7a3fb5 }
@media (prefers-color-scheme: dark) { :root { --page: #14171b; --ink: #e4e8ed; --soft: #99a4b1; --line: #2d343d;
  --box: #1d2228; --tflite: #6cb1ff; --onnx: #f29a55; --saved: #63c987; --other: #c191f0 } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 2rem 1rem 4rem; max-width: 54rem; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, sans-serif; -webkit-text-size-adjust: 100% }
h1 { margin: 0; font-size: 1.7rem; line-height: 1.2 }
h2 { margin: 2.6rem 0 .7rem; font-size: 1.2rem }
h3 { margin: 1.6rem 0 .5rem; font-size: 1rem }
p { margin: .4rem 0 }
.soft { color: var(--soft); fill: var(--soft) }
.wide { overflow-x: auto }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; font-size: .93rem }
th, td { padding: .45rem .7rem; border-bottom: 1px solid var(--line); text-align: right; white-space: nowrap }
th { color: var(--soft); font-weight: 500 }
th:first-child, td:first-child { padding-left: 0; text-align: left }
tbody tr:last-child td { border-bottom: 0 }
code, pre { font: .86rem/1.5 ui-monospace, SFMono-Regular, Menlo, Consolas, monospace }
pre { margin: .4rem 0 0; padding: .8rem 1rem; overflow-x: auto; background: var(--box); border-radius: 8px }
details { margin: .5rem 0; border: 1px solid var(--line); border-radius: 8px; padding: .55rem .9rem }
summary { cursor: pointer; font-weight: 500; overflow-wrap: anywhere }
details[open] summary { margin-bottom: .4rem }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .3rem 1.2rem; margin: 0 }
dt { color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
.chart { display: block; width: 100%; min-width: 29rem; max-width: 44rem; font: 13px system-ui, sans-serif }
.chart text { fill: var(--ink) }
.chart .soft { fill: var(--soft) }
.grid { stroke: var(--line); fill: none }
.lead { stroke: var(--soft); stroke-width: .7; fill: none }
.mark { fill-opacity: .55; stroke-width: 1.5 }
.tflite { fill: var(--tflite); stroke: var(--tflite) }
.onnx { fill: var(--onnx); stroke: var(--onnx) }
.saved { fill: var(--saved); stroke: var(--saved) }
.other { fill: var(--other); stroke: var(--other) }
.chart text.name { stroke: none }
.dot { display: inline-block; width: .7em; height: .7em; margin-right: .5em; border-radius: 50% }
.dot.tflite { background: var(--tflite) }
.dot.onnx { background: var(--onnx) }
.dot.saved { background: var(--saved) }
.dot.other { background: var(--other) }
@media (max-width: 34rem) { dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .6rem } }
"""


def write_report(folder: Path, manifest: Manifest, rows: Sequence[Row], measured: Sequence = ()) -> None:
    """Writes report.html into a bundle.

    Args:
        rows: from `kerasbert.export.gate.verify.verify`. measured: from `kerasbert.export.benchmark.measure.benchmark`.
    """
    write_text(folder / NAME, page(folder, manifest, rows, measured))


def read_rows(folder: Path, manifest: Manifest) -> list[Row]:
    """The rows of report.json for a bundle's files.

    Raises:
        BundleError: it is missing, not whole, or describes other files.
    """
    path = folder / "report.json"
    try:
        rows = {row["format"]: Row(**row) for row in parse(read_text(path, BundleError))}
        return [rows[name] for name in manifest.files]
    except (BundleError, ValueError, TypeError, KeyError) as error:
        raise BundleError(f"{path}: not readable as the gate's report ({error}); export again") from None


def page(folder: Path, manifest: Manifest, rows: Sequence[Row], measured: Sequence = ()) -> str:
    """The page as text. Everything that comes from the bundle is escaped."""
    title = manifest.definition.words.title
    labels = ", ".join(manifest.settings.get("labels", ()))
    body = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="soft">{_count(len(rows), "file")}, each checked against the Keras model'
        f"{f'. Labels: {escape(labels)}' if labels else ''}</p>",
        "<h2>Which file</h2>",
        f'<div class="wide">{_chart(manifest, rows)}</div>',
        f'<div class="wide">{_files(manifest, rows)}</div>',
        '<p class="soft">Milliseconds are the time for one text, from string to answer, on the machine that exported. '
        "The difference is the largest between any output and Keras's.</p>",
        *(_strange(manifest, row) for row in rows if row.read_differently),
    ]
    if measured:
        body += ["<h2>Measured</h2>", f'<div class="wide">{_measured(manifest, measured)}</div>']
        body.append(
            '<p class="soft">Milliseconds are the time of the model for one text with that number of tokens: the '
            "median and the 95th percentile. Load is the time from the start of a process to its first answer, memory "
            "is the growth of that process.</p>"
        )
    if (folder / PAGE).is_dir():
        body.append(
            f'<p><a href="{PAGE}/">Try the files in a browser</a> <span class="soft">· once a web server shows this '
            "folder: <code>python -m http.server</code></span></p>"
        )
    body += ["<h2>How to run it</h2>", *_programs(folder, manifest), "<h2>What it is</h2>", _facts(manifest)]
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            '<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">',
            f"<title>{escape(title)}</title>",
            f"<style>{STYLE}</style></head>",
            "<body>",
            *body,
            "</body>",
            "</html>\n",
        ]
    )


def style_of(manifest: Manifest, name: str) -> str:
    """The class that gives a file its colour, by its name in kerasbert.json."""
    return STYLES.get(manifest.files[name].kind, OTHER) if name in manifest.files else OTHER


def _chart(manifest, rows) -> str:
    measured = all(row.figure is not None for row in rows)
    marks = [
        Mark(
            name=row.format,
            style=style_of(manifest, row.format),
            milliseconds=row.milliseconds,
            megabytes=row.megabytes,
            quality=row.figure if measured else row.agreement,
        )
        for row in rows
    ]
    return draw(marks, quality=manifest.definition.headline if measured else "answers equal to Keras's")


def _files(manifest, rows) -> str:
    measured = any(row.figure is not None for row in rows)
    heads = ["file", "precision", "MB", "ms per text", "max difference", "equal answers"]
    heads += [manifest.definition.headline] if measured else []
    lines = []
    for row in rows:
        cells = [
            f'<span class="dot {style_of(manifest, row.format)}"></span><code>{escape(row.path)}</code>',
            escape(manifest.files[row.format].precision),
            f"{row.megabytes:.1f}",
            f"{row.milliseconds:.1f}",
            f"{row.max_difference:.1e}",
            f"{row.agreement:.1%}",
        ]
        lines.append(cells + (["" if row.figure is None else f"{row.figure:.1%}"] if measured else []))
    return _table(heads, lines)


def _strange(manifest, row) -> str:
    texts = ", ".join(f"<q>{escape(text[:24])}</q>" for text in row.read_differently)
    reader = "the file's own" if KINDS[manifest.files[row.format].kind].reads == "text" else "MediaPipe's"
    return (
        f"<p><code>{escape(row.path)}</code>: {reader} tokenizer reads {_count(len(row.read_differently), 'text')} "
        f'of golden.json differently from BERT\'s: <span class="soft">{texts}</span></p>'
    )


def _measured(manifest, measured) -> str:
    lengths = sorted({row.length for row in measured})
    heads = ["file", "threads", "load", "memory", *(f"{length} tokens" for length in lengths)]
    groups = {}
    for row in measured:
        groups.setdefault((row.name, row.threads), []).append(row)
    lines = []
    for (name, threads), group in groups.items():
        times = {row.length: f"{row.ms:.1f} / {row.ms_p95:.1f}" for row in group}
        first = [
            f'<span class="dot {style_of(manifest, name)}"></span>{escape(name)}',
            str(threads),
            f"{group[0].load_s:.1f} s",
            f"{group[0].memory_mb:.0f} MB",
        ]
        lines.append([*first, *(times.get(length, "") for length in lengths)])
    return _table(heads, lines)


def _programs(folder, manifest) -> list[str]:
    numbers = ", ".join(each.name for each in numbers_of(manifest.graphs))
    if numbers:
        said = f"No programs: they answer texts alone, and this model also takes {numbers}."
        return [f'<p class="soft">{escape(said)}</p>']
    shown = shown_example(folder, manifest)
    asked = "”, “".join(map(escape, shown.example.values()))
    found = escape(json.dumps(_short(shown.answer), ensure_ascii=False))
    parts = [
        f'<p class="soft">Each program answers “{asked}”; Keras says: <code>{found}</code>. <code>golden.json</code> '
        "holds more examples with their token ids, outputs and answers, to check a port against.</p>"
    ]
    language = None
    for index, snippet in enumerate(snippets(folder, manifest)):
        if snippet.language != language:
            language = snippet.language
            parts.append(f"<h3>{LANGUAGES[language]}</h3>")
        parts.append(_program(snippet, opened=index == 0))
    return parts


def _short(answer):
    """An answer with three digits per number, three numbers per vector, and the first of several vectors."""
    if isinstance(answer, dict):
        return {name: _short(value) for name, value in answer.items()}
    if isinstance(answer, list) and answer and isinstance(answer[0], dict):
        return [*map(_short, answer)]
    if isinstance(answer, list) and answer and isinstance(answer[0], float | list):
        return [*map(_short, answer[: 3 if isinstance(answer[0], float) else 1]), "..."]
    return float(f"{answer:.3g}") if isinstance(answer, float) else answer


def _program(snippet: Snippet, *, opened: bool) -> str:
    return (
        f"<details{' open' if opened else ''}><summary>{escape(snippet.title)} "
        f'<span class="soft">· <code>{escape(snippet.install)}</code></span></summary>\n'
        f'<pre><code class="language-{snippet.language}">{escape(snippet.code)}</code></pre></details>'
    )


def _facts(manifest) -> str:
    known = {name.replace("_", " "): _listed(value) for name, value in manifest.settings.items()}
    facts = {
        "task": manifest.task,
        **known,
        "lengths": _listed(manifest.lengths),
        "inputs": _listed(each.name for graph in manifest.graphs for each in graph.inputs),
        "outputs": _listed(each.name for graph in manifest.graphs for each in graph.outputs),
        "tokenizer": ", ".join(f"{name} {value}" for name, value in manifest.tokenizer.items()),
        "lowest runtimes": _runtimes(manifest),
        "written by": ", ".join(f"{name} {version}" for name, version in manifest.versions.items()),
    }
    items = [f"<dt>{name}</dt><dd>{escape(value)}</dd>" for name, value in facts.items() if value]
    sums = {file.path: file.sha256 for file in manifest.files.values()} | manifest.checksums
    lines = [[f"<code>{escape(path)}</code>", f"<code>{escape(digest)}</code>"] for path, digest in sums.items()]
    checksums = f'<div class="wide">{_table(["file", "SHA-256"], lines)}</div>'
    return f"<dl>{''.join(items)}</dl>\n<h3>Checksums</h3>\n{checksums}"


def _runtimes(manifest) -> str:
    """The files by the lowest versions that run them, such as "TFLite 2.9 or LiteRT 1.0: model.tflite"."""
    groups = {}
    for file in manifest.files.values():
        versions = " or ".join(f"{name} {version}" for name, version in file.runtimes.items())
        groups.setdefault(versions, []).append(file.path)
    return "; ".join(f"{versions}: {', '.join(paths)}" for versions, paths in groups.items() if versions)


def _listed(value) -> str:
    """A setting as text."""
    return str(value) if isinstance(value, str) or not isinstance(value, Iterable) else ", ".join(map(str, value))


def _table(heads: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """Cells are HTML, heads are text."""
    head = "".join(f"<th>{escape(name)}</th>" for name in heads)
    body = "\n".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in line)}</tr>" for line in lines)
    return f"<table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table>"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"
