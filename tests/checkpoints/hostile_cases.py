"""Damaged and hostile checkpoints of every format: a table of what is done to a good folder, and what is said of it."""

import os
from collections.abc import Callable

import h5py
import numpy as np
from checkpoints.hostile_files import (
    GARDEN,
    H5_BIAS,
    KERNEL,
    QUERY,
    cut,
    graph,
    grown,
    h5,
    header,
    index,
    long_names,
    moved,
    opened,
    program,
    put,
    pytorch,
    replaced,
    rewritten,
    safetensors,
    said,
    settings,
    tf1,
    torch,
    virtual,
    weights,
)
from checkpoints.hostile_pickles import (
    LAUGHS,
    TUPLES,
    attacks,
    copies,
    group,
    number,
    state,
    storage,
    tensor,
    text,
    torch_zip,
)
from checkpoints.torch_files import recorded

from kerasbert.protobuf import field, to_varint

CANARY = "canary"
SHAPELESS = state({"a": tensor(storage("0", 0), ())})[2:].replace(group(), b"h\x3c", 1)
"""A tensor whose shape is what is at 60 in the memo."""
LARGE = 1 << 40
DEEP = b"[" * 100_000
CASES: dict[str, tuple[Callable, Callable, str]] = {
    # name: good folder, what is done to it, what is said
    "safetensors, cut": (safetensors, cut("model.safetensors", 5000), "safetensors: not a whole safetensors file"),
    "safetensors, a header of 2^60 bytes": (
        safetensors,
        put("model.safetensors", (1 << 60).to_bytes(8, "little") + b"{}"),
        "safetensors: not a whole safetensors file",
    ),
    "safetensors, a tensor over others": (
        safetensors,
        header(data_offsets=[0, 4096]),
        "safetensors: not a whole safetensors file",
    ),
    "safetensors, a tensor of 2^40": (
        safetensors,
        header(shape=[LARGE, 2]),
        "safetensors: not a whole safetensors file",
    ),
    "safetensors, whole numbers": (
        safetensors,
        weights(lambda tensors: tensors.__setitem__(QUERY, tensors[QUERY].astype("int64"))),
        "query.weight is of type I64; kerasbert reads float64",
    ),
    "safetensors, a shard elsewhere": (
        safetensors,
        index("model.safetensors", a="../../../../etc/passwd"),
        "model/passwd: no such file, but the folder's index names it",
    ),
    "safetensors, an index of numbers": (safetensors, index("model.safetensors", a=3), "not an index of shards"),
    "safetensors, a renamed tensor": (
        safetensors,
        weights(moved(QUERY, "encoder.layer.0.attention.self.qery.weight")),
        "missing: encoder.layer.0.attention.self.query.weight .*unexpected: encoder.layer.0.attention.self.qery",
    ),
    "safetensors, a name of two lines": (
        safetensors,
        weights(moved(QUERY, "a\nError: b")),
        r"a tensor has the name 'a\\nError: b'",
    ),
    "safetensors, not a number": (
        safetensors,
        weights(lambda tensors: tensors[QUERY].__setitem__(0, np.nan)),
        "query.weight holds NaN or infinity",
    ),
    "another hidden_size": (safetensors, settings("config.json", hidden_size=64), "of another shape: .*embeddings"),
    "10^9 layers": (
        safetensors,
        settings("config.json", num_hidden_layers=10**9),
        "is 1000000000, but the weights have",
    ),
    "a config.json without end": (safetensors, put("config.json", DEEP), "config.json: .*nested too deeply"),
    "a tokenizer of another model": (
        safetensors,
        put("vocab.txt", b"[UNK]\n[CLS]\n[SEP]\n"),
        "vocab.txt: the vocabulary",
    ),
    # torch
    "bin, cut": (pytorch, cut("pytorch_model.bin", 9000), "pytorch_model.bin: not a whole file of torch"),
    "bin, empty": (pytorch, put("pytorch_model.bin", b""), "pytorch_model.bin: not a whole file of torch"),
    "bin, before zip, cut": (
        pytorch,
        put("pytorch_model.bin", recorded("torch_before_zip")[:-9]),
        "its storages need .* bytes, and it has",
    ),
    "bin, compressed": (
        pytorch,
        put("pytorch_model.bin", torch_zip(state({}), {"0": bytes(10**6)}, compressed=True)),
        "is compressed or encrypted, which torch does not do",
    ),
    "bin, a storage is missing": (
        pytorch,
        torch(pooler__dense__bias=tensor(storage("99", 32), (32,))),
        "its storage 99 has 0 bytes",
    ),
    "bin, a storage of another size": (
        pytorch,
        torch(pooler__dense__bias=tensor(storage("0", LARGE), (32,))),
        "its storage 0 has",
    ),
    "bin, a storage that is the pickle": (
        pytorch,
        torch(pooler__dense__bias=tensor(storage("../data.pkl", 32), (32,))),
        r"its storage ../data.pkl has 0 bytes",
    ),
    "bin, a tensor behind its storage": (
        pytorch,
        torch(pooler__dense__bias=tensor(storage("0", 32), (32,), begin=1)),
        r"a tensor of shape \(32,\) reaches behind its storage of 32",
    ),
    "bin, a negative stride": (
        pytorch,
        torch(pooler__dense__bias=tensor(storage("0", 32), (32,), (-1,), begin=31)),
        "a tensor without a storage or a shape",
    ),
    "bin, a tensor of 2^40 from one number": (
        pytorch,
        torch(pooler__dense__bias=tensor(storage("0", 32), (LARGE,), (0,))),
        "reaches behind its storage of 32",
    ),
    "bin, whole numbers": (
        pytorch,
        torch(pooler__dense__bias=tensor(storage("0", 16, "LongStorage"), (16,))),
        "pooler.dense.bias is of type int64",
    ),
    "bin, a list": (pytorch, program(b"]."), "it holds a list, not a dict of tensors"),
    "bin, an optimiser beside": (
        pytorch,
        program(state({"epoch": number(3)})),
        "its entry 'epoch' is a int, not a tensor",
    ),
    "bin, laughs": (
        pytorch,
        program(b"\x80\x02" + LAUGHS + b"ccollections\nOrderedDict\n)R(" + text("a") + b"h\x3cu."),
        "its entry 'a' is a list, not a tensor",
    ),
    "bin, laughs as a key": (
        pytorch,
        program(b"\x80\x02" + TUPLES + b"ccollections\nOrderedDict\n)R(h\x3cK\x01u."),
        "its pickle holds a key of the type tuple",
    ),
    "bin, laughs as a shape": (
        pytorch,
        put("pytorch_model.bin", torch_zip(b"\x80\x02" + TUPLES + SHAPELESS, {"0": b""})),
        "a tensor without a storage or a shape",
    ),
    "bin, dicts of one list": (pytorch, program(copies(10_000, 3000)), "its calls are given more than 1048576 parts"),
    "bin, lists without end": (pytorch, program(b"]" + b"](" * 100_000), "pickle exhausted before seeing STOP"),
    "bin, a number of 10^6 digits": (
        pytorch,
        program(b"I" + b"9" * 10**6 + b"\n."),
        "not a whole file of torch .*Exceeds the limit",
    ),
    "bin, an extension": (pytorch, program(b"\x82\x01."), "its pickle holds the instruction EXT1"),
    "bin, a class": (
        pytorch,
        program(b"ctorch.nn.modules.linear\nLinear\n)\x81."),
        "the name 'torch.nn.modules.linear.Linear'",
    ),
    # HDF5
    "h5, cut": (h5, cut("tf_model.h5", 9000), "tf_model.h5: not a whole file of weights in HDF5"),
    "h5, another file": (h5, put("tf_model.h5", b"PK\3\4" * 99), "tf_model.h5: not a whole file of weights in HDF5"),
    "h5, numbers in another file": (
        h5,
        replaced(shape=(8,), dtype="f4", external=[("/etc/passwd", 0, 32)]),
        "bias:0 has its numbers in another file, which is not opened",
    ),
    "h5, a view of another file": (h5, opened(virtual), "bias:0 has its numbers in another file"),
    "h5, a link to another file": (
        h5,
        opened(lambda file: file.__setitem__("bert/x", h5py.ExternalLink("/etc/passwd", "/x"))),
        "bert/x is a link to another place",
    ),
    "h5, a soft link": (
        h5,
        opened(lambda file: file.__setitem__("bert/x", h5py.SoftLink("/bert"))),
        "bert/x is a link to another place",
    ),
    "h5, a circle": (
        h5,
        opened(lambda file: file["bert"].__setitem__("x", file["bert"])),
        "more than 10000 parts or 20 levels",
    ),
    "h5, compressed": (h5, replaced(data=np.ones(8, "f4"), compression="gzip"), "bias:0 is compressed"),
    "h5, 2^40 numbers that nobody wrote": (
        h5,
        replaced(shape=(LARGE,), dtype="f4", chunks=(1024,)),
        r"bias:0 of shape \(1099511627776,\) has 0 bytes",
    ),
    "h5, texts": (h5, replaced(data=[b"a"] * 8), "pooler.dense.bias.*is of type|is of type bytes8"),
    "h5, a renamed tensor": (
        h5,
        opened(lambda file: file.move(H5_BIAS, H5_BIAS.replace("bias", "bios"))),
        "holds pooler.dense.weight but no pooler.dense.bias",
    ),
    # TensorFlow
    "TF, the index is cut": (
        tf1,
        cut("bert_model.ckpt.index", 700),
        "ckpt.index: not a whole checkpoint .*its end is not",
    ),
    "TF, the numbers are cut": (
        tf1,
        cut("bert_model.ckpt.data-00000-of-00001", 700),
        "of-00001: not a whole checkpoint .* ends at byte",
    ),
    "TF, the numbers are missing": (
        tf1,
        lambda folder: (folder / "bert_model.ckpt.data-00000-of-00001").unlink(),
        "bert_model.ckpt.data-00000-of-00001: no such file, but the index beside it names it",
    ),
    "TF, a checksum of the index differs": (tf1, rewritten(flip=True), "the checksum of the block at byte"),
    "TF, a checksum of numbers differs": (
        tf1,
        lambda folder: put("bert_model.ckpt.data-00000-of-00001", bytes(10**5))(folder),
        "the checksum of bert/embeddings/.* differs",
    ),
    "TF, compressed": (tf1, rewritten(compression=1), "compressed by snappy, which kerasbert does not read"),
    "TF, of another processor": (tf1, rewritten(head=b"\x08\x01\x10\x01"), "big-endian"),
    "TF, blocks of 2^60 bytes": (tf1, rewritten(handle=to_varint(0) + to_varint(1 << 60)), "is not whole"),
    "TF, a number without an end": (tf1, rewritten(block=b"\xff" * 40), "no whole number at byte 0"),
    "TF, a name that begins as none did": (
        tf1,
        rewritten(block=b"\x05\x01\x01aa"),
        "an entry of the block .* is not whole",
    ),
    "TF, names that grow": (
        tf1,
        rewritten(block=b"".join(to_varint(20 * i) + b"\x14\0" + b"a" * 20 for i in range(3000))),
        "an entry of the block .* is not whole",
    ),
    "TF, long names that begin as others": (
        tf1,
        rewritten(block=long_names(120_000)),
        "it names more than 20000 tensors",
    ),
    "TF, an index of 2^40 bytes": (tf1, grown("bert_model.ckpt.index", LARGE), "it has 1099511627776 bytes"),
    "TF, a shape of 2^80": (tf1, said(shape=field(2, field(1, LARGE)) * 2), "has 4096 bytes"),
    "TF, a shape of 10^5 axes": (tf1, said(shape=field(2, field(1, 1)) * 10**5), "a tensor of 100000 axes"),
    "TF, a shape that is a number": (
        tf1,
        rewritten(entries={KERNEL: field(1, 1) + field(2, 7)}),
        "ckpt.index: not a whole checkpoint of TensorFlow",
    ),
    "TF, numbers behind the end": (tf1, said(begin=LARGE), "ends at byte 1099511631872, the file at"),
    "TF, a shard that is not there": (tf1, said(shard=7), "is in shard 7 of 1"),
    "TF, whole numbers": (tf1, said(kind=3), "query/kernel is of type int32; kerasbert reads"),
    "TF, texts": (tf1, said(kind=7), "query/kernel is of type string; kerasbert reads"),
    "TF, a partitioned variable": (tf1, said(extra=field(7, b"")), "is of type partitioned variable; kerasbert reads"),
    "TF, a name of two lines": (
        tf1,
        rewritten(change=moved(KERNEL, "a\nError: b")),
        r"a tensor of the name 'a\\nError: b'",
    ),
    "TF, a renamed tensor": (
        tf1,
        rewritten(change=moved(KERNEL, KERNEL.replace("query", "qery"))),
        "missing: encoder.layer.0.attention.self.query.weight .*unexpected: bert/encoder/layer_0/attention/self/qery",
    ),
    "TF, a kernel of another shape": (
        tf1,
        rewritten(change=lambda tensors: tensors.__setitem__(KERNEL, np.ones((32, 31), "float32"))),
        r"query.weight: \(31, 32\) in the file, \(32, 32\) in the model",
    ),
    "TF, sizes of another model": (
        tf1,
        settings("bert_config.json", num_hidden_layers=10**9),
        "bert_config.json: num_hidden_layers is 1000000000, but the weights have 1",
    ),
    "TF, a checkpoint elsewhere": (
        tf1,
        lambda folder: [
            put("b.index", b"")(folder),
            put("checkpoint", b'model_checkpoint_path: "../../x"\n')(folder),
        ],
        "holds 2 checkpoints .* name one",
    ),
    "TF, a pipe": (
        tf1,
        lambda folder: [(folder / "bert_config.json").unlink(), os.mkfifo(folder / "bert_config.json")],
        "bert_config.json: is a pipe or a device",
    ),
    "Model Garden, a kernel without heads": (
        tf1,
        rewritten(change=lambda tensors: tensors.__setitem__(GARDEN, tensors.pop(KERNEL)[0, 0])),
        f"{GARDEN} is of shape \\(\\), which no tensor of this name has",
    ),
    "Model Garden, a damaged graph": (tf1, graph(b"\x0a\xff\xff\xff\xff\x0f"), "its graph of objects is damaged"),
    "Model Garden, a graph of numbers": (tf1, graph(field(1, 7)), "its graph of objects is damaged"),
    "Model Garden, one weight twice": (
        tf1,
        rewritten(change=lambda tensors: tensors.__setitem__(GARDEN, tensors[KERNEL].reshape(32, 4, 8))),
        "are one weight under two names",
    ),
}


def code_cases(canary: str) -> dict[str, tuple[Callable, Callable, str]]:
    """Pickles that would make a file of this name, in a zip and as they are."""
    found = {}
    for name, (content, what) in attacks(f"touch {canary}").items():
        found[f"bin, code: {name}"] = (pytorch, program(content), what)
        found[f"bin, code without a zip: {name}"] = (pytorch, put("pytorch_model.bin", content), what)
    return found
