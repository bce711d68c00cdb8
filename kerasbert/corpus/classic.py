"""Reads TFRecord files of Google's and NVIDIA's BERT, whose masks were drawn in advance, as batches.

Their names: google-research/bert, create_pretraining_data.py; NVIDIA DeepLearningExamples and TensorFlow's Model Garden
write the same (NVIDIA's HDF5 files are another format and not read).
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np

from kerasbert.corpus.stepwise import OPEN_FILES, Batch, Stepwise
from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks.draws import key_of, permute
from kerasbert.tf.records import decode, open_content, scan_records

NAMES = {
    "input_ids": "input_ids",
    "input_mask": "attention_mask",
    "segment_ids": "token_type_ids",
    "masked_lm_positions": "mlm_positions",
    "masked_lm_ids": "mlm_ids",
    "next_sentence_labels": "nsp_label",
}
"""Their feature -> ours. `masked_lm_weights` says nothing more: a slot is used where its position is not 0, [CLS]."""
OTHER_NAMES = {"input_word_ids": "input_ids", "input_type_ids": "token_type_ids"}
"""What Model Garden calls two of them since 2020."""


class ClassicData(Stepwise):
    """Batches of such files, with the interface of `kerasbert.corpus.batches.PretrainingData`.

    Args:
        files: TFRecord files. batch_size: rows of a batch. seed: of the order, anew in each epoch.
        vocab_size: of the model; a larger id is an error (google-research/bert #82: an unchecked gather, then NaN).

    Raises:
        DataError: a file that is broken, or of other features, or an id beyond the vocabulary.
    """

    def __init__(self, files: Sequence[str | Path], *, batch_size: int, vocab_size: int, seed: int = 0):
        self.files = [Path(file) for file in files]
        self.batch_size, self.vocab_size, self.seed = batch_size, vocab_size, seed
        missing = [str(file) for file in self.files if not file.is_file()]
        if missing:
            raise DataError(f"{missing[0]}: no such file")
        self._content = lru_cache(OPEN_FILES)(open_content)
        self._places = [scan_records(file) for file in self.files]
        self._first_rows = np.concatenate([[0], np.cumsum([len(places) for places in self._places])])
        self.rows = int(self._first_rows[-1])
        if not 0 < batch_size <= self.rows:
            raise ConfigError(f"batch_size is {batch_size}: use 1 to {self.rows}, the rows of {len(self.files)} files")

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch; the rows that fill none wait for another."""
        return self.rows // self.batch_size

    def batch(self, step: int, *, shard: tuple[int, int] = (0, 1)) -> Batch:
        """Batch `step`, counted over all epochs; or, of `shard` (i, n), the i-th of its n equal parts."""
        epoch, place = divmod(step, self.steps_per_epoch)
        rows = place * self.batch_size + np.arange(self.batch_size)[self.part_of(shard)]
        return self._read(permute(rows, self.rows, key_of(self.seed, epoch)))

    def _read(self, rows: np.ndarray) -> Batch:
        examples = []
        for row in rows:
            file = int(np.searchsorted(self._first_rows, row, side="right")) - 1
            begin, end = self._places[file][row - self._first_rows[file]]
            examples.append(self._content(self.files[file])[begin:end])
        columns = decode(examples)
        batch = {}
        for theirs, ours in {**NAMES, **OTHER_NAMES}.items():
            if theirs in columns:
                values, bounds = columns[theirs]
                sizes = np.diff(bounds)
                if (sizes != sizes[0]).any():
                    raise DataError(
                        f"{self.files[0]}: rows of {theirs} differ in length ({sizes.min()} to {sizes.max()})"
                    )
                batch[ours] = values.astype(np.int32).reshape(len(rows), -1)
        missing = sorted(set(NAMES.values()) - {"nsp_label"} - set(batch))
        if missing:
            raise DataError(f"{self.files[0]}: no pre-training rows of BERT: without {', '.join(missing)}")
        for name in ("input_ids", "mlm_ids"):
            if batch[name].max() >= self.vocab_size:
                raise DataError(
                    f"{self.files[0]}: {name} holds {batch[name].max()}, but the vocabulary has {self.vocab_size} "
                    "tokens; use the vocabulary that the files were made with"
                )
        if "nsp_label" in batch:
            batch["nsp_label"] = batch["nsp_label"][:, 0]
        return {**batch, "mlm_weights": (batch["mlm_positions"] > 0).astype(np.float32)}
