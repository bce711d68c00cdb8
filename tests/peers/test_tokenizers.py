"""Our tokenizers give the ids and pieces that other projects publish in their tests; README.md names each source."""

import pytest
from peers.vectors import GROUPS, group, read

from kerasbert.export.formats.tflite.reader import TextReader
from kerasbert.tf.wordpiece import InGraphWordPiece

each_group = pytest.mark.parametrize("name", GROUPS)


@each_group
def test_the_host_tokenizer_gives_the_published_ids(name, tmp_path):
    published = group(name, tmp_path)
    for vector, row in zip(published.vectors, published.rows(), strict=True):
        (encoding,) = published.tokenizer.encode([vector["text"]], [vector["pair"]] if "pair" in vector else None)
        assert published.published(encoding.ids) == row, vector


@pytest.mark.parametrize("name", [name for name, each in GROUPS.items() if "merges" not in each])
def test_the_graph_gives_the_published_ids(name, tmp_path):
    published = group(name, tmp_path)
    graph = InGraphWordPiece(published.tokenizer)
    for vector, row in zip(published.vectors, published.rows(), strict=True):
        (ids,) = graph([vector["text"]], [vector["pair"]] if "pair" in vector else None)["input_ids"].numpy()
        assert published.published(ids) == row, vector


@pytest.mark.slow
@pytest.mark.parametrize(
    "name",
    [name for name, each in GROUPS.items() if not {"merges", "added_tokens"} & {*each, *each.get("options", ())}],
)
def test_a_file_that_takes_text_reads_the_published_ids(name, tmp_path):
    published = group(name, tmp_path)
    reader = TextReader(published.tokenizer)
    for vector, row in zip(published.vectors, published.rows(), strict=True):
        if "pair" not in vector:  # it takes one text
            assert published.published(reader.ids([vector["text"]], 512).numpy()) == row, vector


@each_group
def test_published_tokens_have_the_published_ids(name, tmp_path):
    """A slip in the copied numbers would show here."""
    published = group(name, tmp_path)
    for vector in published.vectors:
        if "tokens" in vector and "ids" in vector:
            assert published.ids_of(vector["tokens"]) == vector["ids"]
        if "tokens" in vector and "row" in vector:
            special = [published.ids[token] for token in ("[CLS]", "[SEP]")]
            assert published.ids_of(vector["tokens"]) == [number for number in vector["row"] if number not in special]


@pytest.mark.parametrize("name", [name for name, each in GROUPS.items() if "bytes" in each["vectors"][0]])
def test_offsets_are_the_published_ones(name, tmp_path):
    """Ours count characters, and tensorflow-text's count bytes of UTF-8."""
    published = group(name, tmp_path)
    for vector in published.vectors:
        (encoding,) = published.tokenizer.encode([vector["text"]])
        offsets = [[len(vector["text"][:place].encode()) for place in pair] for pair in encoding.offsets[1:-1]]
        assert offsets == vector["bytes"], vector


def test_no_vector_of_transformers_js_is_missing():
    assert sum(len(each["vectors"]) for each in read("transformers_js")["groups"]) == 103
