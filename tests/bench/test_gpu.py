"""The GPU bench at tiny sizes on a CPU, on a path where TensorFlow cannot be imported. Times are never asserted."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

BENCH = Path(__file__).parent / "gpu.py"
NOT_INSTALLED = """raise ModuleNotFoundError(f"No module named '{__name__}'", name=__name__)"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(find_spec("jax") is None, reason="needs pip install jax"),
]


@pytest.fixture
def on_jax(tmp_path):
    """Runs Python on JAX without TensorFlow and torch; returns what it printed."""
    for package in ("tensorflow", "torch"):
        (tmp_path / f"{package}.py").write_text(NOT_INSTALLED)

    def run(*words) -> str:
        path = os.pathsep.join(map(str, (tmp_path, BENCH.parent, BENCH.parents[2])))
        environment = {**os.environ, "KERAS_BACKEND": "jax", "JAX_PLATFORMS": "cpu", "PYTHONPATH": path}
        command = [sys.executable, *map(str, words)]
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_it_prints_a_row_for_each_contender(on_jax):
    names = ("--contender", "kerasbert", "--contender", "transformers, compiled", "--transformers", sys.executable)
    shape = ("--size", "tiny", "--vocabulary", 100, "--rows", 2, "--length", 32)
    printed = on_jax(BENCH, *names, *shape, "--steps", 1, "--rounds", 1, "--matrix", 128)
    left_out, title, versions, empty, head, row = printed.splitlines()
    assert left_out == "transformers, compiled: left out (ModuleNotFoundError: No module named 'torch')"
    assert title == "BERT-tiny, 2 packed rows of 32 tokens, bfloat16"
    assert re.fullmatch(r"cpu: kerasbert [\w.]+, keras [\d.]+, jax [\d.]+", versions)
    assert empty == ""
    assert head.split() == ["tokens/s", "share", "peak", "memory", "attention"]
    figures = re.fullmatch(r"kerasbert +([\d,]+) +([\d.]+)% +([\d.]+) +([\d.]+)  XLA", row)
    assert figures, row
    rate, share, peak, memory = (float(figure.replace(",", "")) for figure in figures.groups())
    assert rate > 0
    assert 0 <= share <= 100
    assert peak > 0
    assert 0.1 < memory < 100


FOR_CUDA = """
import gpu, jax, keras
from jax._src.cudnn import fused_attention_stablehlo as cudnn

# The program for a GPU is made without one, as for an H100 with cuDNN 9.13.
cudnn.check_cudnn_version = lambda: 91300
cudnn.check_compute_capability = lambda capability: True
cudnn.is_cuda_compute_capability_equal = lambda capability: False

shape = gpu.Shape("tiny", vocabulary=100, rows=2, length=64)
model, packed = gpu.kerasbert_model(shape), gpu.packed_batch(shape)
plain = {name: values for name, values in packed.items() if name not in ("instance_ids", "position_ids")}
print(gpu.fused_blocks(model, packed, "cuda"), gpu.fused_blocks(model, plain, "cuda"))
keras.config.disable_flash_attention()
print(gpu.fused_blocks(model, packed, "cuda"), gpu.fused_blocks(model, packed))

trained, others = ([v.value for v in kind] for kind in (model.trainable_variables, model.non_trainable_variables))
def loss(trained):
    return model.compute_loss(x=packed, y_pred=model.stateless_call(trained, others, packed, training=True)[0])
print(jax.jit(jax.grad(loss)).lower(trained).compile().cost_analysis()["flops"] / gpu.operations(shape, shape.slots))
"""


def test_a_program_for_a_gpu_has_fused_attention_in_every_block_and_the_counted_operations(on_jax):
    pytest.importorskip("jax._src.cudnn.fused_attention_stablehlo")
    fused, not_fused, operations = on_jax("-c", FOR_CUDA).splitlines()
    assert fused == "2 2"
    assert not_fused == "0 0"
    assert 1 < float(operations) < 1.15  # XLA counts additions and the like too
