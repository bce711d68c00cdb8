"""Which files of a hub folder are downloaded."""

from fnmatch import fnmatch

import pytest

from kerasbert.checkpoints import hub

ALWAYS = ["config.json", "LICENSE", "README.md", "vocab.txt"]
SAFE = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors", "model.safetensors.index.json"]
SHARDS = ["pytorch_model-00001-of-00002.bin", "pytorch_model-00002-of-00002.bin", "pytorch_model.bin.index.json"]
TF1 = ["bert_config.json", "bert_model.ckpt.data-00000-of-00001", "bert_model.ckpt.index"]
PRESET = ["model.weights.h5", "preprocessor.json", "task.json", "task.weights.h5", "tokenizer.json"]
NEVER = ["flax_model.msgpack", "training_args.bin", "rust_model.ot"]


@pytest.mark.parametrize(
    ("files", "wanted"),
    [
        ([*SAFE, "pytorch_model.bin", "tf_model.h5"], SAFE),
        (["pytorch_model.bin", "tf_model.h5", *TF1], ["pytorch_model.bin"]),
        ([*SHARDS, "tf_model.h5"], SHARDS),
        (["tf_model.h5", *TF1], ["tf_model.h5"]),
        (TF1, TF1),
        (PRESET, PRESET),
        ([], []),
    ],
)
def test_one_kind_of_weights_is_downloaded(files, wanted, tmp_path, monkeypatch):
    def download(name, *, allow_patterns):
        for file in (*ALWAYS, *NEVER, *files):
            if any(fnmatch(file, pattern) for pattern in allow_patterns):
                (tmp_path / file).touch()
        return str(tmp_path)

    monkeypatch.setattr(hub, "snapshot_download", download)
    assert hub.folder_of("owner/name") == tmp_path
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*ALWAYS, *wanted])
