"""The environment of a process in which a test runs Keras on JAX."""

from pathlib import Path

QUICKLY_COMPILED = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
"""XLA_FLAGS: code for a few steps of a tiny model takes longer to optimize than to run."""
JAX = {
    "KERAS_BACKEND": "jax",
    "JAX_PLATFORMS": "cpu",
    "XLA_FLAGS": QUICKLY_COMPILED,
    "PYTHONPATH": str(Path(__file__).parent),  # for test files that are run as programs
}
