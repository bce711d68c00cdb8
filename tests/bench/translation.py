"""Translation of Multi30k: trains from nothing here, beside PyTorch (`translation_torch.py`), and compares BLEU.

    python tests/bench/translation.py start --data MULTI30K --out RESULTS
    python tests/bench/translation.py train --data MULTI30K --out RESULTS
    python tests/bench/translation.py score --data MULTI30K --out RESULTS
    python tests/bench/translation.py table --data MULTI30K --out RESULTS
    python tests/bench/translation.py same --data MULTI30K --out RESULTS --bundle BUNDLE
    python tests/bench/translation.py files --data MULTI30K --out RESULTS --bundle BUNDLE

MULTI30K is a folder with train.en, val.en, test_2016_flickr.en and the same in .de, plain or with .gz behind. `start`
writes RESULTS/vocab, one cased vocabulary of both languages, RESULTS/start, a random model, and RESULTS/pairs.npz, the
ids and the batches of every epoch, which the peer reads. `train` writes RESULTS/ours, and RESULTS/ours_cpu.jsonl with
the CPU seconds of the process, its start and its measurements included; when it was stopped, it goes on. `score`
translates the test set with beams, and writes RESULTS/ours.de. `table` prints BLEU (sacreBLEU, cased, its tokens 13a)
against CPU seconds: after each epoch of a sample of val, without beams, and at the end of the test set. BUNDLE is an
export of RESULTS/ours: `same` counts how many of the first 100 texts of the test set each of its files translates as
Keras does, without beams and with four, and `files` prints BLEU of each file on the whole test set.

The comparison is fair with one thread in both: OMP_NUM_THREADS=1 TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1.
"""

import argparse
import json
import logging
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np

from kerasbert.examples.readers import read_examples
from kerasbert.tasks import task_named
from kerasbert.tasks.seq2seq import truth

TASK = task_named("seq2seq")
LANGUAGES = ("en", "de")
SHAPE = {
    "hidden_size": 128,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 512,
    "hidden_act": "relu",
    "hidden_dropout_prob": 0.2,
    "attention_probs_dropout_prob": 0.0,
    "max_position_embeddings": 128,
    "type_vocab_size": 1,
    "initializer_range": 0.05,
    "norm_first": True,
}
"""Of the encoder and of the decoder."""
RECIPE = {"epochs": 24, "batch_tokens": 4096, "learning_rate": 3e-3, "warmup": 0.1, "weight_decay": 0.01}
PIECES, NEW_TOKENS, SAMPLE, SEED = 4000, 100, 200, 0
TEST, SAME = "test_2016_flickr", 100


def files(given, part: str) -> list[Path]:
    """The two files of a part."""
    named = [given.data / f"{part}.{language}" for language in LANGUAGES]
    return [path if path.exists() else path.with_name(f"{path.name}.gz") for path in named]


def examples(given, part: str):
    return read_examples(Path(",".join(map(str, files(given, part)))), TASK)


def start(given) -> None:
    """Writes the vocabulary, the random model and the batches."""
    import keras

    import kerasbert as kb
    from kerasbert.tokenizers import load

    given.out.mkdir(parents=True, exist_ok=True)
    words = [sys.executable, "-m", "kerasbert.cli", "vocab", *files(given, "train"), "--size", PIECES, "--cased"]
    subprocess.run([*map(str, words), "--documents", "files", "--out", str(given.out / "vocab")], check=True)
    keras.utils.set_random_seed(SEED)
    config = kb.BertConfig(vocab_size=PIECES, **{**SHAPE, "norm_first": not given.post_norm})
    encoder = kb.BertEncoder(config, tokenizer=load(given.out / "vocab"), pooler=False)
    kb.Seq2Seq(encoder, max_new_tokens=NEW_TOKENS).save_pretrained(given.out / "start")
    _write_pairs(given)


