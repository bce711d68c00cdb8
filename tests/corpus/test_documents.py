"""Readers of raw text: every format and compression, cuts that no document feels, and what is wrong with some files."""

import gzip
import json
import lzma
import random

import pytest
import zstandard

from kerasbert.corpus import documents
from kerasbert.corpus.documents import FORMATS, find_files, guess_format, plan_slices, read_documents
from kerasbert.errors import DataError

PACKERS = {"": bytes, ".gz": gzip.compress, ".xz": lzma.compress, ".zst": zstandard.compress}


def read(paths, form, *, slice_bytes=1 << 20, errors="strict"):
    slices = plan_slices(find_files(paths), form, slice_bytes)
    return [document.text for spans in slices for document in read_documents(spans, form, errors)]


def put(path, content: bytes):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(PACKERS[path.suffix if path.suffix in PACKERS else ""](content))
    return str(path)


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize(
    ("form", "content", "expected"),
    [
        ("blank-lines", "One\ntwo.\n\n \t\n\nThree é 中.", ["One\ntwo.\n", "Three é 中."]),
        ("files", "One\n\ntwo.\n", ["One\n\ntwo.\n"]),
        ("jsonl", '{"text": "One\\n\\ntwo"}\n\n{"id": 1, "text": "中"}\n{"text": " "}', ["One\n\ntwo", "中"]),
    ],
)
def test_each_format_plain_and_compressed(tmp_path, form, content, expected, suffix):
    assert read([put(tmp_path / f"a.txt{suffix}", content.encode())], form) == expected


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
def test_line_ends_and_byte_order_marks_do_not_reach_the_text(tmp_path, end, mark):
    path = put(tmp_path / "a.txt", (mark + "One\ntwo.\n\nThree.\n".replace("\n", end)).encode())
    assert [text.strip() for text in read([path], "blank-lines")] == ["One\ntwo.", "Three."]
    assert read([path], "files") == ["One\ntwo.\n\nThree.\n"]


def test_halves_of_characters_in_json_are_replaced(tmp_path):
    path = put(tmp_path / "a.jsonl", rb'{"text": "a \ud83d b \ud83d\ude00"}')
    assert read([path], "jsonl") == ["a \ufffd b \U0001f600"]


def test_zstandard_files_of_many_frames_and_long_windows(tmp_path):
    noise = random.Random(0).randbytes(200_000).hex().encode()
    long = zstandard.ZstdCompressionParameters.from_level(3, enable_ldm=True, window_log=28)
    frames = [zstandard.ZstdCompressor(compression_params=long).compress(noise), zstandard.compress(b"\n\nlast")]
    (tmp_path / "a.zst").write_bytes(b"".join(frames))
    assert read([str(tmp_path / "a.zst")], "blank-lines") == [noise.decode() + "\n", "last"]


def test_files_folders_and_patterns_name_files_once_and_in_order(tmp_path):
    for name in ("b/2.txt", "b/1.txt", "a.txt", "b/.hidden", ".git/objects", "c.md"):
        put(tmp_path / name, b"x")

    def names(*inputs):
        return [path.relative_to(tmp_path).as_posix() for path in find_files([str(tmp_path / i) for i in inputs])]

    assert names("") == ["a.txt", "b/1.txt", "b/2.txt", "c.md"]
    assert names("a.txt", "b", "**/*.txt") == ["a.txt", "b/1.txt", "b/2.txt"]
    assert names("[ab]*") == ["a.txt", "b/1.txt", "b/2.txt"]
    for nothing in ("d", "*.gz"):
        with pytest.raises(DataError, match=r"no such file, pattern, or folder with files"):
            names("a.txt", nothing)


def test_a_file_whose_name_looks_like_a_pattern_is_a_file(tmp_path):
    path = put(tmp_path / "a[1].txt", b"x")
    assert [str(found) for found in find_files([path])] == [path]


def test_the_format_is_guessed_from_names(tmp_path):
    paths = [tmp_path / name for name in ("a.jsonl", "b.jsonl.zst", "c.ndjson", "d.txt", "e")]
    assert guess_format(paths[:3]) == "jsonl"
    assert guess_format(paths[3:]) == "blank-lines"
    with pytest.raises(DataError, match="one kind at a time"):
        guess_format(paths)
    with pytest.raises(DataError, match=r"f\.CSV\.gz: a table, not raw text; write its texts into a \.txt file"):
        guess_format([*paths[3:], tmp_path / "f.CSV.gz"])


def generated_file(draw: random.Random, form: str) -> bytes:
    """Documents of all lengths, with every kind of line end and of blank line."""
    if form == "jsonl":
        lines = [json.dumps({"text": "é" * draw.randrange(40)}).encode() for _ in range(draw.randrange(20))]
        return b"".join(line + draw.choice([b"\n", b"\r\n", b"\n\n"]) for line in lines)
    lines = [b"a line", b"\xef\xbb\xbf", "中 é".encode(), b"", b"", b" \t", b"x" * 50]
    ends = [b"\n", b"\r\n", b"\r", b"\r\r\n"]
    return b"".join(draw.choice(lines) + draw.choice(ends) for _ in range(draw.randrange(40)))


