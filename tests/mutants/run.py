"""Small faults put into the package one by one, and the tests that must notice each: `python tests/mutants/run.py`.

Each fault is written into a copy of the checkout, so the checkout itself is never changed. A row of the printed table
says "killed" where a test failed, and "survived" where all passed. The exit code is 1 if any fault survived.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
FAILED = 1
"""pytest's exit code for tests that ran and failed; others mean that nothing ran, and so nothing was found."""


@dataclass(frozen=True)
class Mutant:
    """One fault.

    Attributes:
        file: the module, from the root of the checkout.
        old: what stands there, exactly once.
        new: what stands there instead.
        tests: files or tests, any of which must fail.
    """

    file: str
    old: str
    new: str
    tests: str


MUTANTS = [
    Mutant(
        "kerasbert/tokenizers/wordpiece.py",
        '"[CLS] $A [SEP] $B:1 [SEP]:1"',
        '"[CLS] $A [SEP] $B:1 [SEP]:0"',
        "tests/tokenizers/test_wordpiece.py",
    ),
    Mutant(
        "kerasbert/tokenizers/bytepair.py",
        'return not token.startswith("\\u0120")',
        'return token.startswith("\\u0120")',
        "tests/tokenizers/test_loading.py",
    ),
    Mutant(
        "kerasbert/tokenizers/host.py",
        "if max_length < extra:",
        "if max_length <= extra:",
        "tests/tokenizers/test_wordpiece.py",
    ),
    Mutant(
        "kerasbert/decoding/beams.py",
        "ended += [continued] if rank < beams else []",
        "ended += [continued]",
        "tests/decoding/test_beams.py",
    ),
    Mutant(
        "kerasbert/decoding/sampling.py",
        "before < self.top_p",
        "before <= self.top_p",
        "tests/decoding/test_sampling.py",
    ),
    Mutant(
        "kerasbert/tasks/generating.py",
        "self._cache[origin, : self",
        "self._cache[0, : self",
        "tests/tasks/test_seq2seq.py",
    ),
    Mutant(
        "kerasbert/tasks/batches.py",
        "(len(batch) + 1) * wider.sum() > batch_tokens",
        "len(batch) * wider.sum() > batch_tokens",
        "tests/tasks/test_batches.py",
    ),
    Mutant(
        "kerasbert/decoding/tags.py",
        "if groups and letter not in tuple(_BEGINS) and",
        "if groups and",
        "tests/decoding/test_tags.py",
    ),
    Mutant(
        "kerasbert/decoding/tags.py",
        "begins = kind != before or letter in tuple(_BEGINS)",
        "begins = kind != before",
        "tests/decoding/test_tags.py",
    ),
    Mutant(
        "kerasbert/tasks/windows.py",
        "stride - stride // 2 if index else 0",
        "stride // 2 if index else 0",
        "tests/tasks/test_windows.py",
    ),
    Mutant(
        "kerasbert/tasks/token_classification.py",
        "if row.kept.start <= first + 1 < row.kept.stop:",
        "if row.kept.start <= first + 1:",
        "tests/tasks/test_token_classification.py",
    ),
    Mutant(
        "kerasbert/tasks/token_classification.py",
        "'I' if span is before else 'B'",
        "'I' if before else 'B'",
        "tests/tasks/test_token_classification.py",
    ),
    Mutant(
        "kerasbert/examples/conll.py",
        'if not sentence and line.startswith("#") and',
        'if line.startswith("#") and',
        "tests/examples/test_conll.py",
    ),
    Mutant(
        "kerasbert/tasks/masking.py",
        "starts[1:] |= np.diff(candidates) > 1",
        "starts[1:] |= np.diff(candidates) > 2",
        "tests/corpus/test_masking.py",
    ),
    Mutant(
        "kerasbert/corpus/packing.py",
        "range(capacity, 0, -1)",
        "range(capacity, 1, -1)",
        "tests/corpus/test_packing.py",
    ),
    Mutant(
        "kerasbert/corpus/instances.py",
        "other += other >= document",
        "other += other > document",
        "tests/corpus/test_instances.py",
    ),
    Mutant(
        "kerasbert/tasks/draws.py",
        "outside = values >= size",
        "outside = values > size",
        "tests/corpus/test_draws.py",
    ),
    Mutant(
        "kerasbert/corpus/documents.py",
        "_line_at(span, offset + error.start)",
        "_line_at(span, error.start)",
        "tests/corpus/test_documents.py",
    ),
    Mutant(
        "kerasbert/examples/csv.py",
        "line, start = start, reader.line_num + 1",
        "line, start = start, reader.line_num",
        "tests/examples/test_readers.py",
    ),
    Mutant(
        "kerasbert/tasks/text_classification.py",
        "if len(found) < fewest:",
        "if len(found) <= fewest:",
        "tests/tasks/test_text_classification.py",
    ),
    Mutant(
        "kerasbert/tasks/batches.py",
        "-(-most // round_to) * round_to",
        "most // round_to * round_to",
        "tests/tasks/test_batches.py",
    ),
    Mutant(
        "kerasbert/tasks/text_classification.py",
        "if logit > 0]",
        "if logit >= 0]",
        "tests/tasks/test_text_classification.py",
    ),
    Mutant(
        "kerasbert/training/schedules.py",
        "step / max(self.warmup, 1)",
        "step / max(self.warmup + 1, 1)",
        "tests/training/test_schedules.py",
    ),
    Mutant(
        "kerasbert/training/optimizers.py",
        "layer_decay ** (blocks + 1 - depth)",
        "layer_decay ** (blocks - depth)",
        "tests/training/test_optimizers.py",
    ),
    Mutant(
        "kerasbert/training/step.py",
        "add, (1, flat, kept)",
        "add, (0, flat, kept)",
        "tests/training/test_trainer.py",
    ),
    Mutant(
        "kerasbert/training/losses.py",
        "factors.get(self.loss.reduction, share.of_rows)",
        "factors.get(self.loss.reduction, 1.0)",
        "tests/training/test_compiled_losses.py",
    ),
    Mutant(
        "kerasbert/runs/guard.py",
        "len(self.losses) >= FEW else",
        "len(self.losses) > FEW else",
        "tests/runs/test_guard.py",
    ),
    Mutant(
        "kerasbert/layers/attention.py",
        "math.sqrt(self.hidden_size // self.num_heads)",
        "math.sqrt(self.hidden_size)",
        "tests/reference",
    ),
    Mutant(
        "kerasbert/layers/embeddings.py",
        "gather(self.position_table, position_ids + self.position_offset)",
        "gather(self.position_table, position_ids)",
        "tests/layers/test_layers.py tests/models/test_encoder.py",
    ),
    Mutant(
        "kerasbert/layers/heads.py",
        "ops.maximum(ops.mean(mask, axis=1), 1e-4)",
        "ops.maximum(ops.mean(mask, axis=1), 1e-1)",
        "tests/layers/test_layers.py",
    ),
    Mutant(
        "kerasbert/config.py",
        "or value < at_least:",
        "or value <= at_least:",
        "tests/test_config.py",
    ),
    Mutant(
        "kerasbert/checkpoints/names.py",
        '"transformer.layer.{}.attention.k_lin"',
        '"transformer.layer.{}.attention.q_lin"',
        "tests/parity/test_transformers.py",
    ),
    Mutant(
        "export/formats/mediapipe/metadata.py",
        "if len(labels) != width:",
        "if len(labels) < width:",
        "tests/export/formats/mediapipe/test_metadata.py",
    ),
    Mutant(
        "export/formats/tflite/entries.py",
        "bytes(-(size + 12) % ALIGNMENT)",
        "bytes(-(size + 8) % ALIGNMENT)",
        "tests/export/formats/mediapipe/test_metadata.py",
    ),
    Mutant(
        "export/formats/tflite/int4.py",
        "nibbles[:, 0] | nibbles[:, 1] << 4",
        "nibbles[:, 1] | nibbles[:, 0] << 4",
        "tests/export/formats/tflite/test_int4.py",
    ),
    Mutant(
        "export/formats/onnx/weights.py",
        "min(variable.shape) >= SMALL",
        "min(variable.shape) > SMALL",
        "tests/export/formats/onnx",
    ),
    Mutant(
        "export/gate/bars.py",
        "passed=share >= wanted",
        "passed=share > wanted",
        "tests/export/gate/test_bars.py",
    ),
    Mutant(
        "export/gate/bars.py",
        "np.where(changed & unclear, actual, expected)",
        "np.where(changed | unclear, actual, expected)",
        "tests/export/gate/test_bars.py",
    ),
    Mutant(
        "kerasbert/tf/wordpiece.py",
        "starts[0] + tf.cast(first.values, tf.int64)",
        "starts[0]",
        "tests/tf/test_wordpiece.py::test_truncation_of_single_texts",
    ),
    Mutant(
        "export/web/page/tokenizer.js",
        "(more ? half : 0)",
        "half",
        "tests/export/web/test_tokenizer.py::test_windows_are_those_of_the_library",
    ),
    Mutant(
        "kerasbert/explanations/integral.py",
        "term.at((points + 1) / 2)",
        "term.at((points + 1) / 2 + 0.05)",
        "tests/explanations/test_integral.py",
    ),
    Mutant(
        "kerasbert/explanations/integral.py",
        "return term.share * (mean",
        "return (mean",
        "tests/explanations/test_integral.py",
    ),
]


