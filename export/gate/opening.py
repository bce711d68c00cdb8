"""Any file of a bundle as a pipeline, a SavedModel included."""

from dataclasses import dataclass
from pathlib import Path

from kerasbert import tokenizers
from kerasbert.runtime.manifest import Manifest
from kerasbert.runtime.pipelines import Pipeline, load, text_graphs


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A file of a bundle, ready to answer.

    Attributes:
        folder, name: the bundle, and the file's name in it.
        pipeline: ids go into the file, unless it is of a kind that takes texts.
        from_text: fields that a signature for texts takes -> the pipeline of that signature; empty for most kinds.
    """

    folder: Path
    name: str
    pipeline: Pipeline
    from_text: dict[tuple[str, ...], Pipeline]


def open_any(folder: str | Path, name: str) -> Opened:
    """Opens one file of a bundle.

    Raises:
        BundleError: a file is missing or was changed; its every byte is compared.
    """
    folder = Path(folder)
    manifest = Manifest.read(folder)
    if name not in manifest.files or manifest.files[name].kind != "savedmodel":
        return Opened(folder=folder, name=name, pipeline=load(folder, file=name), from_text={})
    manifest.check_others(folder)
    path = manifest.check_file(folder, name)
    from kerasbert.export.formats.saved_model.file import open_saved_model

    graph = manifest.graph(manifest.files[name].graph)
    ids, texts = open_saved_model(path, graph, verb=manifest.definition.words.verb)
    tokenizer = tokenizers.from_options(manifest.tokenizer, folder)
    return Opened(
        folder=folder,
        name=name,
        pipeline=Pipeline(manifest, tokenizer, {graph.name: ids}),
        from_text={
            fields: Pipeline(manifest, tokenizer, {graph.name: run}, graphs=text_graphs(manifest, fields))
            for fields, run in texts.items()
        },
    )
