"""Text to prepared data: the same bytes whoever works and however often it was killed, and what cannot be prepared."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import tarfile
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from kerasbert import tokenizers
from kerasbert.corpus import documents as documents_module
from kerasbert.corpus.index import INDEX, PLAN, Index
from kerasbert.corpus.pipelines import beam_engine, prepare
from kerasbert.corpus.preparation import Settings
from kerasbert.errors import ConfigError, DataError, KerasBertError, MissingDependency
from kerasbert.tf.records import decode, scan_records
from kerasbert.tokenizers import WordPieceTokenizer

VOCABULARY = Path(__file__).parents[1] / "tokenizers" / "fixtures"
SMALL = {"max_length": 32, "slice_bytes": 1500, "documents": "blank-lines"}
WORDS = ["the", "and", "ban", "bir", "die", "end", "gro", "mon", "nam", "pho", "rat", "res", "vie", "été", "中文"]


def generated_documents(count: int, seed: int = 0, sentences: int = 9) -> list[list[str]]:
    """Documents of sentences; about one in nine is a single sentence."""
    draw = random.Random(seed)

    def sentence() -> str:
        return " ".join(draw.choices(WORDS, k=draw.randint(3, 9))) + "!"

    return [[sentence() for _ in range(draw.randint(1, sentences))] for _ in range(count)]


def write_corpus(folder: Path, documents) -> Path:
    """Three files, one of them compressed, of documents between blank lines."""
    folder.mkdir(parents=True)
    texts = ["\n".join(sentences) for sentences in documents]
    third = len(texts) // 3
    (folder / "a.txt").write_text("\n\n".join(texts[:third]), encoding="utf-8")
    (folder / "b.txt").write_text("\n\n".join(texts[third : 2 * third]), encoding="utf-8")
    (folder / "c.txt.gz").write_bytes(gzip.compress("\n\n".join(texts[2 * third :]).encode()))
    return folder


@pytest.fixture(scope="module")
def corpus(tmp_path_factory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus") / "texts", generated_documents(120))


@pytest.fixture(scope="module")
def expected(corpus, tmp_path_factory) -> dict[str, bytes]:
    """What one process makes of it, without a stop."""
    out = tmp_path_factory.mktemp("expected") / "data"
    prepare([corpus], VOCABULARY, out, settings=Settings(mode="mlm-nsp", **SMALL))
    return contents(out)


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def instances_of(folder: Path) -> list[dict]:
    """Every instance in the order of the shards: `ids` with special tokens, and `first` and `label` of pairs."""
    found = []
    for shard in Index.read(folder).shards:
        path = folder / "shards" / shard.file
        examples = [record.numpy() for record in tf.data.TFRecordDataset(str(path))]
        columns = decode(examples)
        for row in range(len(examples)):
            values = {name: all_[splits[row] : splits[row + 1]] for name, (all_, splits) in columns.items()}
            for number, ids in enumerate(np.split(values["input_ids"], np.cumsum(values["lengths"])[:-1])):
                instance = {"ids": ids.tolist()}
                if "nsp_label" in values:
                    instance |= {"first": values["first_lengths"][number], "label": values["nsp_label"][number]}
                found.append(instance)
    return found


def in_another_process(code: str, *arguments, **options) -> subprocess.CompletedProcess:
    head = "import sys\nfrom kerasbert.corpus.pipelines import prepare\n"
    head += "from kerasbert.corpus.preparation import Settings\n"
    head += f"VOCABULARY, SMALL = {str(VOCABULARY)!r}, {SMALL!r}\n"
    command = [sys.executable, "-c", head + code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=240, **options)


def test_every_token_of_the_text_is_there_once_with_the_host_tokenizers_ids(corpus, tmp_path):
    index = prepare([corpus], VOCABULARY, tmp_path / "data", settings=Settings(mode="mlm", sentences="lines", **SMALL))
    host = tokenizers.load(VOCABULARY)
    texts = [ids for sentences in generated_documents(120) for ids in host.piece_ids(sentences)]
    found = instances_of(tmp_path / "data")
    assert [i for instance in found for i in instance["ids"][1:-1]] == [i for ids in texts for i in ids]
    cls, sep = host.id_of("cls"), host.id_of("sep")
    assert all((instance["ids"][0], instance["ids"][-1]) == (cls, sep) for instance in found)
    assert all(len(instance["ids"]) <= 32 for instance in found)
    assert index.total("instances") == index.total("rows") == len(found)
    assert index.total("tokens") == sum(len(instance["ids"]) for instance in found)
    assert index.total("documents") == 120
    assert max(shard.largest_id for shard in index.shards) == max(max(instance["ids"]) for instance in found)


def test_a_pair_that_follows_stands_so_in_the_text_and_a_random_one_does_not(corpus, tmp_path):
    index = prepare([corpus], VOCABULARY, tmp_path / "data", settings=Settings(mode="mlm-nsp", **SMALL))
    host = tokenizers.load(VOCABULARY)
    texts = [as_text(i for ids in host.piece_ids(sentences) for i in ids) for sentences in generated_documents(120)]
    found = instances_of(tmp_path / "data")
    whole = 0
    for instance in found:
        ids, first = instance["ids"], int(instance["first"])
        assert [ids[0], ids[first - 1], ids[-1]] == [host.id_of(role) for role in ("cls", "sep", "sep")]
        segments = ids[1 : first - 1], ids[first:-1]
        homes = [{number for number, text in enumerate(texts) if as_text(segment) in text} for segment in segments]
        assert all(homes)
        if instance["label"] == 0:
            assert homes[0] & homes[1]
        if len(ids) < 32 and min(map(len, segments)) > 3:  # nothing was cut, and no accident
            whole += 1
            assert any(as_text(segments[0] + segments[1]) in text for text in texts) == (instance["label"] == 0)
    assert whole > 50
    assert index.total("random") == sum(int(instance["label"]) for instance in found)
    assert 0.4 < index.total("random") / len(found) < 0.6


def as_text(ids) -> str:
    return "".join(f" {i} " for i in ids)


def test_packed_rows_hold_the_same_instances(corpus, tmp_path):
    for packed in (False, True):
        settings = Settings(mode="mlm-sop", packed=packed, short_probability=0.9, **SMALL | {"max_length": 64})
        prepare([corpus], VOCABULARY, tmp_path / str(packed), settings=settings)
    plain, packed = (sorted(instances_of(tmp_path / name), key=str) for name in ("False", "True"))
    assert plain == packed
    index = Index.read(tmp_path / "True")
    assert index.total("rows") < 0.9 * index.total("instances")
    assert max(shard.most for shard in index.shards) > 1


def test_the_index_tells_the_shards_facts(corpus, tmp_path):
    out = tmp_path / "data"
    index = prepare([corpus], VOCABULARY, out, settings=Settings(mode="mlm", packed=True, **SMALL))
    assert {path.name for path in out.iterdir()} == {INDEX, "shards", "tokenizer"}
    files = {path.name for path in (out / "shards").iterdir()}
    assert files == {shard.file for shard in index.shards} | {shard.file[:-8] + "npy" for shard in index.shards}
    assert len(index.shards) > 8
    for shard in index.shards:
        path = out / "shards" / shard.file
        places = scan_records(path)
        content = path.read_bytes()
        ids, splits = decode([content[begin:end] for begin, end in places])["input_ids"]
        assert (shard.rows, shard.tokens, shard.largest_id) == (len(places), len(ids), ids.max())
        assert np.load(path.with_suffix(".npy")).tolist() == np.column_stack([places, np.diff(splits)]).tolist()
        assert sum(shard.lengths) == shard.rows
    text = sum(len(gzip.decompress(p.read_bytes()) if p.suffix == ".gz" else p.read_bytes()) for p in corpus.iterdir())
    assert 0.97 * text < index.total("bytes") <= text  # blank lines are no document's
    read = Index.read(out)
    assert (read.settings, read.vocabulary, read.vocab_size) == (index.settings, index.vocabulary, 833)
    assert [shard.file for shard in read.shards] == [shard.file for shard in index.shards]


def test_settings_that_differ_make_other_bytes_and_the_same_make_the_same(corpus, tmp_path, expected):
    for number, change in enumerate([{}, {"seed": 1}, {"short_probability": 0.5}, {"max_length": 33}]):
        prepare([corpus], VOCABULARY, tmp_path / str(number), settings=Settings(**{"mode": "mlm-nsp"} | SMALL | change))
        shards = {name: value for name, value in contents(tmp_path / str(number)).items() if name != INDEX}
        assert (shards == {name: value for name, value in expected.items() if name != INDEX}) == (not change)


def test_where_the_text_lies_and_how_it_is_named_does_not_matter(corpus, tmp_path, expected, monkeypatch):
    monkeypatch.chdir(corpus)
    prepare(["."], VOCABULARY, tmp_path / "data", settings=Settings(mode="mlm-nsp", **SMALL))
    assert contents(tmp_path / "data") == expected


@pytest.mark.slow
@pytest.mark.cluster
@pytest.mark.parametrize("workers", [2, 4])
def test_any_number_of_workers_makes_the_same_bytes(corpus, tmp_path, expected, workers):
    prepare([corpus], VOCABULARY, tmp_path / "data", settings=Settings(mode="mlm-nsp", **SMALL), workers=workers)
    assert contents(tmp_path / "data") == expected


@pytest.mark.slow
@pytest.mark.skipif(find_spec("apache_beam") is None, reason="needs pip install 'kerasbert[beam]'")
@pytest.mark.filterwarnings("ignore")  # Beam's own
@pytest.mark.parametrize(
    "options", [("--direct_num_workers=1",), ("--direct_num_workers=2", "--direct_running_mode=multi_processing")]
)
def test_beam_makes_the_same_bytes(corpus, tmp_path, expected, options):
    settings = Settings(mode="mlm-nsp", **SMALL)
    engine = beam_engine("DirectRunner", options)
    prepare([os.path.relpath(corpus)], VOCABULARY, tmp_path / "data", settings=settings, engine=engine)
    assert contents(tmp_path / "data") == expected


@pytest.mark.slow
@pytest.mark.skipif(find_spec("apache_beam") is None, reason="needs pip install 'kerasbert[beam]'")
@pytest.mark.filterwarnings("ignore")  # Beam's own
def test_wrong_text_is_one_line_through_beam_too_and_the_next_call_goes_on(tmp_path):
    folder = write_corpus(tmp_path / "texts", generated_documents(60))
    content = (folder / "b.txt").read_bytes()
    (folder / "b.txt").write_bytes(content[:-30] + b"\xff" + content[-29:])
    arguments = [folder], VOCABULARY, tmp_path / "data"
    with pytest.raises(DataError, match=r"^[^\n]*b\.txt, line \d+: byte 0xff is not UTF-8[^\n]*$"):
        prepare(*arguments, settings=Settings(**SMALL), engine=beam_engine())
    settings = Settings(errors="replace", **SMALL)
    prepare(*arguments, settings=settings, engine=beam_engine())
    prepare([folder], VOCABULARY, tmp_path / "plain", settings=settings)
    assert contents(tmp_path / "data") == contents(tmp_path / "plain")


@pytest.mark.skipif(find_spec("apache_beam") is not None, reason="Apache Beam is installed")
def test_beam_that_is_not_installed_is_named_with_its_extra():
    with pytest.raises(MissingDependency, match=r"pip install 'kerasbert\[beam\]'"):
        beam_engine()


KILLED_WHILE_WRITING = """
import os, signal
from kerasbert.corpus import preparation
corpus, out, before = sys.argv[1], sys.argv[2], int(sys.argv[3])
write, written = preparation.write_records, 0
def write_and_be_killed(path, examples):
    global written
    places = write(path, examples)
    written += 1
    if written > before:
        os.kill(os.getpid(), signal.SIGKILL)
    return places
