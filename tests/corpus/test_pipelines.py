"""Text to prepared data: what it holds, and what cannot be prepared."""

import gzip
import hashlib
import json
import tarfile

import numpy as np
import pytest
from corpus.corpora import SMALL, VOCABULARY, contents, generated_documents, instances_of, write_corpus

from kerasbert import tokenizers
from kerasbert.corpus import documents as documents_module
from kerasbert.corpus import pipelines, preparation
from kerasbert.corpus.index import INDEX, PLAN, Index
from kerasbert.corpus.pipelines import prepare
from kerasbert.corpus.preparation import Settings
from kerasbert.errors import ConfigError, DataError, KerasBertError
from kerasbert.tf.records import decode, scan_records
from kerasbert.tokenizers import WordPieceTokenizer


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
        assert shard.sha256 == hashlib.sha256(content).hexdigest()
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


def killed_before_its_first_shard(*_):
    raise SystemError("killed")


@pytest.mark.parametrize("change", [{}, {"seed": 1}])
def test_a_run_without_a_finished_shard_leaves_nothing_and_blocks_nothing(
    corpus, tmp_path, monkeypatch, expected, change
):
    out, settings = tmp_path / "data", {"mode": "mlm-nsp", **SMALL}
    with monkeypatch.context() as patched:
        patched.setattr(preparation, "write_records", killed_before_its_first_shard)
        with pytest.raises(SystemError):
            prepare([corpus], VOCABULARY, out, settings=Settings(**settings))
        assert not out.exists()
        patched.setattr(pipelines, "_clear", lambda folder: None)  # as SIGKILL leaves it
        with pytest.raises(SystemError):
            prepare([corpus], VOCABULARY, out, settings=Settings(**settings))
    (out / "shards" / f".00000-0000.tfrecord.{'a' * 32}").write_text("half")
    prepare([corpus], VOCABULARY, out, settings=Settings(**settings | change))
    assert (contents(out) == expected) == (not change)


def test_a_second_run_to_the_same_folder_is_told(corpus, tmp_path):
    def second(shards, done, total):
        with pytest.raises(KerasBertError, match="data: another process is writing it; wait for it, or name another"):
            prepare([corpus], VOCABULARY, tmp_path / "data", settings=Settings(**SMALL))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare([corpus], VOCABULARY, tmp_path / "data", settings=Settings(**SMALL), progress=second)


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
