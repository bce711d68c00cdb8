"""How the encoder in kerasbert/presets was made, step by step; on one core it takes an hour and a half.

    python make_encoder.py sentences novels/ sentences.txt              # 100,000 of them, each once
    python make_encoder.py start novels/ TEACHER start/                 # the teacher's first blocks, smaller
    kerasbert distill --teacher TEACHER --student start/ --unlabelled sentences.txt --max-length 64 \
        --batch-size 64 --epochs 2 --learning-rate 3e-4 --out taught/
    kerasbert prepare novels/ --vocab start/ --mode mlm --documents blank-lines --max-length 128 --pack --out data/
    kerasbert pretrain data/ --init-from taught/ --batch-size 8 --steps 1200 --learning-rate 5e-4 \
        --warmup 0.03 --out trained/
    python make_encoder.py finish taught/ trained/ preset/              # the mean of both, in eight bits
    python make_encoder.py score preset/ data-held-out/                 # loss of masked words beside the unigrams'
    python make_encoder.py vectors preset/ TEACHER texts.txt            # beside the teacher's, of the first 400 lines
    python make_encoder.py evaluate preset/ sentiment/                  # fine-tuned; --scratch: with new weights

`sentences` draws at random; the encoder in the package was taught another draw of as many sentences.
TEACHER is a folder with a sentence encoder of BERT's family that averages its tokens: all-MiniLM-L6-v2 here.
"""

import argparse
import json
import random
import time
from collections.abc import Iterator
from pathlib import Path

import keras
import ml_dtypes
import numpy as np
import tensorflow as tf
from safetensors.numpy import load_file, save_file

import kerasbert as kb
from kerasbert.checkpoints.opening import open_checkpoint
from kerasbert.checkpoints.vocabulary import with_fewer_tokens
from kerasbert.corpus.batches import PretrainingData
from kerasbert.models.starts import blocks_start
from kerasbert.tasks.figures.similarities import spearman
from kerasbert.tasks.sentences import split_by_icu
from kerasbert.tokenizers import HostTokenizer
from kerasbert.training.optimizers import adamw

BLOCKS, NEURONS, TOKENS = 5, 1152, 9900
"""With them, the folder has 12 MB."""
WORDS = (5, 32)  # of a sentence


def texts(novels: Path) -> Iterator[str]:
    for path in sorted(novels.glob("*.txt")):
        yield path.read_text(encoding="utf-8-sig", errors="replace")


def sentences(novels: Path, out: Path, count: int) -> None:
    """Chooses sentences at random, and writes one per line."""
    found = set()
    for text in texts(novels):
        lines = (" ".join(sentence.split()) for sentence in split_by_icu([text], wrapped=True)[0])
        found.update(line for line in lines if WORDS[0] <= len(line.split()) <= WORDS[1])
    chosen = sorted(found)
    random.Random(0).shuffle(chosen)
    out.write_text("\n".join(chosen[:count]) + "\n", encoding="utf-8")


def start(novels: Path, teacher: Path, out: Path) -> None:
    """The teacher's first blocks with the neurons of the largest weights, and its most useful tokens."""
    checkpoint = open_checkpoint(teacher)
    tokenizer = checkpoint.tokenizer()
    smaller = with_fewer_tokens(checkpoint, tokenizer, tokenizer.reduced(useful(tokenizer, novels)))
    start = blocks_start(smaller, range(BLOCKS), intermediate_size=NEURONS)
    kb.SentenceEncoder.from_pretrained(start).save_pretrained(out)


def useful(tokenizer: HostTokenizer, novels: Path) -> set[str]:
    """Special tokens, letters and signs of Latin script, and the tokens with the highest scores.

    Tokens of BERT are in order of their frequency in its texts. By Zipf's law the frequency is about 1 / (place + 100).
    The score is the square of it, multiplied by the token's share of the novels, so that tokens of today remain.
    """
    counts = np.zeros(tokenizer.vocab_size)
    for text in texts(novels):
        for row in tokenizer.encode([line for line in text.split("\n") if line.strip()]):
            np.add.at(counts, row.ids, 1)
    scores = (np.arange(len(counts)) + 100.0) ** -2 * (counts / counts.sum() + 1e-6)
    written = [token for token in tokenizer.vocabulary if latin(token) and not token.startswith("[unused")]
    kept = tokenizer.special_tokens | {token for token in written if len(token.removeprefix("##")) == 1}
    chosen = set(written) - kept
    ranked = [tokenizer.vocabulary[index] for index in np.argsort(-scores, kind="stable")]
    return kept | set([token for token in ranked if token in chosen][: TOKENS - len(kept)])


def latin(token: str) -> bool:
    return all(" " < character < "\u0180" or character in "–—‘’“”…€£" for character in token.removeprefix("##"))