preparation.write_records = write_and_be_killed
prepare([corpus], VOCABULARY, out, settings=Settings(mode="mlm-nsp", **SMALL))
"""


@pytest.mark.slow
def test_a_run_killed_while_it_writes_goes_on_with_the_next_shard(corpus, tmp_path, expected):
    out = tmp_path / "data"
    done = in_another_process(KILLED_WHILE_WRITING, corpus, out, 7)
    assert done.returncode == -signal.SIGKILL, done.stderr
    finished = {path: path.stat().st_mtime_ns for path in (out / "shards").glob("[0-9]*.tfrecord")}
    assert len(finished) == 7
    with pytest.raises(DataError, match=r"no index\.json, so no whole prepared data; the same `kerasbert prepare`"):
        Index.read(out)
    prepare([corpus], VOCABULARY, out, settings=Settings(mode="mlm-nsp", **SMALL))
    assert contents(out) == expected
    assert {path: path.stat().st_mtime_ns for path in finished} == finished


KILLED_WITH_WORKERS = """
import os, signal
settings = Settings(mode="mlm-nsp", **SMALL)
def be_killed(shards, done, total):
    print(*(process.pid for process in __import__("multiprocessing").active_children()), flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
if __name__ == "__main__":
    prepare(sys.argv[1:2], VOCABULARY, sys.argv[2], settings=settings, workers=2, progress=be_killed)
"""


@pytest.mark.slow
@pytest.mark.cluster
def test_a_killed_run_takes_its_workers_along(corpus, tmp_path, expected):
    out = tmp_path / "data"
    done = in_another_process(KILLED_WITH_WORKERS, corpus, out)
    assert done.returncode == -signal.SIGKILL, done.stderr
    workers = [Path("/proc") / pid for pid in done.stdout.split()]
    assert len(workers) == 2
    until = time.monotonic() + 30
    while any(worker.exists() and "zombie" not in (worker / "status").read_text() for worker in workers):
        assert time.monotonic() < until, "a worker lives on"
        time.sleep(0.1)
    prepare([corpus], VOCABULARY, out, settings=Settings(mode="mlm-nsp", **SMALL))
    assert contents(out) == expected


KILLED_WORKER = """
import os, signal
settings = Settings(mode="mlm-nsp", **SMALL)
def kill_one(shards, done, total):
    for process in __import__("multiprocessing").active_children()[:1]:
        os.kill(process.pid, signal.SIGKILL)
if __name__ == "__main__":
    try:
        prepare(sys.argv[1:2], VOCABULARY, sys.argv[2], settings=settings, workers=2, progress=kill_one)
    except Exception as error:
        print(type(error).__name__, error)
"""


@pytest.mark.slow
@pytest.mark.cluster
def test_a_worker_that_is_killed_is_one_line(corpus, tmp_path):
    done = in_another_process(KILLED_WORKER, corpus, tmp_path / "data")
    assert "KerasBertError" in done.stdout, done.stderr
    assert "a worker was killed, for want of memory perhaps; the same call goes on from here" in done.stdout


FULL_DISK = """
import resource
def fill_disk(shards, done, total):
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, -1))
try:
    prepare([sys.argv[1]], VOCABULARY, sys.argv[2], settings=Settings(mode="mlm-nsp", **SMALL), progress=fill_disk)