def copied(checkout: Path, folder: Path) -> Path:
    """A copy of what git knows of a checkout, in which `kerasbert.export` and `kerasbert.cli` are found without pip."""
    listed = ["git", "-C", str(checkout), "ls-files", "--cached", "--others", "--exclude-standard"]
    for name in subprocess.run(listed, capture_output=True, text=True, check=True).stdout.splitlines():
        if (checkout / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(checkout / name, folder / name)
    for name in ("export", "cli"):
        (folder / "kerasbert" / name).symlink_to(folder / name)
    return folder


def tested(copy: Path, tests: str) -> tuple[int, str]:
    """pytest's exit code on these tests, and its last line."""
    environment = {**os.environ, "PYTHONPATH": str(copy), "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-B", "-m", "pytest", "-x", "-m", "not slow", "-p", "no:cacheprovider", *tests.split()]
    done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True)
    return done.returncode, (done.stdout + done.stderr).rstrip().rpartition("\n")[2]


def outcome(copy: Path, mutant: Mutant) -> str:
    """Runs the tests on one fault and takes it out again."""
    path = copy / mutant.file
    before = path.read_text(encoding="utf-8")
    if before.count(mutant.old) != 1:
        return f"stale: {mutant.old!r} stands there {before.count(mutant.old)} times"
    path.write_text(before.replace(mutant.old, mutant.new), encoding="utf-8")
    try:
        code, last = tested(copy, mutant.tests)
    finally:
        path.write_text(before, encoding="utf-8")
    return {0: "survived", FAILED: "killed"}.get(code, f"nothing ran: {last}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default="", help="Faults in files whose path holds this.")
    parser.add_argument("--checkout", type=Path, default=ROOT, help="Another checkout to put them into.")
    options = parser.parse_args()
    chosen = [mutant for mutant in MUTANTS if options.only in mutant.file]
    with tempfile.TemporaryDirectory(prefix="mutants.") as scratch:
        copy = copied(options.checkout.resolve(), Path(scratch))
        outcomes, passing = [], {}
        for mutant in chosen:
            began = time.monotonic()
            if mutant.tests not in passing:
                passing[mutant.tests] = tested(copy, mutant.tests)
            code, last = passing[mutant.tests]
            outcomes.append(outcome(copy, mutant) if code == 0 else f"fails without the fault: {last}")
            seconds = time.monotonic() - began
            print(f"{mutant.file:44}{mutant.old[:44]:46}{outcomes[-1]} ({seconds:.0f} s)", flush=True)
    print(f"{outcomes.count('killed')} of {len(chosen)} killed")
    sys.exit(outcomes.count("killed") < len(chosen))


if __name__ == "__main__":
    main()