def _write_pairs(given) -> None:
    from kerasbert import Seq2Seq
    from kerasbert.models.whole_texts import ROUND_TO
    from kerasbert.tasks.batches import order_by_tokens, tokens_of

    model, arrays = Seq2Seq.from_pretrained(str(given.out / "start")), {}
    for part in ("train", "val"):
        groups = model.lessons_of(examples(given, part))
        rows = [lesson.row.inputs for (lesson,) in groups]
        rights = [lesson.targets["logits"] for (lesson,) in groups]
        columns = {"source": [row["input_ids"] for row in rows], "target": rights}
        columns["seen"] = [row["decoder_input_ids"] for row in rows]
        lengths = tokens_of(groups, model.training_graph(), ROUND_TO)
        for epoch in range(RECIPE["epochs"] if part == "train" else 1):
            seed = SEED if part == "train" else None
            order = order_by_tokens(lengths, RECIPE["batch_tokens"], seed=seed, epoch=epoch)
            columns[f"batches_{epoch}"] = order
        for name, ragged in columns.items():
            arrays[f"{part}_{name}"] = np.concatenate(ragged).astype(np.int32)
            arrays[f"{part}_{name}_sizes"] = np.array(list(map(len, ragged)), np.int32)
    arrays["sample"] = np.sort(np.random.default_rng(SEED).choice(len(rows), SAMPLE, replace=False))
    np.savez_compressed(given.out / "pairs.npz", **arrays)
    said = {"shape": {**SHAPE, "vocab_size": PIECES}, "recipe": RECIPE, "round_to": ROUND_TO, "seed": SEED}
    said["new_tokens"], said["ids"] = NEW_TOKENS, {"start": model.settings.decoder_start_token_id}
    said["ids"] |= {"end": model.settings.eos_token_id, "pad": model.config.pad_token_id}
    (given.out / "pairs.json").write_text(json.dumps(said), encoding="utf-8")


def train(given) -> None:
    """Fine-tunes the random model; goes on where it was stopped."""
    from kerasbert.runs.finetune import finetune

    before = max((each["cpu"] for each in _lines(given.out / "ours_cpu.jsonl")), default=0.0)
    threading.Thread(target=_watch, args=(given.out, before), daemon=True).start()
    finetune(
        TASK.name,
        examples(given, "train"),
        given.out / "ours",
        checkpoint=str(given.out / "start"),
        dev=examples(given, "val"),
        dev_sample=SAMPLE,
        average=given.average,
        precision=given.precision,
        seed=SEED,
        resume=True,
        **RECIPE,
    )


