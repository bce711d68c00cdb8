"""Corpus -> prepared data, with as many hands as there are: this process, local processes, or Apache Beam.

All run `kerasbert.data.preparation.prepare_slice`, so that the shards come out the same.
"""

import json
import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

from kerasbert import tokenizers
from kerasbert.data.documents import Span, find_files, plan_slices
from kerasbert.data.masking import MaskingVocabulary
from kerasbert.data.preparation import Settings, Shard, prepare_slice
from kerasbert.errors import DataError, MissingDependency
from kerasbert.files import write_text

INDEX = "index.json"
PLAN = "plan.json"
VERSION = 1

Slices = Sequence[Sequence[Span]]
Progress = Callable[[list[Shard], int, int], None]
"""Told of the shards of a finished slice, how many slices are finished, and of how many."""


@dataclass(frozen=True, kw_only=True)
class Index:
    """The content of index.json, written last: where it is, the data is whole.

    Attributes:
        settings: as they were given. vocabulary: SHA-256 of the tokens by id. vocab_size: their number.
        shards: in the order of the corpus. versions: of the packages whose change could change bytes.
    """

    settings: dict
    vocabulary: str
    vocab_size: int
    shards: list
    versions: dict
    version: int = VERSION

    def total(self, name: str) -> int:
        """A count of `Shard`, summed."""
        return sum(getattr(shard, name) for shard in self.shards)

    @classmethod
    def read(cls, folder: str | Path) -> "Index":
        """Raises DataError: no prepared data, not finished, or of a later version."""
        path = Path(folder) / INDEX
        try:
            values = json.loads(path.read_text(encoding="utf-8"))
            if values["version"] > VERSION:
                raise DataError(f"{path}: written by a later kerasbert (version {values['version']}); update this one")
            return cls(shards=[Shard(**{**shard, "seconds": 0.0}) for shard in values.pop("shards")], **values)
        except FileNotFoundError:
            begun = (Path(folder) / PLAN).exists()
            mend = (
                "the same `kerasbert prepare` goes on where it stopped" if begun else "make it with `kerasbert prepare`"
            )
            raise DataError(f"{folder}: no {INDEX}, so no whole prepared data; {mend}") from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise DataError(f"{path}: not readable as the index of prepared data ({error}); prepare again") from None


def vocabulary_hash(tokenizer) -> str:
    """SHA-256 of a tokenizer's tokens, in the order of their ids, and of its options."""
    content = json.dumps([tokenizer.vocabulary, tokenizer.options()], ensure_ascii=False, sort_keys=True)
    return sha256(content.encode()).hexdigest()


def prepare(
    inputs: Sequence[str],
    tokenizer_folder: str | Path,
    folder: str | Path,
    *,
    settings: Settings | None = None,
    workers: int = 1,
    engine: Callable[..., Iterator[list[Shard]]] | None = None,
    progress: Progress = lambda shards, done, total: None,
) -> Index:
    """Makes pre-training data of raw text, or goes on with what a killed run left.

    Args:
        inputs: files, folders, patterns. tokenizer_folder: with vocab.txt or tokenizer.json.
        folder: absent, empty, or one that the same call began.
        settings: what to make; `documents` of "auto" goes by the files' names.
        workers: local processes. engine: instead of those, a function (folder, slices, settings) -> shards of slices in
            any order; `beam_engine` makes one.

    Raises:
        DataError: text that cannot be used, a folder that holds something else, or data begun with other settings.
        TokenizerError, ConfigError: no usable vocabulary, or one without a mask token.
    """
    folder, settings = Path(folder), settings or Settings()
    tokenizer = tokenizers.load(tokenizer_folder)
    MaskingVocabulary.of(tokenizer)
    files = find_files(inputs)
    slices = plan_slices(files, settings.documents, settings.slice_bytes)
    if not slices:
        raise DataError(f"{', '.join(map(str, inputs))}: the corpus is empty")
    vocabulary = vocabulary_hash(tokenizer)
    _begin(folder, tokenizer, settings, vocabulary, slices)
    finished: dict[int, list[Shard]] = {}
    run = engine or (local_engine(workers) if workers > 1 else in_process)
    for number, shards in run(folder, slices, settings):
        finished[number] = shards
        progress(shards, len(finished), len(slices))
    shards = [shard for number in sorted(finished) for shard in finished[number]]
    index = Index(
        settings=asdict(settings),
        vocabulary=vocabulary,
        vocab_size=tokenizer.vocab_size,
        shards=shards,
        versions={package: version(package) for package in ("kerasbert", "tokenizers", "icu4py")},
    )
    if not index.total("instances"):
        raise DataError(f"{', '.join(map(str, inputs))}: {_nothing(settings)}")
    listed = [{k: v for k, v in asdict(shard).items() if k != "seconds"} for shard in shards]
    write_text(folder / INDEX, json.dumps({**asdict(index), "shards": listed}, indent=1) + "\n")
    for shard in shards:
        (folder / "shards" / shard.file).with_suffix(".json").unlink()
    (folder / PLAN).unlink()
    return index


