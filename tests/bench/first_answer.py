"""From the start of a process to the first answer of a bundle, without TensorFlow.

    python tests/bench/first_answer.py BUNDLE [--runs 5]

Prints the median and the slowest in seconds, wall clock and CPU, a line a file. The first run warms the disk's cache
and is not counted.
"""

import argparse
import resource
import statistics
import subprocess
import sys
import time

from kerasbert.runtime.manifest import Manifest

CODE = "import sys; from kerasbert.runtime import load; print(load(sys.argv[1], file=sys.argv[2])('a lovely film'))"


def ask(bundle: str, file: str) -> tuple[float, float]:
    """Seconds and CPU-seconds of one process."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([sys.executable, "-c", CODE, bundle, file], check=True, stdout=subprocess.DEVNULL)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    print(f"{'file':<12} {'median s':>9} {'slowest s':>10} {'CPU s':>6}")
    for name in Manifest.read(options.bundle).files:
        if name == "saved_model":
            continue
        times = [ask(options.bundle, name) for _ in range(options.runs + 1)][1:]
        wall, cpu = zip(*times, strict=True)
        print(
            f"{name:<12} {statistics.median(wall):>9.2f} {max(wall):>10.2f} {statistics.median(cpu):>6.2f}", flush=True
        )


if __name__ == "__main__":
    main()
