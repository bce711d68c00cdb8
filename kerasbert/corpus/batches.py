"""Reads prepared data as batches. Batch k depends only on (data, seed, k).

So a stopped run continues at the exact batch, on any number of workers, on any backend: the batches are NumPy
arrays of few, fixed shapes.
"""

import mmap
from collections.abc import Sequence
from functools import cached_property, lru_cache
from pathlib import Path

import numpy as np

from kerasbert import tokenizers
from kerasbert.corpus.index import Index, vocabulary_hash
from kerasbert.corpus.stepwise import OPEN_FILES, Batch, Stepwise
from kerasbert.errors import ConfigError, DataError
from kerasbert.tasks.draws import key_of, permute
from kerasbert.tasks.masking import Masking, MaskingVocabulary, mask_row
from kerasbert.tf.records import decode, open_content

_ORDER, _BATCHES, _MASKS = range(3)  # what a draw is for


class PretrainingData(Stepwise):
    """Batches of a folder that `kerasbert.corpus.pipelines.prepare` made.

    ```python
    data = PretrainingData("data/", batch_size=256, seed=1)
    data.batch(1000)                                  # a dict of NumPy arrays
    data.dataset(start=1000)                          # a tf.data.Dataset that goes on from there, epoch after epoch
    ```

    Every batch has, int32 unless said: `input_ids` (masked), `attention_mask`, `token_type_ids` (batch, length);
    `mlm_positions`, `mlm_ids`, float32 `mlm_weights` (batch, masked). Rows of single instances of pairs also
    `nsp_label` (batch,). Packed rows also `instance_ids` (batch, length), the number of the instance in its row from 1
    on and 0 for padding, and `position_ids`, which begin anew with each; of pairs, `nsp_label`, `cls_positions` and
    float32 `nsp_weights` (batch, instances).

    Args:
        folder: prepared data.
        batch_size: rows of a batch, over all workers.
        masking: how words are masked, anew in each epoch.
        seed: of the order and of the masks.
        buckets: lengths to pad to; a batch holds rows of one bucket. One that holds less than a batch joins the next.
            None pads all to the longest row there may be.
        tokenizer: of the model, to be checked against the data's.

    Raises:
        DataError: not whole, changed, or of another vocabulary. ConfigError: settings that cannot be.
    """

    def __init__(
        self,
        folder: str | Path,
        *,
        batch_size: int,
        masking: Masking | None = None,
        seed: int = 0,
        buckets: Sequence[int] | None = None,
        tokenizer=None,
    ):
        self.folder, self.index = Path(folder), Index.read(folder)
        self.batch_size, self.masking, self.seed = batch_size, masking or Masking(), seed
        self.settings = self.index.settings
        self.tokenizer = tokenizers.load(self.folder / "tokenizer")
        self.check_vocabulary(tokenizer)
        for shard in self.index.shards:
            self._read_places(shard)  # a shard that is missing or broken is told now
        self._first_rows = np.concatenate([[0], np.cumsum([shard.rows for shard in self.index.shards])])
        self._open = lru_cache(OPEN_FILES // 2)(self._open_shard)
        self.rows = int(self._first_rows[-1])
        if not 0 < batch_size <= self.rows:
            raise ConfigError(f"batch_size is {batch_size}: use 1 to {self.rows}, the rows of {folder}")
        self.vocabulary = MaskingVocabulary.of(self.tokenizer)
        self.buckets = self._filled_buckets(buckets or ())
        self.pad_id = self.tokenizer.id_of("pad")

    def check_vocabulary(self, tokenizer) -> None:
        """Raises DataError: the data are of another vocabulary than the tokenizer; None: than their own copy."""
        for given, place in ((self.tokenizer, f"{self.folder}/tokenizer"), (tokenizer, "the model")):
            if given is not None and vocabulary_hash(given) != self.index.vocabulary:
                raise DataError(
                    f"{self.folder}: prepared with another vocabulary ({self.index.vocab_size} tokens) than that of "
                    f"{place} ({given.vocab_size} tokens); prepare the text with the model's own"
                )
        largest = max((shard.largest_id for shard in self.index.shards), default=0)
        if largest >= self.index.vocab_size:
            raise DataError(
                f"{self.folder}: holds the id {largest}, but the vocabulary ends at {self.index.vocab_size}"
            )

    def _read_places(self, shard) -> np.ndarray:
        """int64 (rows, 3): begin and end in the file, and tokens."""
        path = self.folder / "shards" / shard.file
        try:
            places = np.load(path.with_suffix(".npy"), mmap_mode="r", allow_pickle=False)
            size = path.stat().st_size
        except (OSError, ValueError) as error:
            raise DataError(f"{path}: missing or broken, though the index lists it ({error}); prepare again") from None
        if len(places) != shard.rows or (shard.rows and size != places[-1, 1] + 4):
            raise DataError(f"{path}: not the file that was prepared; copy or prepare it again")
        return places

    def _open_shard(self, number: int) -> tuple[np.ndarray, mmap.mmap]:
        shard = self.index.shards[number]
        return self._read_places(shard), open_content(self.folder / "shards" / shard.file)

    @cached_property
    def _lengths(self) -> np.ndarray:
        """Tokens of each row."""
        return np.concatenate([self._read_places(shard)[:, 2].astype(np.int32) for shard in self.index.shards])

    def _filled_buckets(self, buckets: Sequence[int]) -> list[int]:
        """The buckets that hold a batch at least, so that every row has its turn."""
        longest = self.settings["max_length"]
        buckets = sorted({*(length for length in buckets if length < longest), longest})
        if len(buckets) == 1:
            return buckets
        counts = np.bincount(np.searchsorted(buckets, self._lengths), minlength=len(buckets))
        filled, waiting = [], 0
        for length, count in zip(buckets, counts, strict=True):
            waiting += count
            if waiting >= self.batch_size:
                filled.append(length)
                waiting = 0
        if waiting:
            filled[-1] = longest
        return filled

    @cached_property
    def _bucket_rows(self) -> list[np.ndarray | range]:
        """The rows of each bucket."""
        if len(self.buckets) == 1:
            return [range(self.rows)]
        bucket = np.searchsorted(self.buckets, self._lengths)
        return [np.flatnonzero(bucket == number) for number in range(len(self.buckets))]

    @cached_property
    def _batches_before(self) -> np.ndarray:
        """How many batches of an epoch lie in the buckets before each. The rows that fill no batch wait for another
        epoch, in which the order puts others last."""
        return np.concatenate([[0], np.cumsum([len(rows) // self.batch_size for rows in self._bucket_rows])])

    @property
    def steps_per_epoch(self) -> int:
        """Batches of an epoch."""
        return int(self._batches_before[-1])

    def rows_of(self, step: int) -> tuple[np.ndarray, int, int]:
        """The rows of batch `step`, its padded length, and its epoch."""
        epoch, place = divmod(step, self.steps_per_epoch)
        place = int(permute(np.array([place]), self.steps_per_epoch, key_of(self.seed, _BATCHES, epoch))[0])
        bucket = int(np.searchsorted(self._batches_before, place, side="right")) - 1
        rows = self._bucket_rows[bucket]
        first = (place - int(self._batches_before[bucket])) * self.batch_size
        chosen = permute(np.arange(first, first + self.batch_size), len(rows), key_of(self.seed, _ORDER, epoch, bucket))
        return (chosen if isinstance(rows, range) else rows[chosen]), self.buckets[bucket], epoch

    def batch(self, step: int, *, shard: tuple[int, int] = (0, 1)) -> Batch:
        """Batch `step`, counted over all epochs; or, of `shard` (i, n), the i-th of its n equal parts."""
        rows, length, epoch = self.rows_of(step)
        rows = rows[self.part_of(shard)]
        try:
            return self._batch_of(rows, length, epoch)
        except (DataError, LookupError, ValueError) as error:
            for row in rows:
                self._blame(row, length, epoch, error)
            raise

    def _batch_of(self, rows: Sequence[int], length: int, epoch: int) -> Batch:
        columns = self.read_rows(rows)
        batch = self._layout(columns, length)
        batch |= self._mask(columns, batch["input_ids"], rows, epoch)
        return batch

    def _blame(self, row: int, length: int, epoch: int, error: Exception) -> None:
        """Raises DataError: that row alone cannot be read either, so its shard is broken."""
        try:
            self._batch_of([row], length, epoch)
        except (DataError, LookupError, ValueError):
            path = self.folder / "shards" / self.index.shards[self._shard_of(row)].file
            raise DataError(f"{path}: not what was prepared ({error}); copy or prepare it again") from None

    def _shard_of(self, row: int) -> int:
        return int(np.searchsorted(self._first_rows, row, side="right")) - 1

    def read_rows(self, rows: Sequence[int]) -> list[dict[str, np.ndarray]]:
        """The stored features of some rows, unmasked; see `kerasbert.tf.records`."""
        examples = []
        for row in rows:
            shard = self._shard_of(row)
            places, content = self._open(shard)
            begin, end, _ = places[row - self._first_rows[shard]]
            examples.append(content[begin:end])
        columns = decode(examples)
        return [
            {name: values[bounds[i] : bounds[i + 1]] for name, (values, bounds) in columns.items()}
            for i in range(len(examples))
        ]

    def _layout(self, rows: Sequence[dict], length: int) -> Batch:
        """Unmasked batch: tokens and where they belong."""
        packed, pairs = self.settings["packed"], self.settings["mode"] != "mlm"
        most = max(shard.most for shard in self.index.shards) if packed else 1
        size = len(rows)
        batch = {"input_ids": np.full((size, length), self.pad_id, dtype=np.int32)}
        names = ["attention_mask", "token_type_ids", *(["instance_ids", "position_ids"] if packed else [])]
        batch |= {name: np.zeros((size, length), dtype=np.int32) for name in names}
        if pairs:
            batch["nsp_label"] = np.zeros((size, most), dtype=np.int32)
            batch["cls_positions"] = np.zeros((size, most), dtype=np.int32)
            batch["nsp_weights"] = np.zeros((size, most), dtype=np.float32)
        for number, row in enumerate(rows):
            ids, lengths = row["input_ids"], row["lengths"]
            tokens, ends = len(ids), np.cumsum(lengths)
            if not 0 <= ids.min() <= ids.max() < self.index.vocab_size or ends[-1] != tokens:
                raise DataError(f"a row of {tokens} tokens with ids from {ids.min()} to {ids.max()}")
            begins = ends - lengths
            place = np.arange(tokens) - np.repeat(begins, lengths)
            batch["input_ids"][number, :tokens] = ids
            batch["attention_mask"][number, :tokens] = 1
            if pairs:
                batch["token_type_ids"][number, :tokens] = place >= np.repeat(row["first_lengths"], lengths)
                batch["nsp_label"][number, : len(lengths)] = row["nsp_label"]
                batch["cls_positions"][number, : len(lengths)] = begins
                batch["nsp_weights"][number, : len(lengths)] = 1.0
            if packed:
                batch["instance_ids"][number, :tokens] = np.repeat(np.arange(1, len(lengths) + 1), lengths)
                batch["position_ids"][number, :tokens] = place
        if pairs and not packed:
            del batch["cls_positions"], batch["nsp_weights"]
            batch["nsp_label"] = batch["nsp_label"][:, 0]
        return batch

    def _mask(self, rows: Sequence[dict], input_ids: np.ndarray, numbers: Sequence[int], epoch: int) -> dict:
        """Masks `input_ids` in place, and says where and what stood there."""
        slots = int(self.masking.rate * input_ids.shape[1]) + 1
        positions = np.zeros((len(rows), slots), dtype=np.int32)
        ids = np.zeros_like(positions)
        weights = np.zeros(positions.shape, dtype=np.float32)
        for i, (row, number) in enumerate(zip(rows, numbers, strict=True)):
            key = key_of(self.seed, _MASKS, epoch, int(number))
            where, replacements = mask_row(
                row["input_ids"],
                key=key,
                masking=self.masking,
                vocabulary=self.vocabulary,
                word_starts=row.get("word_starts"),
            )
            where, replacements = where[:slots], replacements[:slots]  # a whole word may be longer than all slots
            positions[i, : len(where)] = where
            ids[i, : len(where)] = row["input_ids"][where]
            weights[i, : len(where)] = 1.0
            input_ids[i, where] = replacements
        return {"mlm_positions": positions, "mlm_ids": ids, "mlm_weights": weights}


class PlainData(PretrainingData):
    """The same rows as they are: no word is masked, and the batches have no `mlm_...`."""

    def _mask(self, rows: Sequence[dict], input_ids: np.ndarray, numbers: Sequence[int], epoch: int) -> dict:
        return {}
