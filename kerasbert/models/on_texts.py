"""Keras's `fit`, `evaluate` and `predict` on texts as on arrays, for every task."""

import os
from collections.abc import Mapping, Sequence
from types import GeneratorType

import keras
import numpy as np

from kerasbert.errors import ConfigError, DataError
from kerasbert.examples.readers import read_examples
from kerasbert.models.whole_texts import ROUND_TO, judged, one_length, predicted
from kerasbert.tasks.amounts import BATCH_SIZE, batching_of, check_batch_size, check_share
from kerasbert.tasks.batches import Lesson
from kerasbert.tasks.columns import (
    check_batch,
    check_columns,
    check_indices,
    check_readable,
    examples_of,
    is_dataset,
    is_texts,
    split,
)
from kerasbert.tasks.lessons import class_weights, lessons_of
from kerasbert.tasks.remarks import count_cut, tell_windows, warn_cut
from kerasbert.tasks.task import Example, labels_of


class OnTexts:
    """A mixin for the tasks' models, listed before `keras.Model`.

    ```python
    model.fit(["a lovely film", "two lost hours"], ["positive", "negative"], epochs=3)
    model.evaluate(texts, labels)                     # what Keras's `evaluate` returns
    model.predict(texts)                              # the model's outputs, such as logits
    ```

    `x` is one of these. Anything else, such as arrays of ids or a data set of them, goes to Keras as it is.

    - Texts: a list or tuple of strings, a NumPy array (texts,) or (texts, 1), a column of a DataFrame.
    - Pairs of texts: a tuple `(texts, second_texts)`, an array (pairs, 2), a list of tuples, or a list of lists unless
      the task takes lists of words.
    - Of other tasks with several fields the same: `(questions, contexts)`, or `(prompts, choices)` where each element
      of `choices` is a list of texts.
    - A dict of columns by field name, such as `{"text": ..., "text_pair": ...}`.
    - A list of `kerasbert.tasks.task.Example`, with their right answers.
    - A DataFrame with the usual names of columns. Without `y`, its column of right answers is used.
    - A `tf.data.Dataset` of texts, of `(x, y)` or of `(x, y, sample_weight)`, where `x` is a tensor of strings, or a
      tuple or dict of these. It is tokenised as it is read. If it has no batches, batches are made.

    `y` has one value per text: the name or the index of a label, or a row of 0 with a 1 in its place; a list of names,
    or an array of 0 and 1, where a text can have several labels; a number for regression. For a task without right
    answers of its own, such as sentence embedding, it is an array, or a dict of arrays by output name. Without `y`, the
    model gets no targets.
    """

    def fit(
        self,
        x=None,
        y=None,
        batch_size=None,
        epochs=1,
        verbose="auto",
        callbacks=None,
        validation_split=0.0,
        validation_data=None,
        shuffle=None,
        class_weight=None,
        sample_weight=None,
        **options,
    ):
        """Trains on texts or on arrays.

        Args:
            x, y: see the class.
            batch_size: texts per batch. None: batches as `dataset` makes them, which also takes `batch_tokens`.
            validation_split: share of the texts that is held out: the last ones, before shuffling.
            validation_data: `(x, y)`, `(x, y, sample_weight)`, a DataFrame, a list of examples or a data set.
            shuffle: whether texts are shuffled anew in each epoch, by NumPy's global generator, which
                `keras.utils.set_random_seed` sets. Texts of similar length share a batch. None: yes, except for a
                `tf.data.Dataset` or a generator, which Keras cannot shuffle.
            class_weight: a dict of weights of labels in the loss, by index or by name: finite numbers from 0.
            sample_weight: one weight per text, a finite number from 0.
            epochs, verbose, callbacks, options: the arguments of `keras.Model.fit` of these names.

        Returns:
            Keras's `History`.

        Raises:
            DataError: a value of `y` is no right answer, one of `sample_weight` no weight, or columns differ in
                length. The message names the place.
            TokenizerError: a text is not a string, or `x` is nothing that is read.
            ConfigError: an argument is not allowed, or the model has no tokenizer.
        """
        self._check_batch_size(batch_size)
        check_batch_size(options.get("validation_batch_size"), "validation_batch_size")
        check_share(validation_split)
        if validation_split and validation_data is None and self._reads(x):
            if is_dataset(x):
                raise ConfigError(
                    f"validation_split is {validation_split}: a data set is not cut; give validation_data"
                )
            x, validation_data = split(self._examples(x, y, sample_weight), validation_split)
            y = sample_weight = None
        validation_data = self._held_out(validation_data, options.get("validation_batch_size") or batch_size)
        shuffle = not (is_dataset(x) or isinstance(x, GeneratorType)) if shuffle is None else shuffle
        if self._reads(x):
            x, y, sample_weight = self._for_keras(
                x, y, sample_weight, batch_size=batch_size, shuffle=shuffle, class_weight=class_weight
            )
            class_weight, shuffle, validation_split = None, False, 0.0
        else:
            check_indices(y)
            class_weight = self._by_index(class_weight)
        return super().fit(
            self._from_generator(x),
            y,
            batch_size=batch_size,
            epochs=epochs,
            verbose=verbose,
            callbacks=callbacks,
            validation_split=validation_split,
            validation_data=validation_data,
            shuffle=shuffle,
            class_weight=class_weight,
            sample_weight=sample_weight,
            **options,
        )

    def _held_out(self, data, batch_size: int | None):
        """The validation data of `fit` as Keras takes it."""
        if data is None:
            return None
        alone = isinstance(data, list) and all(isinstance(x, str | Example) for x in data[:1])
        held_out = keras.utils.unpack_x_y_sample_weight((data,) if alone else data)
        return keras.utils.pack_x_y_sample_weight(*self._for_keras(*held_out, batch_size=batch_size))

    def evaluate(self, x=None, y=None, batch_size=None, verbose="auto", sample_weight=None, **options):
        """Computes loss and metrics of texts or arrays, and returns them as `keras.Model.evaluate` does.

        A text of several windows is judged by the average of their outputs, if the task averages them. In a data set
        and in the validation data of `fit`, each window is judged, with its share of the tokens as weight.

        Args:
            x, y, sample_weight: as in `fit`.
            batch_size, verbose, options: the arguments of `keras.Model.evaluate`, such as `return_dict`.
        """
        self._check_batch_size(batch_size)
        if self.task.averages and self._reads(x) and not is_dataset(x):
            x, y, sample_weight = self._examples([x] if isinstance(x, str) else x, y, sample_weight), None, None
            found = judged(self, x, batch_size=batch_size, verbose=verbose)
            if found is not None:
                values = list(found.values())
                return found if options.get("return_dict") else values if len(values) > 1 else values[0]
        x, y, sample_weight = self._for_keras(x, y, sample_weight, batch_size=batch_size)
        return super().evaluate(self._from_generator(x), y, batch_size, verbose, sample_weight, **options)

    def predict(self, x, batch_size=None, verbose="auto", steps=None, callbacks=None):
        """Computes the model's outputs for texts or arrays, and returns them as `keras.Model.predict` does.

        Returns:
            An array, or a dict of arrays if the model has several outputs, float32 with the rows on axis 0, in the
            order of the texts. An output with one vector per token is (rows, tokens, width). Behind a row's own tokens
            its vectors have no meaning; `predict_outputs` returns them without these. Texts are padded to the longest
            of them, those of a `tf.data.Dataset` to `max_length`, since the longest is not known. If the task makes
            several rows of a long text, their outputs are averaged where the task does so, and else follow each other.
        """
        check_batch_size(batch_size)
        options = {"verbose": verbose, "steps": steps, "callbacks": callbacks}
        if not self._reads(x):
            return super().predict(self._from_generator(x), batch_size, **options)
        if is_dataset(x) and not self.task.averages:
            return super().predict(self._mapped(x, batch_size=batch_size, labelled=False), **options)
        return predicted(self, super().predict, x, batch_size=batch_size or BATCH_SIZE, **options)

    def dataset(
        self,
        x,
        y=None,
        *,
        sample_weight=None,
        class_weight: Mapping | None = None,
        batch_size: int | None = None,
        batch_tokens: int | None = None,
        shuffle: bool = True,
        seed: int = 0,
        **columns,
    ):
        """Makes batches for `fit` and `evaluate`.

        Args:
            x: a labelled file (see `kerasbert.examples.readers.read_examples`), or texts as `fit` takes them: lists, a
                DataFrame, a `tf.data.Dataset` of strings.
            y, sample_weight, class_weight: as in `fit`. A file and a data set have right answers of their own.
            batch_size: rows per batch. None: 32, or the task's `usual_batch_tokens`.
            batch_tokens: tokens per batch in place of rows, with padding; those of source and target count together. A
                `tf.data.Dataset` has batches of rows.
            shuffle: whether rows are shuffled anew in each epoch, from `seed`. Rows of similar length share a batch. A
                `tf.data.Dataset` keeps its order.
            seed: seed for shuffling.
            columns: names of columns in the file or the DataFrame, such as `text_column`, `pair_column` and
                `label_column`.

        Returns:
            A tf.data.Dataset of (inputs, targets), of (inputs, targets, weights) or, without right answers, (inputs,).

        Raises:
            DataError: a row cannot be used, or has a label that the model does not know; the message names its place.
            ConfigError: an argument does not go with this kind of `x`.
        """
        batching = batching_of(self.task.usual_batch_tokens, batch_size, batch_tokens)
        known = [f"{each.option}_column" for each in self.task.to_train().fields] + ["label_column"] * bool(
            self.task.truths
        )
        unknown = next((name for name in columns if name not in known), None)
        if unknown is not None:
            raise ConfigError(f"{unknown}: dataset takes no such argument; columns are named by {', '.join(known)}")
        named = {name.removesuffix("_column"): column for name, column in columns.items()}
        given = y is not None or sample_weight is not None
        check_columns(x, named)
        if is_dataset(x):
            if given:
                raise ConfigError("the data set's elements hold y and sample_weight: (x, y) or (x, y, sample_weight)")
            if batch_tokens is not None:
                raise ConfigError(f"batch_tokens is {batch_tokens}: a data set has batches of rows; give batch_size")
            return self._mapped(x, batch_size=batch_size, class_weight=class_weight)
        if isinstance(x, str | os.PathLike):
            if given:
                raise ConfigError(f"{x}: the right answers of a file are in its column; leave y and sample_weight out")
            examples = read_examples(x, self.task, columns=named)
        else:
            examples = self._examples(x, y, sample_weight, columns=named)
        return self.dataset_of(examples, **batching, seed=seed if shuffle else None, class_weight=class_weight)

    def dataset_of(
        self,
        examples: Sequence[Example],
        *,
        batch_size: int | None = None,
        batch_tokens: int | None = None,
        seed: int | None = None,
        class_weight: Mapping | None = None,
    ):
        """Makes batches of examples for `fit` and `evaluate`, shuffled anew in each epoch if there is a seed."""
        batching = batching_of(self.task.usual_batch_tokens, batch_size, batch_tokens)
        return self.batches_of(self.lessons_of(examples, class_weight), **batching, seed=seed)

    @property
    def padded_length(self) -> int:
        """The lengths of training batches are rounded up, but not beyond this number of tokens."""
        return self.max_length

    def lessons_of(self, examples: Sequence[Example], class_weight: Mapping | None = None) -> list[list[Lesson]]:
        """Makes the rows of examples with their right answers, see `kerasbert.tasks.lessons.lessons_of`."""
        if not examples:
            raise DataError("there are no examples to learn from or to judge")
        lessons = self._lessons(examples, class_weight)
        if not lessons:
            raise DataError(f"{examples[0].path or 'the examples'}: no text has a token to learn or to judge")
        rows = [each.row for group in lessons for each in group]
        warn_cut(self.task, examples, count_cut(rows), self.settings)
        if self.task.averages:
            tell_windows(self.task, examples, rows, self.settings)
        return lessons

    def batches_of(
        self,
        lessons: Sequence[Sequence[Lesson]],
        *,
        batch_size: int | None = None,
        batch_tokens: int | None = None,
        seed: int | None = None,
        start: int | None = None,
    ):
        """Makes batches of lessons, of rows or of tokens, see `kerasbert.tf.datasets.make_dataset`."""
        from kerasbert.tf.datasets import make_dataset

        return make_dataset(
            lessons,
            graph=self.training_graph(),
            batch_size=batch_size,
            batch_tokens=batch_tokens,
            max_length=self.padded_length,
            round_to=ROUND_TO,
            seed=seed,
            start=start,
            apart=self.task.apart,
        )

    def train_on_batch(self, x, y=None, sample_weight=None, class_weight=None, return_dict=False):
        """Takes one step on texts or arrays, which are one batch, as `keras.Model.train_on_batch` does.

        Args:
            x, y, sample_weight, class_weight: as in `fit`.
        """
        batch = self._batch(x, y, sample_weight, class_weight)
        return super().train_on_batch(*batch, return_dict=return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict=False):
        """Computes loss and metrics of one batch of texts or arrays, as `keras.Model.test_on_batch` does."""
        x, y, sample_weight, _ = self._batch(x, y, sample_weight)
        return super().test_on_batch(x, y, sample_weight, return_dict=return_dict)

    def predict_on_batch(self, x):
        """Computes the outputs of one batch of texts or arrays, as `keras.Model.predict_on_batch` does."""
        if (self.task.averages or self.task.training_fields) and self._reads(x):
            return self.predict(x, verbose=0)  # a text may be several rows, or is other than the texts of `fit`
        return super().predict_on_batch(self._batch(x)[0])

    def _batch(self, x, y=None, sample_weight=None, class_weight=None) -> tuple:
        """x, y and the weights as Keras takes them: texts become one batch of ids."""
        if not self._reads(x):
            return x, y, sample_weight, self._by_index(class_weight)
        every = np.iinfo(np.int32).max
        data, *_ = self._for_keras(x, y, sample_weight, batch_size=every, class_weight=class_weight)
        x, y, sample_weight = keras.utils.unpack_x_y_sample_weight(
            keras.tree.map_structure(np.asarray, next(iter(data)))
        )
        return x, y, sample_weight, None

    def _by_index(self, class_weight: Mapping | None) -> dict | None:
        """Weights of labels as Keras takes them."""
        if class_weight is None:
            return None
        return dict(enumerate(class_weights(class_weight, labels_of(self.settings), self.training_graph()).tolist()))

    def _check_batch_size(self, batch_size) -> None:
        check_batch_size(batch_size, fields=[each.name for each in self.task.to_train().fields])

    def _reads(self, x) -> bool:
        """Whether these are texts; raises TokenizerError for what Keras cannot read either."""
        if is_texts(x, self.input):
            return True
        check_readable(x, self.input)
        return False

    def _from_generator(self, x):
        """A generator whose batches are checked as they come; other data as they are."""
        if not isinstance(x, GeneratorType):
            return x

        def batches():
            for batch in x:
                check_batch(batch, self.input)
                yield batch

        return batches()

    def _for_keras(self, x, y=None, sample_weight=None, *, batch_size=None, shuffle=False, class_weight=None) -> tuple:
        """x, y and weights as Keras takes them: texts become a data set."""
        if not self._reads(x):
            check_indices(y)
            return x, y, sample_weight
        data = self.dataset(
            [x] if isinstance(x, str) else x,
            y,
            sample_weight=sample_weight,
            class_weight=class_weight,
            batch_size=batch_size,
            shuffle=shuffle,
            seed=int(np.random.randint(2**31)) if shuffle else 0,
        )
        return data, None, None

    def _examples(
        self, x, y=None, sample_weight=None, *, columns: Mapping | None = None, labelled: bool = True
    ) -> list[Example]:
        task = self.task.to_train() if labelled else self.task
        return examples_of(task, self.settings, self.training_graph(), x, y, sample_weight, columns=columns)

    def _lessons(
        self, examples: Sequence[Example], class_weight: Mapping | None = None, *, weighted: bool = False
    ) -> list[list[Lesson]]:
        return lessons_of(
            self.task,
            self._own_tokenizer(),
            examples,
            self.settings,
            graph=self.training_graph(),
            class_weight=class_weight,
            weighted=weighted,
        )

    def _mapped(self, data, *, batch_size: int | None = None, labelled: bool = True, class_weight=None):
        """A data set of texts as one of ids."""
        from kerasbert.tf.datasets import in_batches, map_texts

        data = in_batches(data, batch_size or BATCH_SIZE)

        def groups(x, y, sample_weight) -> list[list[Lesson]]:
            examples = self._examples(x, *((y, sample_weight) if labelled else ()), labelled=labelled)
            # All batches must have weights, or none: a later text may be longer than those of the first batch.
            return self._lessons(examples, class_weight, weighted=self.task.averages)

        length = ROUND_TO if labelled else one_length(self, self.max_length)
        return map_texts(data, groups, graph=self.training_graph(), round_to=length, longest=self.padded_length)
