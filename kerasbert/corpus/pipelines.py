"""Corpus -> prepared data, in this process, in local processes, or on Apache Beam.

All run `kerasbert.corpus.preparation.prepare_slice`, so that the shards come out the same.
"""

import json
import multiprocessing
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from contextlib import closing
from dataclasses import asdict, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path

from kerasbert import tokenizers
from kerasbert.corpus.documents import Span, find_files, guess_format, plan_slices
from kerasbert.corpus.index import INDEX, PLAN, Index, Shard, vocabulary_hash
from kerasbert.corpus.preparation import Settings, finished_slice, prepare_slice
from kerasbert.corpus.workers import begin_worker
from kerasbert.errors import ConfigError, DataError, KerasBertError, MissingDependency
from kerasbert.files import check_target, held, write_text
from kerasbert.tasks.masking import MaskingVocabulary

Slices = Sequence[Sequence[Span]]
Progress = Callable[[list[Shard], int, int], None]
"""Called after each slice with its shards, the number of finished slices and the total."""
DASK = "apache_beam.runners.dask.dask_runner.DaskRunner"
"""Beam knows its runner for Dask by this name only."""


def prepare(
    inputs: Sequence[str],
    tokenizer_folder: str | Path,
    folder: str | Path,
    *,
    settings: Settings | None = None,
    workers: int = 1,
    engine: Callable[..., Iterator[tuple[int, list[Shard]]]] | None = None,
    progress: Progress = lambda shards, done, total: None,
) -> Index:
    """Makes pre-training data of raw text, or goes on with what a killed run left.

    Args:
        inputs: files, folders, patterns. tokenizer_folder: a vocab.txt, a tokenizer.json, or a folder with one.
        folder: absent, empty, or one that the same call began.
        settings: what to make.
        workers: local processes. engine: instead of those, a function (folder, slices, settings) -> (number of a slice,
            its shards) in any order; `beam_engine` makes one.

    Raises:
        DataError: text that cannot be used, a folder that holds something else, or data begun with other settings.
        TokenizerError, ConfigError: no usable vocabulary, or one without a mask token.
        KerasBertError: a full disk, workers that were killed, or another process that prepares the same folder. The
            same call goes on from the finished shards. Without any, nothing is left.
    """
    folder, settings = Path(folder), settings or Settings()
    tokenizer = tokenizers.load(tokenizer_folder)
    MaskingVocabulary.of(tokenizer)
    files = find_files(inputs)
    if settings.documents == "auto":
        settings = replace(settings, documents=guess_format(files))
    slices = plan_slices(files, settings.documents, settings.slice_bytes)
    run = engine or (local_engine(workers) if workers > 1 else in_process)
    finished: dict[int, list[Shard]] = {}
    with held(folder):
        plan = _checked_plan(folder, tokenizer, settings, slices)
        try:
            write_text(folder / PLAN, plan)
            (folder / "shards").mkdir(exist_ok=True)
            tokenizer.save(folder / "tokenizer")
            with closing(run(folder, slices, settings)) as slices_made:  # it ends its workers
                for number, shards in slices_made:
                    finished[number] = shards
                    progress(shards, len(finished), len(slices))
        finally:
            if not _has_shards(folder):
                _clear(folder)
        return _finish(folder, inputs, tokenizer, settings, [finished[number] for number in sorted(finished)])


def _finish(folder: Path, inputs: Sequence[str], tokenizer, settings: Settings, slices: Sequence[list[Shard]]) -> Index:
    """Writes the index of all slices."""
    index = Index(
        settings=asdict(settings),
        vocabulary=vocabulary_hash(tokenizer),
        vocab_size=tokenizer.vocab_size,
        shards=[shard for shards in slices for shard in shards],
        versions={package: version(package) for package in ("kerasbert", "tokenizers", "tensorflow-text", "icu4py")},
    )
    if lack := _lack(index, settings):
        _clear(folder)
        raise DataError(f"{', '.join(map(str, inputs))}: {lack}")
    listed = [{k: v for k, v in asdict(shard).items() if k != "seconds"} for shard in index.shards]
    write_text(folder / INDEX, json.dumps({**asdict(index), "shards": listed}, indent=1) + "\n")
    _tidy(folder, index)
    return index


def _lack(index: Index, settings: Settings) -> str:
    """Why there is nothing to train on, if so."""
    documents = index.total("documents")
    if not documents:
        return "the corpus is empty; name a file or folder that holds text"
    if settings.mode == "mlm-nsp" and documents < 2:
        return (
            "one document, and mode mlm-nsp draws second segments from others; separate documents by blank lines, "
            "choose the right --documents, or use --mode mlm"
        )
    if not index.total("instances"):
        return f"no document has two sentences, and mode {settings.mode} needs pairs of them; use --mode mlm"
    return ""