@pytest.mark.parametrize("form", FORMATS)
def test_cuts_change_no_document(tmp_path, form):
    draw = random.Random(1)
    slices_of_seven = 0
    for round_number in range(60):
        folder = tmp_path / str(round_number)
        for name in ("a", "b", "c.gz"):
            put(folder / name, generated_file(draw, form))
        whole = read([str(folder)], form)
        for slice_bytes in (1, 7, 40, 300):
            assert read([str(folder)], form, slice_bytes=slice_bytes) == whole
            slices = plan_slices(find_files([str(folder)]), form, slice_bytes)
            for path in find_files([str(folder)]):  # every byte once
                spans = [span for spans in slices for span in spans if span.path == str(path)]
                assert [span.start for span in spans] == [0, *(span.end for span in spans)][: len(spans)]
                assert not spans or spans[-1].end == path.stat().st_size
            slices_of_seven += len(slices) if slice_bytes == 7 else 0
    assert slices_of_seven > 60


def test_large_files_are_cut_evenly_and_small_ones_are_put_together(tmp_path):
    large = put(tmp_path / "large", b"0123456\n\n" * 1000)
    sizes = [span.end - span.start for spans in plan_slices(find_files([large]), "blank-lines", 1000) for span in spans]
    assert len(sizes) in (8, 9)
    assert sum(sizes) == 9000
    assert all(500 <= size <= 1250 for size in sizes)
    for number in range(100):
        put(tmp_path / "small" / f"{number:03}", b"0123456\n\n")
    slices = plan_slices(find_files([str(tmp_path / "small")]), "files", 90)
    assert [len(spans) for spans in slices] == [12] * 8 + [4]


def test_the_size_of_documents_is_that_of_their_bytes(tmp_path):
    content = "中文 é\n\nb\n".encode() * 10
    found = list(read_documents(plan_slices([*find_files([put(tmp_path / "a", content)])], "files")[0], "files"))
    assert [document.size for document in found] == [len(content)]


@pytest.mark.parametrize("suffix", PACKERS)
@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_invalid_utf8_names_the_line_in_whichever_slice_it_is(tmp_path, suffix, end, mark):
    lines = [b"one", b"", b"two", b"zw\xc3\xb6i", b""] * 20
    for wrong in (0, 2, 33, 98):
        broken = [*lines[:wrong], b"\xffbad", *lines[wrong + 1 :]]
        path = put(tmp_path / f"a{suffix}", mark + end.join(broken))
        for slice_bytes in (20, 10_000):
            with pytest.raises(DataError, match=rf"a{suffix}, line {wrong + 1}: byte 0xff is not UTF-8.*--errors rep"):
                read([path], "blank-lines", slice_bytes=slice_bytes)
        assert "\ufffdbad" in "\n".join(read([path], "blank-lines", errors="replace"))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{'text': 1}", "not JSON"),
        (b'{"text": "cut', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"body": "a"}', 'no object with a "text"'),
        (b'["text"]', 'no object with a "text"'),
        (b'"text"', 'no object with a "text"'),
        (b'{"text": null}', '"text" is None, not a string'),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz"])
def test_wrong_json_lines_are_named(tmp_path, line, message, suffix):
    path = put(tmp_path / f"a.jsonl{suffix}", b'{"text": "a"}\n' * 9 + line + b"\n")
    for slice_bytes in (30, 10_000):
        with pytest.raises(DataError, match=f"line 10: {message}"):
            read([path], "jsonl", slice_bytes=slice_bytes)


@pytest.mark.parametrize("suffix", [".gz", ".xz", ".zst"])
@pytest.mark.parametrize("damage", ["cut short", "no such format", "wrong inside"])
def test_broken_compressed_files_are_named(tmp_path, suffix, damage):
    content = random.Random(0).randbytes(100_000).hex().encode()
    packed = bytearray(PACKERS[suffix](content))
    if damage == "cut short":
        packed = packed[: len(packed) // 2]
    elif damage == "no such format":
        packed = b"plain text\n" * 100
    else:
        packed[len(packed) // 2 : len(packed) // 2 + 2000] = bytes(2000)
    path = tmp_path / f"a{suffix}"
    path.write_bytes(packed)
    with pytest.raises(DataError, match=rf"a{suffix}: (broken {suffix} file|a NUL byte)"):
        read([str(path)], "files")


def test_binary_files_are_refused(tmp_path):
    for content in (b"\x89PNG\r\n\x1a\n\0\0", "a text".encode("utf-16")):
        with pytest.raises(DataError, match=r"a: a NUL byte at \d+, so it is no text"):
            read([put(tmp_path / "a", content)], "blank-lines")


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("suffix", ["", ".xz"])
def test_a_document_that_never_ends_is_refused(tmp_path, form, suffix, monkeypatch):
    monkeypatch.setattr(documents, "DOCUMENT_BYTES", 1 << 20)
    path = put(tmp_path / f"a{suffix}", b"short\n\n" * 10 * (form == "blank-lines") + b"x" * (1 << 21))
    for slice_bytes in (50, 1 << 24):
        with pytest.raises(DataError, match=r"around byte \d+ is longer than 1 MB; separate documents"):
            read([path], form, slice_bytes=slice_bytes)


def test_files_that_cannot_be_read_are_named(tmp_path):
    path = put(tmp_path / "a", b"one\n\ntwo")
    (spans,) = plan_slices(find_files([path]), "blank-lines")
    (tmp_path / "a").unlink()
    with pytest.raises(DataError, match=r"a: cannot be read \(No such file"):
        list(read_documents(spans, "blank-lines"))


def test_nothing_gives_nothing(tmp_path):
    assert plan_slices(find_files([put(tmp_path / "empty", b"")]), "blank-lines") == []
    assert read([put(tmp_path / "blank", b" \n\n\t\n"), put(tmp_path / "mark", b"\xef\xbb\xbf")], "blank-lines") == []