except Exception as error:
    print(type(error).__name__, error)
"""


@pytest.mark.slow
def test_a_full_disk_is_one_line_and_the_next_call_goes_on(corpus, tmp_path, expected):
    out = tmp_path / "data"
    done = in_another_process(FULL_DISK, corpus, out)
    assert done.stdout.startswith("KerasBertError"), done.stderr
    assert "tfrecord: writing failed (" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert len(list((out / "shards").glob("*.tfrecord"))) == 1
    assert not [path for path in (out / "shards").iterdir() if path.name.startswith(".")]
    prepare([corpus], VOCABULARY, out, settings=Settings(mode="mlm-nsp", **SMALL))
    assert contents(out) == expected


def stopped_after(count: int):
    """A `progress` that stops a run."""

    def stop(shards, done, total):
        if done == count:
            raise KeyboardInterrupt

    return stop


def test_the_index_is_written_last(corpus, tmp_path):
    out = tmp_path / "data"
    seen = []
    prepare(
        [corpus],
        VOCABULARY,
        out,
        settings=Settings(**SMALL),
        progress=lambda shards, done, total: seen.append(((out / INDEX).exists(), (out / PLAN).exists(), done, total)),
    )
    total = len(seen)
    assert seen == [(False, True, done, total) for done in range(1, total + 1)]
    assert (out / INDEX).exists()
    assert not (out / PLAN).exists()


@pytest.mark.parametrize("change", [{"seed": 1}, {"mode": "mlm-sop"}, {"slice_bytes": 1000}])
def test_a_run_begun_with_other_settings_is_refused(corpus, tmp_path, change):
    settings = {"mode": "mlm-nsp", **SMALL}
    with pytest.raises(KeyboardInterrupt):
        prepare([corpus], VOCABULARY, tmp_path, settings=Settings(**settings), progress=stopped_after(2))
    before = contents(tmp_path)
    with pytest.raises(DataError, match="was begun with other text, vocabulary or settings; name another --out"):
        prepare([corpus], VOCABULARY, tmp_path, settings=Settings(**settings | change))
    assert contents(tmp_path) == before


def test_a_run_begun_with_other_text_or_another_vocabulary_is_refused(corpus, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        prepare([corpus], VOCABULARY, tmp_path / "data", settings=Settings(**SMALL), progress=stopped_after(2))
    pieces = (VOCABULARY / "vocab.txt").read_text(encoding="utf-8").split("\n")[:800]
    WordPieceTokenizer(pieces).save(tmp_path / "other")
    for inputs, vocabulary in (([corpus / "a.txt"], VOCABULARY), ([corpus], tmp_path / "other")):
        with pytest.raises(DataError, match="was begun with other text"):
            prepare(inputs, vocabulary, tmp_path / "data", settings=Settings(**SMALL))


def test_whole_data_and_other_files_are_never_written_over(corpus, tmp_path):
    prepare([corpus], VOCABULARY, tmp_path / "data", settings=Settings(**SMALL))
    before = contents(tmp_path / "data")
    with pytest.raises(DataError, match="holds prepared data that is whole"):
        prepare([corpus], VOCABULARY, tmp_path / "data", settings=Settings(**SMALL))
    assert contents(tmp_path / "data") == before
    with pytest.raises(KerasBertError, match="the output folder is not empty"):
        prepare([corpus], VOCABULARY, corpus, settings=Settings(**SMALL))
    with pytest.raises(KerasBertError, match="is a file"):
        prepare([corpus], VOCABULARY, corpus / "a.txt", settings=Settings(**SMALL))


def test_wrong_bytes_stop_a_run_that_goes_on_with_replace(tmp_path):
    folder = write_corpus(tmp_path / "texts", generated_documents(60))
    content = (folder / "b.txt").read_bytes()
    (folder / "b.txt").write_bytes(content[:-30] + b"\xff" + content[-29:])
    out = tmp_path / "data"
    with pytest.raises(DataError, match=r"b\.txt, line \d+: byte 0xff is not UTF-8.*--errors replace"):
        prepare([folder], VOCABULARY, out, settings=Settings(**SMALL))
    finished = {path: path.stat().st_mtime_ns for path in (out / "shards").glob("*.tfrecord")}
    assert finished
    prepare([folder], VOCABULARY, out, settings=Settings(errors="replace", **SMALL))
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    prepare([folder], VOCABULARY, tmp_path / "at once", settings=Settings(errors="replace", **SMALL))
    assert contents(out) == contents(tmp_path / "at once")


@pytest.mark.parametrize(
    ("text", "mode", "message"),
    [
        ("", "mlm", "the corpus is empty"),
        (" \n\n\ufeff\n", "mlm", "the corpus is empty"),
        ("\u200b\n\n\u200b", "mlm", "the corpus is empty"),
        ("One end! Two ends! " * 50, "mlm-nsp", "one document, and mode mlm-nsp draws second segments from others"),
        ("One end!\n\nTwo ends!\n\nThree.", "mlm-nsp", "no document has two sentences, and mode mlm-nsp needs pairs"),
        ("One end!\n\nTwo ends!\n\nThree.", "mlm-sop", "no document has two sentences, and mode mlm-sop needs pairs"),
    ],
)
def test_a_corpus_with_nothing_to_learn_is_refused_and_leaves_nothing(tmp_path, text, mode, message):
    path = tmp_path / "corpus.txt"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        prepare([path], VOCABULARY, tmp_path / "data", settings=Settings(mode=mode))
    assert not contents(tmp_path / "data")
    path.write_text("One end! Two ends!\n\nThree.", encoding="utf-8")
    assert prepare([path], VOCABULARY, tmp_path / "data", settings=Settings(mode=mode)).total("instances")


def test_a_slice_without_pairs_is_an_empty_shard(tmp_path):
    path = tmp_path / "corpus.txt"
    path.write_text("One end!\n\n" * 500 + "One end!\nTwo ends! " * 50, encoding="utf-8")
    index = prepare([path], VOCABULARY, tmp_path / "data", settings=Settings(mode="mlm-nsp", packed=True, **SMALL))
    assert 0 in [shard.rows for shard in index.shards]
    assert len(instances_of(tmp_path / "data")) == index.total("instances") > 0


def test_formats_are_guessed_and_the_guess_is_kept(tmp_path):
    texts = [" ".join(sentences) for sentences in generated_documents(20)]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    (tmp_path / "a.txt").write_text("\n\n".join(texts), encoding="utf-8")
    found = []
    for name, form in (("a.jsonl", "jsonl"), ("a.txt", "blank-lines")):
        index = prepare([tmp_path / name], VOCABULARY, tmp_path / f"{name}.data", settings=Settings(max_length=32))
        assert index.settings["documents"] == form
        found.append(instances_of(tmp_path / f"{name}.data"))
    assert found[0] == found[1]
    with pytest.raises(DataError, match="one kind at a time"):
        prepare([tmp_path / "a.*"], VOCABULARY, tmp_path / "data")


def test_a_vocabulary_written_anew_in_the_same_place_is_read_anew(corpus, tmp_path):
    """One process may prepare, remove and prepare again with other tokens."""
    pieces = (VOCABULARY / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    index = prepare([corpus], VOCABULARY, tmp_path / "data", settings=Settings(**SMALL))
    (tmp_path / "data").rename(tmp_path / "old")
    lower = tokenizers.load(VOCABULARY).do_lower_case
    WordPieceTokenizer([*pieces[:5], *reversed(pieces[5:])], do_lower_case=lower).save(tmp_path / "other")
    other = prepare([corpus], tmp_path / "other", tmp_path / "data", settings=Settings(**SMALL))
    assert index.vocabulary != other.vocabulary
    turned = [[i if i < 5 else len(pieces) + 4 - i for i in row["ids"]] for row in instances_of(tmp_path / "data")]
    assert turned == [row["ids"] for row in instances_of(tmp_path / "old")]


def test_a_vocabulary_without_a_mask_is_refused_before_the_work(corpus, tmp_path):
    pieces = (VOCABULARY / "vocab.txt").read_text(encoding="utf-8").rstrip("\n").split("\n")
    WordPieceTokenizer([piece for piece in pieces if piece != "[MASK]"]).save(tmp_path / "vocabulary")
    with pytest.raises(ConfigError, match=r"no \[MASK\], which masking needs"):
        prepare([corpus], tmp_path / "vocabulary", tmp_path / "data", settings=Settings(**SMALL))
    assert not (tmp_path / "data").exists()


def test_a_document_of_a_hundred_megabytes_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(documents_module, "DOCUMENT_BYTES", 1 << 16)
    (tmp_path / "a.txt").write_bytes(b"word " * (1 << 14))
    with pytest.raises(DataError, match=r"a\.txt: the document around byte \d+ is longer than 0\.0625 MB"):
        prepare([tmp_path / "a.txt"], VOCABULARY, tmp_path / "data", settings=Settings(**SMALL))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"mode": "clm"}, "mode is 'clm': use one of mlm, mlm-nsp, mlm-sop"),
        ({"documents": "pdf"}, "documents is 'pdf': use one of auto, blank-lines, files, jsonl"),
        ({"sentences": "nltk"}, "sentences is 'nltk': use one of icu, lines"),
        ({"words": "jieba"}, "words is 'jieba': use one of None, spaces"),
        ({"errors": "ignore"}, "errors is 'ignore': use one of strict, replace"),
        ({"max_length": 7}, "max_length is 7: use 8 or more"),
        ({"short_probability": 1.5}, "short_probability is 1.5"),
        ({"slice_bytes": 0}, "slice_bytes is 0"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ConfigError, match=message):
        Settings(**settings)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "make it with `kerasbert prepare`"),
        ("{", "not readable as the index"),
        ("[]", "not readable as the index"),
        ('{"version": 1}', "not readable as the index"),
        ('{"version": 99}', "written by a later kerasbert"),
    ],
)
def test_an_index_that_cannot_be_read_is_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / INDEX).write_text(content)
    with pytest.raises(DataError, match=message):
        Index.read(tmp_path)


@pytest.mark.slow
def test_novels_cut_into_paragraphs_fill_packed_rows(shared_data, tmp_path):
    """The bar is 99 % real tokens at 512, here on two books."""
    archive = shared_data / "text" / "english_novels_98.tar.xz"
    if not archive.exists():
        pytest.skip("needs ../shared/data/text/english_novels_98.tar.xz")
    with tarfile.open(archive) as books:
        contents = (books.extractfile(member).read() for member in books if member.isfile())
        for number, content in zip(
            range(2), (book for book in contents if book.count(b"\r\n\r\n") > 1000), strict=False
        ):
            (tmp_path / f"{number}.txt").write_bytes(content)
    settings = Settings(mode="mlm", max_length=512, packed=True, documents="blank-lines")
    index = prepare([tmp_path / "*.txt"], VOCABULARY, tmp_path / "data", settings=settings)
    assert index.total("documents") > 2000
    assert index.total("tokens") / (512 * index.total("rows")) >= 0.99
