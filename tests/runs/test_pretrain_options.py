"""Options of a pre-training run: values that no run can have are named when they are given."""

import pytest

from kerasbert.errors import ConfigError
from kerasbert.runs.pretrain_options import PretrainOptions


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "int8"}, "precision is 'int8': use one of float32, bf16, fp16"),
        ({"strategy": "many"}, "strategy is 'many': use one of auto, one, mirrored, multi-worker, tpu"),
        ({"accumulate": 0}, "accumulate is 0: use a whole number, 1 or more"),
        ({"save_every": -1}, "save_every is -1: use a whole number, 1 or more"),
        ({"keep": 1.5}, "keep is 1.5: use a whole number, 1 or more"),
        ({"log_every": 0}, "log_every is 0: use a whole number, 1 or more"),
        ({"positions": 0}, "positions is 0: use a whole number, 1 or more, or None"),
        ({"evaluate_every": 0}, "evaluate_every is 0: use a whole number, 1 or more, or None"),
        ({"max_rollbacks": -1}, "max_rollbacks is -1: use a whole number, 0 or more"),
        ({"save_minutes": 0}, "save_minutes is 0: use a number above 0"),
        ({"buckets": [16, 0]}, "buckets is [16, 0]: use whole numbers, 1 or more, such as 32, 64, 128"),
        ({"jit_compile": "yes"}, "jit_compile is 'yes': use True, False or 'auto'"),
    ],
    ids=str,
)
def test_a_value_that_no_run_can_have_is_named(options, message):
    with pytest.raises(ConfigError) as caught:
        PretrainOptions(**options)
    assert str(caught.value) == message


def test_the_smallest_values_are_taken():
    smallest = dict.fromkeys(("accumulate", "save_every", "keep", "log_every", "positions", "evaluate_every"), 1)
    options = PretrainOptions(**smallest, max_rollbacks=0, buckets=[1], save_minutes=1e-6)
    assert options.jit_compile == "auto"
    with pytest.raises(AttributeError):
        options.seed = 1
