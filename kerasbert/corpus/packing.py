"""Packs several instances into one row: histogram packing, longest first, best fit.

Source: Krell et al. 2021, arXiv 2107.02027, section 3.1.
"""

import numpy as np


def pack(lengths: np.ndarray, capacity: int) -> tuple[np.ndarray, np.ndarray]:
    """Puts lengths into rows of at most `capacity`.

    The work is done on the histogram: all items of one length go at once into rows of one free space, so that the time
    depends on `capacity` squared and on sorting, not on the number of rows.

    Args:
        lengths: int (items,), each from 1 to capacity.
        capacity: tokens of a row.

    Returns:
        `items` (items,), a permutation, and `rows` (rows + 1,): row r holds `items[rows[r]:rows[r + 1]]`, longest
        first, and items of one length in their order.
    """
    lengths = np.asarray(lengths).astype(np.int16 if capacity < 2**15 else np.int32)  # 16 bits sort ten times faster
    counts = np.bincount(lengths, minlength=capacity + 1)
    # open_rows[free] is a list of groups (number of rows, the lengths in each of them); at first, all rows are empty.
    open_rows: list[list] = [[] for _ in range(capacity)] + [[(len(lengths), ())]]
    for length in range(capacity, 0, -1):
        left, free = int(counts[length]), length
        while left:
            if not open_rows[free]:
                free += 1
                continue
            rows, contents = open_rows[free].pop()
            fit = free // length
            full, rest = divmod(min(left, rows * fit), fit)
            left -= full * fit + rest
            partly = int(rest > 0)
            for number, times in ((full, fit), (partly, rest), (rows - full - partly, 0)):
                if number:
                    open_rows[free - times * length].append((number, contents + (length,) * times))
    groups = [group for groups in open_rows for group in groups if group[1]]
    return _place(lengths, groups)


def _place(lengths: np.ndarray, groups: list) -> tuple[np.ndarray, np.ndarray]:
    """Gives each place of the groups' rows the next item of its length."""
    sizes = np.concatenate([np.full(copies, len(contents)) for copies, contents in groups] or [np.zeros(0, int)])
    rows = np.concatenate([[0], np.cumsum(sizes)])
    wanted = np.concatenate(
        [np.tile(np.array(contents, lengths.dtype), copies) for copies, contents in groups]
        or [np.zeros(0, lengths.dtype)]
    )
    items = np.empty(len(lengths), dtype=np.int64)
    items[np.argsort(wanted, kind="stable")] = np.argsort(lengths, kind="stable")
    return items, rows
