"""The graph of a `.tflite` file of every task and family: one piece for the CPU's delegate, no more for GPUs."""

import families
import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from conftest import small_vocabulary

from kerasbert import BertConfig, BertEncoder, Seq2Seq
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.file import write_tflite
from kerasbert.export.formats.tflite.graph import longest_signatures, read_graph
from kerasbert.tasks.batches import pad_rows

GPU = """ADD BATCH_MATMUL CAST CONCATENATION DEQUANTIZE DIV EXP FULLY_CONNECTED GATHER GELU LOGISTIC MAXIMUM MEAN
    MINIMUM MUL PAD POW QUANTIZE RELU RESHAPE RSQRT SLICE SOFTMAX SPLIT SQRT SQUARE SQUARED_DIFFERENCE STRIDED_SLICE
    SUB SUM TANH TILE TRANSPOSE"""
"""The operations that TFLite's GPU delegate takes, as far as an encoder may need them: `CheckGpuDelegateCompatibility`
in tensorflow/lite/tools/versioning/gpu_compatibility.cc. SELECT needs a condition of a certain shape there, and
BROADCAST_TO is missing."""
LENGTH = 16
OWN_HEADS = ("text-classification", "fill-mask")
"""The tasks whose heads differ between families."""
COUNTED = {"roberta": {"CUMSUM", "NOT_EQUAL"}}
"""RoBERTa counts the tokens that are no padding, before everything else: no delegate takes this."""
ROWS = [row for row in families.ROWS if row[0] == "bert" or row[1] in OWN_HEADS]
SHAPED = {"seq2seq": {"RESHAPE"}}
"""Operations outside the delegate that a task needs besides: a token and its position get an axis per step."""


@pytest.fixture(scope="module", params=ROWS, ids=" ".join)
def written(request, tmp_path_factory):
    """The model of a task, and the folder of its files."""
    model = families.small_model(*request.param, small_vocabulary(), max_length=LENGTH)
    folder = tmp_path_factory.mktemp("-".join(request.param))
    targets = {folder / "none.tflite": "none", folder / "int8.tflite": "int8"}
    write_tflite(model, targets, Settings(lengths=[LENGTH]))
    return model, folder


def signatures_of(path):
    return longest_signatures(path) or [None]


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_the_delegate_takes_each_graph_in_one_piece(written, quantize):
    model, folder = written
    path = folder / f"{quantize}.tflite"
    assert len(signatures_of(path)) == len(model.graphs())
    for name in signatures_of(path):
        graph = read_graph(path, name)
        assert graph["partitions"] == 1
        # The tables of words, positions and types, the mask, and arithmetic with numbers of positions.
        counted, shaped = COUNTED.get(model.config.model_type, set()), SHAPED.get(model.task.name, set())
        wanted = {"CAST", "GATHER"} | counted | shaped | ({"ADD", "MUL"} if counted else set())
        assert set(graph["nodes_outside"]) <= wanted
        assert sum(graph["nodes_outside"].values()) <= (9 if counted else 4) + 2 * len(shaped)


@pytest.mark.parametrize("quantize", ["none", "int8"])
def test_the_gpu_takes_every_operation(written, quantize):
    path = written[1] / f"{quantize}.tflite"
    operations = set().union(*(read_graph(path, name)["operations"] for name in signatures_of(path)))
    assert operations <= set(GPU.split()) | COUNTED.get(written[0].config.model_type, set())
    graphs = schema.ModelT.InitFromPackedBuf(path.read_bytes(), 0).subgraphs
    assert len(graphs) == len(written[0].graphs())
    tensors = [tensor for graph in graphs for tensor in graph.tensors]
    assert max(len(tensor.shape) for tensor in tensors if tensor.shape is not None) <= 4


def test_outputs_have_the_axes_of_the_task(written, opened):
    model, folder = written
    required = [each for each in model.task.fields if each.required]
    texts = [[["a film", "b"] if x.kind == "texts" else model.task.pose("a film")] for x in required]
    (example,) = model.task.examples(*texts)
    row = model.task.rows(model.tokenizer, example, model.settings)[0]
    found, wanted = opened(folder / "none.tflite", model), model.predict_outputs(*texts)
    if model.task.outputs:  # texts, whose numbers have no axes
        found = model.task.infer(found, pad_rows([row], model.graphs()[0]), model.settings)
        assert np.array_equal(found["sequences"][0][0], wanted["sequences"][0][0])
        np.testing.assert_allclose(found["scores"][0], wanted["scores"][0], atol=1e-5)
        return
    (graph,) = model.graphs()
    found = found(pad_rows([row], graph))
    for each in graph.outputs:
        ours, theirs = np.asarray(found[each.name])[0], np.asarray(wanted[each.name][0])
        assert ours.shape == each.shape(LENGTH)
        np.testing.assert_allclose(ours[: len(theirs)] if each.by_token else ours, theirs, atol=1e-5)


def test_three_blocks_of_a_decoder_are_one_piece_too(tmp_path):
    """Each block adds two entries to the memory and to the cache; the delegate concatenates five tensors at most."""
    tokenizer = families.tokenizer_of("bert", small_vocabulary())
    config = BertConfig.from_size("tiny", **{**families.sizes_for(tokenizer, 64), "num_hidden_layers": 3})
    model = Seq2Seq(BertEncoder(config, tokenizer=tokenizer, pooler=False), max_length=LENGTH, max_new_tokens=8)
    write_tflite(model, {tmp_path / "model.tflite": "none"}, Settings(lengths=[LENGTH]))
    names = longest_signatures(tmp_path / "model.tflite")
    assert names == [f"decoder_step_{LENGTH}", f"encoder_{LENGTH}"]
    assert [read_graph(tmp_path / "model.tflite", name)["partitions"] for name in names] == [1, 1]
