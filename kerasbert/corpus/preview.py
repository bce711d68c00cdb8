"""Shows some rows of prepared data with their masks, and draws the row lengths."""

from pathlib import Path

import numpy as np

from kerasbert.corpus.batches import PretrainingData
from kerasbert.corpus.index import Index

ROWS = 3


def preview(folder: str | Path, rows: int = ROWS) -> dict[str, str]:
    """Some rows as epoch 0 would train on them: a masked token as `[MASK]→word`, a replaced one as `other→word`, one
    that was chosen and kept as `word→word`. Padding is left out.
    """
    data = PretrainingData(folder, batch_size=1)
    shown = {}
    for number in range(min(rows, data.steps_per_epoch)):
        batch = {name: values[0] for name, values in data.batch(number).items()}
        tokens = [data.tokenizer.vocabulary[i] for i in batch["input_ids"][: batch["attention_mask"].sum()]]
        masked = batch["mlm_weights"] > 0
        for position, original in zip(batch["mlm_positions"][masked], batch["mlm_ids"][masked], strict=True):
            word = data.tokenizer.vocabulary[original]
            tokens[position] += f"→{word}"
        label = f" (nsp_label {batch['nsp_label'].tolist()})" if "nsp_label" in batch else ""
        shown[f"instance {number + 1}"] = " ".join(tokens) + label
    return shown


def plot_lengths(index: Index, path: Path) -> None:
    """A histogram of the rows' real tokens, as a picture."""
    from matplotlib.figure import Figure  # no pyplot: it would look for a screen

    counts = np.sum([shard.lengths for shard in index.shards], axis=0)
    width = index.settings["max_length"] / len(counts)
    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    axes.bar(np.arange(len(counts)) * width, counts, width=width * 0.9, align="edge")
    axes.set_xlabel("real tokens of a row")
    axes.set_ylabel("rows")
    share = index.total("tokens") / (index.total("rows") * index.settings["max_length"])
    axes.set_title(f"{index.total('rows'):,} rows, {share:.1%} real tokens at full length")
    figure.savefig(path, dpi=120, format="png")
