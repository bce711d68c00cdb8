"""The conversions that tests share are those that the converter would make."""

from unittest import mock

import conversions
import pytest

from kerasbert import SentenceEncoder
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.file import write_tflite
from kerasbert.layers.attention import AttentionBias


@pytest.fixture
def convert(smallest_encoder, tmp_path, converted_anew):
    """`convert("int8")` -> the file's bytes, and whether the converter made them."""
    (tmp_path / "known").mkdir()

    def write(quantize: str, **options) -> tuple[bytes, bool]:
        model, path = SentenceEncoder(smallest_encoder), tmp_path / "model.tflite"
        settings = Settings(**{"lengths": [8], **options})
        with (
            conversions.remembered(tmp_path / "known"),
            mock.patch.object(conversions, "converted", wraps=conversions.converted) as converted,
        ):
            write_tflite(model, {path: quantize}, settings)
        return path.read_bytes(), converted.called

    return write


def test_the_same_model_is_converted_once(convert):
    first, made = convert("none")
    assert made
    assert convert("none") == (first, False)


@pytest.mark.slow
def test_another_weight_graph_or_setting_is_converted_anew(convert, smallest_encoder, monkeypatch):
    convert("none")
    assert convert("int8")[1]
    assert convert("int8", legacy_runtime=True)[1]
    assert convert("none", lengths=[16])[1]
    table = smallest_encoder.embeddings.word_table
    before = table.numpy()
    try:
        table.assign(before + 1e-3)
        assert convert("none")[1]
    finally:
        table.assign(before)
    monkeypatch.setattr(AttentionBias, "call", lambda self, mask, call=AttentionBias.call: 0.0 * call(self, mask))
    assert convert("none")[1]
