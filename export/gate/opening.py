"""Opens any file of a bundle as a pipeline, including a SavedModel."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from kerasbert import tokenizers
from kerasbert.runtime.manifest import Manifest
from kerasbert.runtime.pipelines import Pipeline, load, text_graphs
from kerasbert.tasks.task import Run


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A file of a bundle, ready to answer.

    Attributes:
        folder: the bundle.
        name: the file's name in kerasbert.json.
        pipeline: the pipeline that passes ids to the file, or texts if the file takes texts only.
        from_text: fields of a signature for texts -> the pipeline of that signature. Only SavedModels have these.
        writes: the same for a model that writes texts: the field -> the function from texts to texts
            (`kerasbert.export.formats.saved_model.two_graphs.run_of_texts`).
    """

    folder: Path
    name: str
    pipeline: Pipeline
    from_text: dict[tuple[str, ...], Pipeline] = field(default_factory=dict)
    writes: dict[tuple[str, ...], Run] = field(default_factory=dict)


def open_any(folder: str | Path, name: str) -> Opened:
    """Opens one file of a bundle.

    Raises:
        BundleError: a file is missing or was changed. All bytes are compared, by checksum.
    """
    folder = Path(folder)
    manifest = Manifest.read(folder)
    if name not in manifest.files or manifest.files[name].kind != "saved_model":
        return Opened(folder=folder, name=name, pipeline=load(folder, file=name))
    manifest.check_others(folder)
    (part,) = manifest.check_file(folder, name).parts
    from kerasbert.export.formats.saved_model.file import open_saved_model

    runs, texts = open_saved_model(folder / part.path, manifest.graphs, task=manifest.definition)
    tokenizer = tokenizers.from_options(manifest.tokenizer, folder)
    opened = Opened(folder=folder, name=name, pipeline=Pipeline(manifest, tokenizer, runs))
    if len(runs) > 1:
        return replace(opened, writes=texts)
    pipelines = {
        fields: Pipeline(manifest, tokenizer, dict.fromkeys(runs, run), graphs=text_graphs(manifest, fields))
        for fields, run in texts.items()
    }
    return replace(opened, from_text=pipelines)
