"""How the encoder in kerasbert/presets was made, step by step; on one core it takes an hour and a quarter.

    kerasbert vocab novels/ --size 7000 --out vocab/
    kerasbert prepare novels/ --vocab vocab/ --mode mlm --documents blank-lines --max-length 128 --pack --out data/
    python make_encoder.py teach novels/ TEACHER taught/                # sentences, and the teacher's vectors of them
    python make_encoder.py start vocab/ TEACHER start/                  # the teacher's first blocks, our words
    python make_encoder.py train start/ data/ taught/ trained/          # masked words and the teacher's vectors at once
    python make_encoder.py finish trained/ preset/                      # eight bits, and what a user's folder needs
    python make_encoder.py score trained/ data-held-out/                # loss of masked words beside the unigrams'
    python make_encoder.py evaluate preset/ sentiment/                  # fine-tuned, beside the same from scratch

TEACHER is a folder with a sentence encoder of BERT's family that averages its tokens: all-MiniLM-L6-v2 here.
"""

import argparse
import json
import random
import shutil
import time
from dataclasses import replace
from pathlib import Path

import keras
import ml_dtypes
import numpy as np
import tensorflow as tf
from keras import ops
from safetensors.numpy import load_file, save_file

import kerasbert as kb
from kerasbert import tokenizers
from kerasbert.corpus.batches import PretrainingData
from kerasbert.layers.heads import MeanPooling
from kerasbert.tasks.sentences import split_by_icu
from kerasbert.training.optimizers import adamw
from kerasbert.training.trainer import SummedLossTrainer

BLOCKS = 4
DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")
WORDS = (5, 32)  # of a sentence to be taught
TAUGHT = 64  # tokens that a sentence is cut to
REACHED, POSITIONS = 128, 512  # positions of the data, of the encoder
WORD_WEIGHT, SENTENCE_WEIGHT = 10.0, 5.0  # of unexplained variance, of 1 - cosine, beside the nats of a masked word