def finish(taught: Path, trained: Path, out: Path) -> None:
    """The mean of two encoders, with matrices in eight bits and the rest in float16; classifiers average the tokens.

    The first has the teacher's vectors, the second predicts masked words and forgot most of these vectors. Their mean
    does well at both (arXiv 2109.01903).
    """
    model, theirs = kb.PretrainingModel.from_pretrained(trained), kb.BertEncoder.from_pretrained(taught)
    for weight, other in zip(model.encoder.weights, theirs.weights, strict=True):
        weight.assign((weight + other) / 2)
    model.save_pretrained(out)
    types = {1: np.float16, 2: ml_dtypes.float8_e4m3fn}
    tensors = load_file(out / "model.safetensors")
    tensors = {name: values.astype(types[values.ndim]) for name, values in tensors.items()}
    save_file(tensors, out / "model.safetensors", metadata={"format": "pt"})
    settings = json.loads((out / "config.json").read_text(encoding="utf-8"))
    settings["kerasbert"] = {"pooling": "mean"}
    (out / "config.json").write_text(json.dumps(settings, indent=2) + "\n", encoding="utf-8")


def score(preset: Path, data: Path, batches: int) -> None:
    """The loss of masked words in books that were held out, and the entropy of their tokens as unigrams."""
    model = kb.PretrainingModel.from_pretrained(preset)
    words = PretrainingData(data, batch_size=32, tokenizer=model.tokenizer)
    model.compile()
    figures = model.evaluate(words.dataset(), steps=batches, verbose=0, return_dict=True)
    tokens = np.concatenate([row["input_ids"] for row in words.read_rows(range(words.rows))])
    special = [words.tokenizer.id_of(role) for role in words.tokenizer.special]
    shares = np.bincount(tokens[~np.isin(tokens, special)]) / len(tokens[~np.isin(tokens, special)])
    print(f"{figures} unigrams {-(shares * np.log(np.maximum(shares, 1e-12))).sum():.3f}")


def vectors(preset: Path, teacher: Path, texts: Path, count: int) -> None:
    """The mean cosine of its vectors with the teacher's, and the rank correlation of the cosines of all pairs."""
    lines = texts.read_text(encoding="utf-8").splitlines()[:count]
    models = [kb.SentenceEncoder.from_pretrained(each, pooling="mean", max_length=64) for each in (preset, teacher)]
    ours, theirs = (model.encode(lines) for model in models)
    pairs = np.triu_indices(len(lines), 1)
    ranks = spearman((ours @ ours.T)[pairs], (theirs @ theirs.T)[pairs])
    print(f"{preset}: cosine {np.sum(ours * theirs, axis=1).mean():.3f}, pairs {ranks:.3f}")


def evaluate(preset: Path, sentiment: Path, seed: int, epochs: int, rate: float, scratch: bool) -> None:
    """Accuracy on the dev and test files after fine-tuning, with the preset's weights or with new ones."""
    labels = ["negative", "positive"]
    keras.utils.set_random_seed(seed)
    model = kb.TextClassifier.from_pretrained(preset, labels=labels, pooling="mean", max_length=64)
    if scratch:
        fresh = kb.BertEncoder(model.config, pooler=False, tokenizer=model.tokenizer)
        model = kb.TextClassifier(fresh, labels=labels, pooling="mean", max_length=64)
    data = model.dataset(sentiment / "train.csv", batch_size=32, seed=seed)
    held_out = [model.dataset(sentiment / f"{name}.csv", batch_size=64, shuffle=False) for name in ("dev", "test")]
    model.compile(adamw(learning_rate=rate, steps=len(data) * epochs, warmup=0.1))
    history = model.fit(data, epochs=epochs, validation_data=held_out[0], shuffle=False, verbose=0).history
    dev, test = (model.evaluate(rows, verbose=0, return_dict=True)["accuracy"] for rows in held_out)
    by_epoch = [round(accuracy, 3) for accuracy in history["val_accuracy"]]
    print(
        f"{'scratch' if scratch else preset} rate {rate} seed {seed}: dev {by_epoch} {dev:.4f} test {test:.4f}, "
        f"train {history['accuracy'][-1]:.3f}, {time.process_time():.0f} CPU-seconds"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = parser.add_subparsers(required=True)
    for function, paths, numbers in (
        (sentences, "novels out", {"count": 100_000}),
        (start, "novels teacher out", {}),
        (finish, "taught trained out", {}),
        (score, "preset data", {"batches": 100}),
        (vectors, "preset teacher texts", {"count": 400}),
        (evaluate, "preset sentiment", {"seed": 0, "epochs": 3, "rate": 1e-4}),
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
