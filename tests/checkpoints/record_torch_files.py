"""Records files that torch writes. Needs torch and transformers 4.30, which still writes pytorch_model.bin.

    python tests/checkpoints/record_torch_files.py

It writes `torch_zip.gz` and `torch_before_zip.gz`, the tensors of `tensors()` in torch's two formats, and
`torch_model.gz`, the pytorch_model.bin of BertForPreTraining with the numbers of `torch_files.numbers`.
"""

import gzip
import tempfile
from collections import OrderedDict
from pathlib import Path

import torch
import transformers
from torch_files import CONFIG, numbers

HERE = Path(__file__).parent


def tensors() -> OrderedDict:
    """What `torch_files.EXPECTED` has as arrays."""
    long = torch.arange(24, dtype=torch.float32)
    table = long.reshape(6, 4)
    found = OrderedDict(
        table=table,
        tied=table,
        transposed=table.T,
        column=table[:, 1],
        middle=long[5:9].reshape(2, 2),
        repeated=torch.ones(1, 1).expand(1, 1),
        parameter=torch.nn.Parameter(torch.full((2,), 0.5)),
        double=torch.tensor([1 / 3], dtype=torch.float64),
        half=torch.tensor([[1.5, -2]], dtype=torch.float16),
        bfloat16=torch.tensor([3.0, 0.15625], dtype=torch.bfloat16),
        ids=torch.arange(3)[None],
        flag=torch.tensor([True, False]),
        scalar=torch.tensor(7.0),
        empty=torch.zeros(0, 3),
    )
    found._metadata = OrderedDict([("", {"version": 1})])  # as Module.state_dict has it, pickled with BUILD
    return found


def main() -> None:
    model = transformers.BertForPreTraining(transformers.BertConfig(**CONFIG))
    for name, parameter in model.named_parameters():
        parameter.data = torch.from_numpy(numbers(name, tuple(parameter.shape)))
    with tempfile.TemporaryDirectory() as folder:
        torch.save(tensors(), f"{folder}/torch_zip")
        torch.save(tensors(), f"{folder}/torch_before_zip", _use_new_zipfile_serialization=False)
        model.save_pretrained(folder)
        Path(folder, "pytorch_model.bin").rename(Path(folder, "torch_model"))
        for name in ("torch_zip", "torch_before_zip", "torch_model"):
            (HERE / f"{name}.gz").write_bytes(gzip.compress(Path(folder, name).read_bytes(), mtime=0))


if __name__ == "__main__":
    main()