def teach(novels: Path, teacher: Path, out: Path, count: int) -> None:
    """Chooses sentences at random, each once; writes the teacher's vectors of their words, and their unit means.

    words.npy: float16 (words of all sentences, width), the mean over the pieces of each word; offsets.npy: where each
    sentence begins in it; vectors.npy: float16 (sentences, width).
    """
    found = set()
    for path in sorted(novels.glob("*.txt")):
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        sentences = (" ".join(sentence.split()) for sentence in split_by_icu([text], wrapped=True)[0])
        found.update(sentence for sentence in sentences if WORDS[0] <= len(sentence.split()) <= WORDS[1])
    chosen = sorted(found)
    random.Random(0).shuffle(chosen)
    chosen = chosen[:count]
    out.mkdir(parents=True)
    (out / "sentences.txt").write_text("\n".join(chosen), encoding="utf-8")

    encoder = kb.BertEncoder.from_pretrained(teacher)
    rows = encoder.tokenizer.encode(chosen, max_length=TAUGHT)
    offsets = np.cumsum([0, *(max(word for word in row.word_ids if word is not None) + 1 for row in rows)])
    width = encoder.config.hidden_size
    words = np.lib.format.open_memmap(out / "words.npy", "w+", "float16", (int(offsets[-1]), width))
    vectors = np.zeros((len(chosen), width), np.float16)
    by_length = sorted(range(len(chosen)), key=lambda number: len(rows[number]))
    for begin in range(0, len(chosen), 64):
        numbers = by_length[begin : begin + 64]
        ids, mask = padded(rows, numbers)
        output = encoder({"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)})
        for number, hidden in zip(numbers, ops.convert_to_numpy(output["sequence_output"]), strict=True):
            of_word = words[offsets[number] : offsets[number + 1]]
            places, word, share = word_places(rows[number])
            sums = np.zeros(of_word.shape, "float32")
            np.add.at(sums, word, hidden[places] * share[:, None])
            of_word[:] = sums
            mean = hidden[: len(rows[number])].mean(0)
            vectors[number] = mean / np.linalg.norm(mean)
    np.save(out / "offsets.npy", offsets)
    np.save(out / "vectors.npy", vectors)


def padded(rows, numbers) -> tuple[np.ndarray, np.ndarray]:
    """Ids and mask of some rows, int32, as long as the longest, rounded up to 4."""
    longest = max(len(rows[number]) for number in numbers)
    ids = np.zeros((len(numbers), -(-longest // 4) * 4), np.int32)
    for place, number in enumerate(numbers):
        ids[place, : len(rows[number])] = rows[number].ids
    return ids, (ids != 0).astype("int32")


def word_places(row) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of each piece of a word: its place in the row, the word's number, its share of the word."""
    numbers = np.array([-1 if word is None else word for word in row.word_ids])
    places = np.flatnonzero(numbers >= 0)
    return places, numbers[places], 1 / np.bincount(numbers[places])[numbers[places]]


def start(vocab: Path, teacher: Path, out: Path) -> None:
    """The teacher's first blocks, and its word table in our words."""
    tokenizer, theirs = tokenizers.load(vocab), kb.BertEncoder.from_pretrained(teacher)
    config = replace(
        theirs.config,
        vocab_size=tokenizer.vocab_size,
        num_hidden_layers=BLOCKS,
        max_position_embeddings=REACHED,
        **dict.fromkeys(DROPOUTS, 0.0),
    )
    model = kb.PretrainingModel(kb.BertEncoder(config, pooler=False, tokenizer=tokenizer))
    ours, table = model.encoder.embeddings, ops.convert_to_numpy(theirs.embeddings.word_table)
    ids = {token: number for number, token in enumerate(theirs.tokenizer.vocabulary)}
    ours.word_table.assign(np.stack([table[pieces_of(token, ids)].mean(0) for token in tokenizer.vocabulary]))
    ours.position_table.assign(ops.convert_to_numpy(theirs.embeddings.position_table)[:REACHED])
    ours.type_table.assign(theirs.embeddings.type_table)
    copied = [(theirs.embeddings.norm, ours.norm), *zip(theirs.blocks, model.encoder.blocks, strict=False)]
    for source, target in copied:
        target.set_weights(source.get_weights())
    model.save_pretrained(out)


def pieces_of(token: str, ids: dict[str, int]) -> list[int]:
    """The longest pieces, from the left, that another vocabulary has of a token; [UNK] for what it has none of."""
    if token in ids:
        return [ids[token]]
    go_on, rest = ("##", token[2:]) if token.startswith("##") else ("", token)
    found = []
    while rest:
        for end in range(len(rest), 0, -1):
            if go_on + rest[:end] in ids:
                break
        found.append(ids.get(go_on + rest[:end], ids["[UNK]"]))
        go_on, rest = "##", rest[end:]
    return found


class Pupil(SummedLossTrainer, keras.Model):
    """A `PretrainingModel` that also learns a teacher's vectors, of words and of whole sentences.

    Batches are those of `PretrainingData` and, of other texts, `sentence_ids`, `sentence_mask`, `sentence_vectors`,
    `word_vectors` (each piece has its word's) and `word_weights` (its share of the word).
    """

    tasks = ("mlm", "words", "sentences")

    def __init__(self, pretraining: kb.PretrainingModel, variance: float):
        super().__init__()
        self.pretraining, self.variance = pretraining, variance
        self.pool = MeanPooling()
        self.built = True

    def weights_of(self, batch):
        return {
            **self.pretraining.weights_of(batch),
            "words": ops.sum(batch["word_weights"]),
            "sentences": ops.cast(ops.shape(batch["sentence_ids"])[0], "float32"),
        }

    def sums_of(self, batch, training=None):
        """The "accuracy" of words is the share of the teacher's variance that is explained, of sentences the cosine."""
        ids, mask = batch["sentence_ids"], batch["sentence_mask"]
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": ops.zeros_like(ids)}
        output = self.pretraining.encoder(inputs, training=training)["sequence_output"]
        weights = self.weights_of(batch)
        error = ops.sum(ops.square(output - batch["word_vectors"]), axis=-1) / self.variance
        missed = ops.sum(error * batch["word_weights"])
        cosine = ops.sum(ops.normalize(self.pool(output, mask)) * batch["sentence_vectors"])
        return {
            **self.pretraining.sums_of(batch, training),
            "words": {"loss": WORD_WEIGHT * missed, "accuracy": weights["words"] - missed},
            "sentences": {"loss": SENTENCE_WEIGHT * (weights["sentences"] - cosine), "accuracy": cosine},
        }


def taught_batches(folder: Path, tokenizer, size: int, seed: int = 0):
    """Batches of sentences of about one length and their vectors, epoch after epoch."""
    texts = (folder / "sentences.txt").read_text(encoding="utf-8").split("\n")
    words, offsets = np.load(folder / "words.npy", mmap_mode="r"), np.load(folder / "offsets.npy")
    vectors = np.load(folder / "vectors.npy")
    rows = tokenizer.encode(texts, max_length=TAUGHT)
    draw = np.random.default_rng(seed)
    while True:
        order = draw.permutation(len(texts))
        groups = [
            sorted(group, key=lambda row: len(rows[row]))
            for group in np.array_split(order, len(order) // (64 * size) + 1)
        ]
        batches = [group[begin : begin + size] for group in groups for begin in range(0, len(group) - size + 1, size)]
        for number in draw.permutation(len(batches)):
            chosen = batches[number]
            ids, mask = padded(rows, chosen)
            of_words = np.zeros((*ids.shape, words.shape[1]), np.float32)
            shares = np.zeros(ids.shape, np.float32)
            for place, row in enumerate(chosen):
                places, word, share = word_places(rows[row])
                of_words[place, places] = words[offsets[row] : offsets[row + 1]][word]
                shares[place, places] = share
            yield {
                "sentence_ids": ids,
                "sentence_mask": mask,
                "word_vectors": of_words,
                "word_weights": shares,
                "sentence_vectors": vectors[chosen].astype("float32"),
            }


def train(begin: Path, data: Path, taught: Path, out: Path, steps: int, rate: float, rows: int, sentences: int) -> None:
    keras.utils.set_random_seed(0)
    model = kb.PretrainingModel.from_pretrained(begin)
    masked = PretrainingData(data, batch_size=rows, tokenizer=model.tokenizer)
    lessons = taught_batches(taught, model.tokenizer, sentences)
    both = ({**batch, **lesson} for batch, lesson in zip(masked.batches(), lessons, strict=False))
    first = next(both)
    open_lengths = ("sentence_ids", "sentence_mask", "word_vectors", "word_weights")
    shapes = {
        name: tf.TensorSpec((x.shape[0], None, *x.shape[2:]) if name in open_lengths else x.shape, x.dtype)
        for name, x in first.items()
    }
    dataset = tf.data.Dataset.from_generator(lambda: both, output_signature=shapes).prefetch(2)
    some = np.load(taught / "words.npy", mmap_mode="r")[:100_000].astype("float32")
    pupil = Pupil(model, float(some.var(axis=0).sum()))
    pupil.compile(adamw(learning_rate=rate, steps=steps, warmup=0.03, beta_2=0.98, epsilon=1e-6))
    log = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: report(epoch, logs))
    pupil.fit(dataset, steps_per_epoch=max(steps // 20, 1), epochs=min(20, steps), verbose=0, callbacks=[log])
    model.save_pretrained(out)


def report(epoch: int, logs: dict) -> None:
    figures = {name: round(float(value), 3) for name, value in logs.items()}
    print(f"{epoch + 1}/20 {time.process_time():.0f} CPU-seconds {figures}", flush=True)


def finish(trained: Path, out: Path) -> None:
    """Matrices in eight bits, the rest in float16; positions that no row reached repeat those that were, and dropout is
    what fine-tuning expects."""
    shutil.copytree(trained, out)
    tensors = load_file(out / "model.safetensors")
    name = "bert.embeddings.position_embeddings.weight"
    tensors[name] = np.resize(tensors[name], (POSITIONS, tensors[name].shape[1]))
    types = {1: np.float16, 2: ml_dtypes.float8_e4m3fn}
    tensors = {name: values.astype(types[values.ndim]) for name, values in tensors.items()}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    settings = json.loads((out / "config.json").read_text(encoding="utf-8"))
    settings |= {**dict.fromkeys(DROPOUTS, 0.1), "max_position_embeddings": POSITIONS, "kerasbert": {"pooling": "mean"}}
    (out / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def score(trained: Path, data: Path, batches: int) -> None:
    """The loss of masked words in books that were held out, and the entropy of their tokens as unigrams."""
    model = kb.PretrainingModel.from_pretrained(trained)
    words = PretrainingData(data, batch_size=32, tokenizer=model.tokenizer)
    model.compile()
    figures = model.evaluate(words.dataset(), steps=batches, verbose=0, return_dict=True)
    tokens = np.concatenate([row["input_ids"] for row in words.read_rows(range(words.rows))])
    special = [words.tokenizer.id_of(role) for role in words.tokenizer.special]
    shares = np.bincount(tokens[~np.isin(tokens, special)]) / len(tokens[~np.isin(tokens, special)])
    print(f"{figures} unigrams {-(shares * np.log(np.maximum(shares, 1e-12))).sum():.3f}")


def evaluate(preset: Path, sentiment: Path, seeds: int, epochs: int, rate: float, scratch: bool) -> None:
    """Accuracy on the dev and test files after fine-tuning, with the preset's weights or with new ones."""
    labels = ["negative", "positive"]
    for seed in range(seeds):
        keras.utils.set_random_seed(seed)
        model = kb.TextClassifier.from_pretrained(preset, labels=labels, max_length=64)
        if scratch:
            fresh = kb.BertEncoder(model.config, pooler=False, tokenizer=model.tokenizer)
            model = kb.TextClassifier(fresh, labels=labels, pooling=model.settings.pooling, max_length=64)
        data = model.dataset(sentiment / "train.csv", batch_size=32, seed=seed)
        held_out = [model.dataset(sentiment / f"{name}.csv", batch_size=64, shuffle=False) for name in ("dev", "test")]
        model.compile(adamw(learning_rate=rate, steps=len(data) * epochs, warmup=0.1))
        history = model.fit(data, epochs=epochs, validation_data=held_out[0], shuffle=False, verbose=0).history
        dev, test = (model.evaluate(rows, verbose=0, return_dict=True)["accuracy"] for rows in held_out)
        by_epoch = [round(accuracy, 3) for accuracy in history["val_accuracy"]]
        print(
            f"{'scratch' if scratch else 'ours'} rate {rate} seed {seed}: dev {by_epoch} {dev:.4f} test {test:.4f}, "
            f"train {history['accuracy'][-1]:.3f}, {time.process_time():.0f} CPU-seconds",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    for function, paths, numbers in (
        (teach, "novels teacher out", {"count": 90112}),
        (start, "vocab teacher out", {}),
        (train, "begin data taught out", {"steps": 1300, "rate": 5e-4, "rows": 8, "sentences": 48}),
        (finish, "trained out", {}),
        (score, "trained data", {"batches": 100}),
        (evaluate, "preset sentiment", {"seeds": 3, "epochs": 3, "rate": 1e-4}),
    ):
        step = steps.add_parser(function.__name__)
        for name in paths.split():
            step.add_argument(name, type=Path)
        for name, default in numbers.items():
            step.add_argument(f"--{name}", type=type(default), default=default)
        if function is evaluate:
            step.add_argument("--scratch", action="store_true")
        step.set_defaults(run=function)
    options = vars(parser.parse_args())
    options.pop("run")(**options)


if __name__ == "__main__":
    for threads in (
        tf.config.threading.set_intra_op_parallelism_threads,
        tf.config.threading.set_inter_op_parallelism_threads,
    ):
        threads(1)
    main()