def _watch(out: Path, before: float) -> None:
    """Writes the step and the CPU seconds so far, every few seconds. Args: before: of earlier processes."""
    while True:
        time.sleep(5)
        rows = _steps(out / "ours")
        if rows:
            with (out / "ours_cpu.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps({"step": rows[-1]["step"], "cpu": before + time.process_time()}) + "\n")


def _steps(folder: Path) -> list[dict]:
    from kerasbert.runs.journal import read_csv

    return read_csv(folder)


def _lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []


def score(given) -> None:
    """Translates the test set."""
    from kerasbert.models.opening import open_model

    answers = open_model(given.out / "ours").answers(examples(given, TEST))
    lines = "".join(f"{each['generated_text']}\n" for each in answers)
    (given.out / "ours.de").write_text(lines, encoding="utf-8")


def table(given) -> None:
    """Prints BLEU against CPU seconds."""
    from kerasbert.tokenizers import load

    print("| | epoch | CPU s | val loss | BLEU |\n|---|---|---|---|---|")
    tokenizer, watched = load(given.out / "vocab"), _lines(given.out / "ours_cpu.jsonl")
    right = [truth(each, None)[0] for each in examples(given, "val")]
    sample = np.load(given.out / "pairs.npz")["sample"]
    peer = _lines(given.out / "peer.jsonl")
    for row in peer:
        bleu = _bleu([tokenizer.decode(ids) for ids in row["ids"]], [right[index] for index in sample])
        print(
            f"| PyTorch, sample of val, greedy | {row['epoch']} | {row['cpu']:.0f} | {row['loss']:.3f} | {bleu:.1f} |"
        )
    measured = [row for row in _steps(given.out / "ours") if "val_bleu" in row]
    for number, row in enumerate(measured, start=1):
        cpu = next((each["cpu"] for each in watched if each["step"] >= row["step"]), float("nan"))
        shown = f"{number} | {cpu:.0f} | {row['val_loss']:.3f} | {100 * row['val_bleu']:.1f}"
        print(f"| kerasbert, sample of val, greedy | {shown} |")
    if (given.out / "ours.de").exists():
        texts = (given.out / "ours.de").read_text(encoding="utf-8").splitlines()
        bleu = _bleu(texts, [truth(each, None)[0] for each in examples(given, TEST)])
        cpu = max((each["cpu"] for each in watched), default=float("nan"))
        print(f"| kerasbert, test2016, beam 4 | {len(measured)} | {cpu:.0f} | | {bleu:.1f} |")


def same(given) -> None:
    """Prints how many texts of each file are Keras's."""
    from kerasbert.models.opening import open_model

    sources = [each.fields["source"] for each in examples(given, TEST)[:SAME]]
    model = open_model(given.out / "ours")
    right = {beams: _translated(model, sources, num_beams=beams) for beams in (1, 4)}
    print("| file | without beams | 4 beams |\n|---|---|---|")
    for name, pipeline in _pipelines(given.bundle):
        found = {beams: _translated(pipeline, sources, num_beams=beams) for beams in right}
        counts = (sum(map(str.__eq__, found[beams], right[beams])) for beams in right)
        print(f"| {name} | " + " | ".join(f"{count} of {len(sources)}" for count in counts) + " |", flush=True)
    found = _in_the_graph(given.bundle / "saved_model", sources)
    print(f"| saved_model, translate | {sum(map(str.__eq__, found, right[1]))} of {len(sources)} | |")


def _translated(answering, sources: list[str], **settings) -> list[str]:
    return [each["generated_text"] for each in answering.predict_text(sources, **settings)]


def _pipelines(bundle: Path):
    """The files of a bundle by name, opened one at a time."""
    from kerasbert.export.gate.opening import open_any
    from kerasbert.runtime.manifest import Manifest

    for name in Manifest.read(bundle).files:
        yield name, open_any(bundle, name).pipeline


def _in_the_graph(folder: Path, sources: list[str]) -> list[str]:
    import tensorflow as tf
    import tensorflow_text  # noqa: F401 - its operations read the text

    translate = tf.saved_model.load(str(folder)).signatures["translate"]
    found = (translate(text=tf.constant([source]))["generated_text"].numpy()[0] for source in sources)
    return [text.decode() for text in found]


def compare_files(given) -> None:
    """Prints BLEU of each file on the test set."""
    asked = examples(given, TEST)
    right = [truth(each, None)[0] for each in asked]
    for name, pipeline in _pipelines(given.bundle):
        texts = [each["generated_text"] for each in pipeline.answers(asked)]
        print(f"| {name} | {_bleu(texts, right):.2f} |", flush=True)


def _bleu(texts: list[str], right: list[str]) -> float:
    from sacrebleu.metrics import BLEU

    return BLEU(tokenize="13a").corpus_score(texts, [right]).score


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = {"start": start, "train": train, "score": score, "table": table, "same": same, "files": compare_files}
    parser.add_argument("step", choices=steps)
    parser.add_argument("--data", type=Path, required=True, help="Folder that holds the files of Multi30k.")
    parser.add_argument("--out", type=Path, required=True, help="Folder of results.")
    parser.add_argument("--bundle", type=Path, help="An export of RESULTS/ours, for same and files.")
    parser.add_argument("--post-norm", action="store_true", help="For start: the norms come last, as in BERT.")
    parser.add_argument("--average", type=int, default=5, help="Epochs whose weights are averaged.")
    parser.add_argument("--precision", default="bf16", choices=["float32", "bf16"])
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    given = parser.parse_args()
    steps[given.step](given)


if __name__ == "__main__":
    main()