def _nothing(settings: Settings) -> str:
    if settings.pairs:
        return f"no document has two sentences, and mode {settings.mode} needs pairs of them; use --mode mlm"
    return "the corpus holds no text"


def _begin(folder: Path, tokenizer, settings: Settings, vocabulary: str, slices: Slices) -> None:
    """Makes the folder, or checks that what is there was begun with the same text, vocabulary and settings."""
    spans = [[(Path(span.path).name, span.start, span.end) for span in spans] for spans in slices]
    plan = json.dumps({"settings": asdict(settings), "vocabulary": vocabulary, "slices": spans}, indent=1) + "\n"
    if (folder / INDEX).exists():
        raise DataError(f"{folder}: holds prepared data that is whole; name another --out, or remove it first")
    if (folder / PLAN).exists():
        if (folder / PLAN).read_text(encoding="utf-8") != plan:
            raise DataError(f"{folder}: was begun with other text, vocabulary or settings; name another --out")
        return
    if folder.is_dir() and any(folder.iterdir()):
        raise DataError(f"{folder}: the output folder is not empty; name another, or empty it first")
    (folder / "shards").mkdir(parents=True, exist_ok=True)
    tokenizer.save(folder / "tokenizer")
    write_text(folder / PLAN, plan)


def in_process(folder: Path, slices: Slices, settings: Settings) -> Iterator[tuple[int, list[Shard]]]:
    """One slice after the other, here."""
    for number, spans in enumerate(slices):
        yield number, prepare_slice(folder, number, spans, settings)


def local_engine(workers: int):
    """Processes of this machine, each of which takes slices until none is left."""

    def run(folder: Path, slices: Slices, settings: Settings) -> Iterator[tuple[int, list[Shard]]]:
        # Fresh processes, not forks: TensorFlow's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(slices)), context, initializer=_one_thread) as pool:
            numbers = {
                pool.submit(prepare_slice, folder, number, spans, settings): number
                for number, spans in enumerate(slices)
            }
            try:
                for future in as_completed(numbers):
                    yield numbers[future], future.result()
            finally:
                pool.shutdown(cancel_futures=True)

    return run


def _one_thread() -> None:
    """Keeps a worker to one core."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)


def beam_engine(runner: str = "DirectRunner", options: Sequence[str] = ()):
    """An Apache Beam pipeline: `runner` by Beam's name, `options` as Beam's command line has them.

    The output folder must be one that the workers share.

    Raises:
        MissingDependency: Beam is not installed.
    """
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions
    except ImportError as error:
        raise MissingDependency(f"--runner needs Apache Beam ({error}); pip install 'kerasbert[beam]'") from None

    def run(folder: Path, slices: Slices, settings: Settings) -> Iterator[tuple[int, list[Shard]]]:
        folder = folder.absolute()
        work = [
            (number, [Span(os.path.abspath(s.path), s.start, s.end) for s in spans])
            for number, spans in enumerate(slices)
        ]
        with beam.Pipeline(options=PipelineOptions([f"--runner={runner}", *options])) as pipeline:
            _ = (
                pipeline
                | "Slices" >> beam.Create(work)
                | "Spread" >> beam.Reshuffle()
                | "Prepare" >> beam.MapTuple(lambda number, spans: len(prepare_slice(folder, number, spans, settings)))
            )
        for number, spans in work:  # all is there: this reads what the workers wrote
            yield number, prepare_slice(folder, number, spans, settings)

    return run
