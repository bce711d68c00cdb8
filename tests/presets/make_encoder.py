"""How the encoder in kerasbert/presets was made, step by step; on one core it takes an hour and a half.

    kerasbert vocab novels/ --size 8000 --out vocab/
    kerasbert prepare novels/ --tokenizer vocab/ --out data/ --documents blank-lines --max-length 128 --packed
    python make_encoder.py teach novels/ TEACHER taught/                # sentences, and the teacher's vectors of them
    python make_encoder.py start vocab/ TEACHER start/                  # new blocks under the teacher's word table
    python make_encoder.py train start/ data/ taught/ trained/          # masked words and the teacher's vectors at once
    python make_encoder.py finish trained/ preset/                      # float16, and what a user's folder needs
    python make_encoder.py score trained/ data-held-out/                # loss of masked words beside the unigrams'
    python make_encoder.py evaluate preset/ sentiment/                  # fine-tuned, beside the same from scratch

TEACHER is a folder with a sentence encoder of BERT's family that averages its tokens: all-MiniLM-L6-v2 here.
"""

import argparse
import json
import random
import shutil
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from keras import ops
from safetensors.numpy import load_file, save_file

import kerasbert as kb
from kerasbert import tokenizers
from kerasbert.data.batches import PretrainingData
from kerasbert.data.sentences import split_by_icu
from kerasbert.layers.heads import MeanPooling
from kerasbert.training.optimizers import adamw
from kerasbert.training.trainer import SummedLossTrainer

SHAPE = {"num_hidden_layers": 2, "hidden_size": 256, "num_attention_heads": 4, "intermediate_size": 1024}
DROPOUTS = ("hidden_dropout_prob", "attention_probs_dropout_prob")
WORDS = (5, 32)  # of a sentence to be taught
REACHED = 128  # positions of the data
VECTORS_WEIGHT = 10.0  # of 1 - cosine beside the nats of a masked word


def teach(novels: Path, teacher: Path, out: Path, count: int) -> None:
    """Chooses sentences at random, each once, and writes the teacher's unit vectors of them."""
    found = set()
    for path in sorted(novels.glob("*.txt")):
        text = path.read_text(encoding="utf-8-sig", errors="replace")
        sentences = (" ".join(sentence.split()) for sentence in split_by_icu([text], wrapped=True)[0])
        found.update(sentence for sentence in sentences if WORDS[0] <= len(sentence.split()) <= WORDS[1])
    chosen = sorted(found)
    random.Random(0).shuffle(chosen)
    chosen = chosen[:count]
    encoder = kb.BertEncoder.from_pretrained(teacher)
    vectors = np.zeros((len(chosen), encoder.config.hidden_size), np.float16)
    by_length = sorted(range(len(chosen)), key=lambda number: len(chosen[number]))
    for begin in range(0, len(chosen), 32):
        numbers = by_length[begin : begin + 32]
        vectors[numbers] = sentence_vectors(encoder, [chosen[number] for number in numbers])
    out.mkdir(parents=True)
    (out / "sentences.txt").write_text("\n".join(chosen), encoding="utf-8")
    np.save(out / "vectors.npy", vectors)


def sentence_vectors(encoder, texts: list[str]) -> np.ndarray:
    """Means over the tokens, of length 1: (texts, hidden_size)."""
    batch = encoder.tokenizer(texts)
    output = encoder(batch)["sequence_output"]
    return ops.convert_to_numpy(ops.normalize(MeanPooling()(output, batch["attention_mask"])))


