"""CPU-seconds that the packer takes for 16 M lengths: python tests/bench/pack.py"""

import time

import numpy as np

from kerasbert.corpus.packing import pack

CAPACITY, ITEMS = 512, 16_000_000


def main() -> None:
    draw = np.random.default_rng(0)
    cases = {
        "like Wikipedia (log-normal, median 120)": draw.lognormal(4.8, 0.9, ITEMS).clip(3, CAPACITY).astype(np.int64),
        "like paragraphs (log-normal, median 40)": draw.lognormal(3.7, 0.9, ITEMS).clip(3, CAPACITY).astype(np.int64),
        "any length as often": draw.integers(3, CAPACITY + 1, ITEMS),
    }
    print(f"{'lengths':42} {'CPU-s':>8} {'rows':>10} {'real tokens':>12} {'most a row':>11}")
    for name, lengths in cases.items():
        started = time.process_time()
        _, rows = pack(lengths, CAPACITY)
        seconds = time.process_time() - started
        share = lengths.sum() / CAPACITY / (len(rows) - 1)
        print(f"{name:42} {seconds:8.2f} {len(rows) - 1:10,} {share:12.2%} {np.diff(rows).max():11}")


if __name__ == "__main__":
    main()