def _checked_plan(folder: Path, tokenizer, settings: Settings, slices: Slices) -> str:
    """What decides the shards, as text. Checks that the folder is empty or was begun with the same plan."""
    if (folder / INDEX).exists():
        raise DataError(f"{folder}: holds prepared data that is whole; name another --out, or remove it first")
    spans = [[(Path(span.path).name, span.start, span.end) for span in spans] for spans in slices]
    # What to do with wrong bytes changes no shard that is there: those had none.
    chosen = {name: value for name, value in asdict(settings).items() if name != "errors"}
    plan = {"settings": chosen, "vocabulary": vocabulary_hash(tokenizer), "slices": spans}
    content = json.dumps(plan, indent=1) + "\n"
    begun = (folder / PLAN).exists()
    if begun and not _has_shards(folder):  # killed before its first shard
        _clear(folder)
    elif not begun:
        check_target(folder)
    elif (folder / PLAN).read_text(encoding="utf-8") != content:
        raise DataError(
            f"{folder}: was begun with other text, vocabulary or settings; name another --out, or remove it first"
        )
    return content


def _tidy(folder: Path, index: Index) -> None:
    """Leaves the files that the index lists, and not what helped to go on after a stop, or what a stop left."""
    kept = {Path(shard.file).with_suffix(suffix).name for shard in index.shards for suffix in (".tfrecord", ".npy")}
    for path in (folder / "shards").iterdir():
        if path.name not in kept:
            path.unlink()
    (folder / PLAN).unlink()


def _has_shards(folder: Path) -> bool:
    """Whether a shard is finished, so that another call can go on from there."""
    return any((folder / "shards").glob("[0-9]*.json"))


def _clear(folder: Path) -> None:
    """Leaves nothing, so that another call can use the folder."""
    for name in ("shards", "tokenizer"):
        shutil.rmtree(folder / name, ignore_errors=True)
    (folder / PLAN).unlink(missing_ok=True)


def in_process(folder: Path, slices: Slices, settings: Settings) -> Iterator[tuple[int, list[Shard]]]:
    """One slice after the other, here."""
    for number, spans in enumerate(slices):
        yield number, prepare_slice(folder, number, spans, settings)


def local_engine(workers: int):
    """Processes of this machine, each of which takes slices until none is left."""

    def run(folder: Path, slices: Slices, settings: Settings) -> Iterator[tuple[int, list[Shard]]]:
        # Fresh processes, not forks: TensorFlow's threads do not survive a fork.
        context = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(min(workers, len(slices)) or 1, context, initializer=begin_worker) as pool:
            numbers = {
                pool.submit(prepare_slice, folder, number, spans, settings): number
                for number, spans in enumerate(slices)
            }
            try:
                for future in as_completed(numbers):
                    yield numbers[future], future.result()
            except BrokenProcessPool:
                raise KerasBertError(
                    f"{folder}: a worker was killed, for want of memory perhaps; the same call goes on from here, "
                    "with fewer --workers if need be"
                ) from None
            finally:
                pool.shutdown(cancel_futures=True)

    return run


def beam_engine(runner: str = "DirectRunner", options: Sequence[str] = ()):
    """An Apache Beam pipeline for one call of `prepare`.

    The output folder must be one that the workers share. Dask's workers need kerasbert installed.

    Args:
        runner: Beam's name of it, or "DaskRunner".
        options: as Beam's command line has them.

    Raises:
        MissingDependency: Beam is not installed, or what it needs for the runner.
        ConfigError: Beam knows no such runner, or the runner lacks an option.
    """
    extra, name = "beam", runner
    if runner == "DaskRunner":
        extra, name = "dask", DASK
        if not any("partition" in option for option in options):
            options = [*options, "--dask_partition_size=1"]  # Beam would give 128 slices to one worker
    try:
        import apache_beam as beam
        from apache_beam.options.pipeline_options import PipelineOptions

        pipeline = beam.Pipeline(name, options=PipelineOptions(list(options)))
    except ImportError as error:
        raise MissingDependency(
            f"--runner {runner} needs Apache Beam and its parts for it ({error}); pip install 'kerasbert[{extra}]'"
        ) from None
    except ValueError as error:
        raise ConfigError(f"--runner {runner}: {error}") from None

    def run(folder: Path, slices: Slices, settings: Settings) -> Iterator[tuple[int, list[Shard]]]:
        folder = folder.absolute()
        work = [
            (number, [Span(os.path.abspath(span.path), span.start, span.end) for span in spans])
            for number, spans in enumerate(slices)
        ]
        try:
            with pipeline:
                _ = (
                    pipeline
                    | "Slices" >> beam.Create(work)
                    | "Spread" >> beam.Reshuffle()
                    | "Prepare" >> beam.Map(partial(_prepare_slice, folder, settings))
                )
        except Exception as error:  # every runner has its own
            reason = (str(error).strip() or repr(error)).splitlines()[-1]
            raise KerasBertError(f"{folder}: {runner} failed: {reason}; the same call goes on from here") from error
        for number, _ in work:
            shards = finished_slice(folder, number)
            if shards is None and _error_file(folder, number).exists():
                raise DataError(_error_file(folder, number).read_text(encoding="utf-8"))
            if shards is None:
                raise DataError(f"{folder}: the workers wrote elsewhere; name an --out that all of them share")
            yield number, shards

    return run


def _prepare_slice(folder: Path, settings: Settings, work: tuple[int, Sequence[Span]]) -> None:
    """Text that cannot be used is written down: raised, runners would try it again, and wrap it in their traceback."""
    number, spans = work
    try:
        prepare_slice(folder, number, spans, settings)
    except DataError as error:
        write_text(_error_file(folder, number), str(error))


def _error_file(folder: Path, number: int) -> Path:
    return folder / "shards" / f"{number:05d}.error"