def start(vocab: Path, teacher: Path, out: Path) -> None:
    """New blocks; the word table is the teacher's, in our words and in as many of its main directions as we have."""
    keras.utils.set_random_seed(0)
    tokenizer = tokenizers.load(vocab)
    config = kb.BertConfig(vocab_size=tokenizer.vocab_size, **SHAPE, **dict.fromkeys(DROPOUTS, 0.0))
    model = kb.PretrainingModel(kb.BertEncoder(config, pooler=False, tokenizer=tokenizer))
    theirs = kb.BertEncoder.from_pretrained(teacher)
    table = ops.convert_to_numpy(theirs.embeddings.word_table)
    ids = {token: number for number, token in enumerate(theirs.tokenizer.vocabulary)}
    rows = np.stack([table[pieces_of(token, ids)].mean(0) for token in tokenizer.vocabulary])
    rows -= rows.mean(0)
    _, directions = np.linalg.eigh(rows.T @ rows)  # from the least to the most
    rows = rows @ directions[:, -config.hidden_size :]
    model.encoder.embeddings.word_table.assign(rows * (0.05 / rows.std()))
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
    """A `PretrainingModel` that also learns sentence vectors: the mean of its own, by a linear map, is to be theirs.

    Batches are those of `PretrainingData` and, of other texts, `sentence_ids`, `sentence_mask`, `sentence_vectors`.
    """

    tasks = ("mlm", "vectors")

    def __init__(self, pretraining: kb.PretrainingModel, width: int):
        super().__init__()
        self.pretraining = pretraining
        self.pool = MeanPooling()
        self.project = keras.layers.Dense(width, use_bias=False)
        self.project.build((None, pretraining.config.hidden_size))
        self.built = True

    def weights_of(self, batch):
        return {
            **self.pretraining.weights_of(batch),
            "vectors": ops.cast(ops.shape(batch["sentence_ids"])[0], "float32"),
        }

    def sums_of(self, batch, training=None):
        ids, mask = batch["sentence_ids"], batch["sentence_mask"]
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": ops.zeros_like(ids)}
        output = self.pretraining.encoder(inputs, training=training)["sequence_output"]
        ours = ops.normalize(self.project(self.pool(output, mask)))
        theirs = batch["sentence_vectors"]
        cosine = ops.sum(ours * theirs)
        nearest = ops.argmax(ops.matmul(ours, ops.transpose(theirs)), axis=-1)
        right = ops.equal(nearest, ops.cast(ops.arange(ops.shape(ids)[0]), nearest.dtype))
        loss = VECTORS_WEIGHT * (self.weights_of(batch)["vectors"] - cosine)
        vectors = {"loss": loss, "accuracy": ops.sum(ops.cast(right, "float32"))}
        return {**self.pretraining.sums_of(batch, training), "vectors": vectors}


def taught_batches(folder: Path, tokenizer, size: int, seed: int = 0):
    """Batches of sentences of about one length and their vectors, epoch after epoch."""
    texts = (folder / "sentences.txt").read_text(encoding="utf-8").split("\n")
    vectors = np.load(folder / "vectors.npy")
    rows = tokenizer.encode(texts, max_length=64)
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
            ids = np.zeros((size, max(len(rows[row]) for row in chosen)), np.int32)
            for place, row in enumerate(chosen):
                ids[place, : len(rows[row])] = rows[row].ids
            theirs = vectors[chosen].astype("float32")
            yield {"sentence_ids": ids, "sentence_mask": (ids != 0).astype("int32"), "sentence_vectors": theirs}


def train(begin: Path, data: Path, taught: Path, out: Path, steps: int, rate: float, rows: int, sentences: int) -> None:
    keras.utils.set_random_seed(0)
    model = kb.PretrainingModel.from_pretrained(begin)
    words = PretrainingData(data, batch_size=rows, tokenizer=model.tokenizer)
    lessons = taught_batches(taught, model.tokenizer, sentences)
    both = ({**batch, **lesson} for batch, lesson in zip(words.batches(), lessons, strict=False))
    first = next(both)
    shapes = {
        name: tf.TensorSpec((x.shape[0], None) if name in ("sentence_ids", "sentence_mask") else x.shape, x.dtype)
        for name, x in first.items()
    }
    dataset = tf.data.Dataset.from_generator(lambda: both, output_signature=shapes).prefetch(2)
    pupil = Pupil(model, first["sentence_vectors"].shape[1])
    # The word table knows something already: it learns at a third of the heads' rate.
    pupil.compile(adamw(learning_rate=rate, steps=steps, warmup=0.03, beta_2=0.98, epsilon=1e-6, layer_decay=0.7))
    log = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: report(epoch, logs))
    pupil.fit(dataset, steps_per_epoch=max(steps // 20, 1), epochs=min(20, steps), verbose=0, callbacks=[log])
    model.save_pretrained(out)


def report(epoch: int, logs: dict) -> None:
    figures = {name: round(float(value), 3) for name, value in logs.items()}
    print(f"{epoch + 1}/20 {time.process_time():.0f} CPU-seconds {figures}", flush=True)


def finish(trained: Path, out: Path) -> None:
    """float16; positions that no row reached repeat those that were, and dropout is what fine-tuning expects."""
    shutil.copytree(trained, out)
    tensors = load_file(out / "model.safetensors")
    positions = tensors["bert.embeddings.position_embeddings.weight"]
    positions[REACHED:] = np.resize(positions[:REACHED], positions[REACHED:].shape)
    tensors = {name: values.astype("float16") for name, values in tensors.items()}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    settings = json.loads((out / "config.json").read_text(encoding="utf-8"))
    settings |= {**dict.fromkeys(DROPOUTS, 0.1), "kerasbert": {"pooling": "mean"}}
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
            model = kb.TextClassifier(fresh, labels=labels, pooling=model.pooling, max_length=64)
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
        (train, "begin data taught out", {"steps": 2000, "rate": 2e-3, "rows": 8, "sentences": 64}),
        (finish, "trained out", {}),
        (score, "trained data", {"batches": 100}),
        (evaluate, "preset sentiment", {"seeds": 3, "epochs": 3, "rate": 2e-4}),
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
