"""Several instances in a row: histogram packing, longest first, best fit (Krell et al. 2021, arXiv 2107.02027, 3.1)."""

import numpy as np


def pack(lengths: np.ndarray, capacity: int, most: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Puts lengths into rows of at most `capacity`.

    The work is done on the histogram: all items of one length go at once into rows of one free space, so that the time
    depends on `capacity` squared and on sorting, not on the number of rows.

    Args:
        lengths: int (items,), each from 1 to capacity.
        capacity: tokens of a row.
        most: items of a row; 0 for any number.

    Returns:
        `items` (items,), a permutation, and `rows` (rows + 1,): row r holds `items[rows[r]:rows[r + 1]]`, longest
        first, and items of one length in their order.
    """
    lengths = np.asarray(lengths).astype(np.int16 if capacity < 2**15 else np.int32)  # 16 bits sort ten times faster
    counts = np.bincount(lengths, minlength=capacity + 1)
    # open_rows[free] is a list of groups [copies, contents]; contents are the lengths in each of the copies.
    open_rows: list[list] = [[] for _ in range(capacity + 1)]
    open_rows_closed = []
    for length in range(capacity, 0, -1):
        left = int(counts[length])
        free = length
        while left and free <= capacity:
            groups = open_rows[free]
            while groups and left:
                copies, contents = groups.pop()
                fit = free // length if not most else min(free // length, most - len(contents))
                if fit < 1:
                    open_rows_closed.append((copies, contents))
                    continue
                full, rest = divmod(left, fit)
                used = min(copies, full)
                if used:
                    open_rows[free - fit * length].append((used, contents + (length,) * fit))
                    left -= used * fit
                if used < copies and 0 < left < fit:
                    open_rows[free - left * length].append((1, contents + (length,) * left))
                    used, left = used + 1, 0
                if used < copies:
                    groups.append((copies - used, contents))
                    if not left:
                        break
            free += 1
        if left:
            fit = capacity // length if not most else min(capacity // length, most)
            full, rest = divmod(left, fit)
            if full:
                open_rows[capacity - fit * length].append((full, (length,) * fit))
            if rest:
                open_rows[capacity - rest * length].append((1, (length,) * rest))
    groups = [group for free in range(capacity + 1) for group in open_rows[free]] + open_rows_closed
    return _place(lengths, counts, groups)


def _place(lengths: np.ndarray, counts: np.ndarray, groups: list) -> tuple[np.ndarray, np.ndarray]:
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
