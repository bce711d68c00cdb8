"""Largest difference between Keras's answers and those of the hub's clients, which open a bundle unchanged:

    python tests/bench/clients.py MODEL BUNDLE --python optimum=ENV/bin/python --python fastembed=ENV/bin/python \
        --node FOLDER

MODEL is a model folder of kerasbert, BUNDLE what `kerasbert export --format onnx` made of it. Each client runs in an
environment of its own: `--python` names the interpreter of one (optimum; sentence_transformers, with optimum's ONNX
Runtime; fastembed; transformers, which opens MODEL, a classifier only if its pooling is cls), and `--node` a folder in
which @huggingface/transformers is installed. A client without one is left out. `--record FILE` also writes what they
answered, as tests/parity/fixtures has it.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

TEXTS = [
    "A lovely film, and the ending was worth every minute.",  # Latin
    "Обслуживание было медленным, а еда холодной.",  # Cyrillic
    "Η ταινία ήταν υπέροχη!",  # Greek
    "שירות מצוין, אחזור בקרוב",  # Hebrew
    "الفندق نظيف والموظفون ودودون",  # Arabic
    "यह किताब बहुत अच्छी है",  # Devanagari
    "这部电影很好看。",  # Chinese
    "とても美しい映画でした",  # Japanese
    "정말 좋은 호텔이에요",  # Korean
    "หนังเรื่องนี้สนุกมาก",  # Thai
    "Ça m'a plu : ½ prix ™ 😀\u00a0déjà vu, naïve café",
    "The room was dirty and the staff never came back. " * 200,  # 10,000 characters
    "",
]


def classify_optimum(bundle: str, texts: list) -> dict:
    import torch
    from optimum.onnxruntime import ORTModelForSequenceClassification
    from transformers import AutoTokenizer, pipeline

    model, tokenizer = ORTModelForSequenceClassification.from_pretrained(bundle), AutoTokenizer.from_pretrained(bundle)
    with torch.no_grad():
        together = model(**tokenizer(texts, padding=True, truncation=True, return_tensors="pt")).logits.softmax(-1)
    pipe = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None, truncation=True)
    return {
        "optimum, ORTModelForSequenceClassification": together.tolist(),
        "optimum, pipeline": in_order(pipe(texts), model.config.label2id),
    }


def classify_transformers(model: str, texts: list) -> dict:
    from transformers import pipeline

    pipe = pipeline("text-classification", model=model, top_k=None, truncation=True)
    return {"transformers, pipeline (model folder)": in_order(pipe(texts), pipe.model.config.label2id)}


def in_order(answers: list, label2id: dict) -> list:
    """A pipeline's scores in the order of the labels; it sorts them."""
    return [[each["score"] for each in sorted(answer, key=lambda x: label2id[x["label"]])] for answer in answers]


def embed_optimum(bundle: str, texts: list) -> dict:
    import torch
    from optimum.onnxruntime import ORTModelForFeatureExtraction
    from transformers import AutoTokenizer

    model, tokenizer = ORTModelForFeatureExtraction.from_pretrained(bundle), AutoTokenizer.from_pretrained(bundle)
    inputs = tokenizer(texts, padding=True, truncation=True, return_tensors="pt")
    tokens, mask = model(**inputs).last_hidden_state, inputs["attention_mask"].unsqueeze(-1)
    pooled = (tokens * mask).sum(1) / mask.sum(1)
    return {"optimum, ORTModelForFeatureExtraction": torch.nn.functional.normalize(pooled).tolist()}


def embed_sentence_transformers(bundle: str, texts: list) -> dict:
    from sentence_transformers import SentenceTransformer

    return {"sentence-transformers, backend onnx": SentenceTransformer(bundle, backend="onnx").encode(texts).tolist()}


def embed_transformers(model: str, texts: list) -> dict:
    from sentence_transformers import SentenceTransformer

    return {"sentence-transformers (model folder)": SentenceTransformer(model).encode(texts).tolist()}


def embed_fastembed(bundle: str, texts: list) -> dict:
    from fastembed import TextEmbedding
    from fastembed.common.model_description import ModelSource, PoolingType

    width = json.loads((Path(bundle) / "config.json").read_text(encoding="utf-8"))["hidden_size"]
    source, file = ModelSource(hf="kerasbert/bundle"), "onnx/model.onnx"
    how = {"pooling": PoolingType.MEAN, "normalization": True, "dim": width, "model_file": file}
    TextEmbedding.add_custom_model(model="kerasbert/bundle", sources=source, **how)
    model = TextEmbedding("kerasbert/bundle", specific_model_path=bundle)
    return {"fastembed, pooling mean": [vector.tolist() for vector in model.embed(texts)]}


CLIENTS = {
    "text-classification": {"optimum": classify_optimum, "transformers": classify_transformers},
    "sentence-embedding": {
        "optimum": embed_optimum,
        "sentence_transformers": embed_sentence_transformers,
        "transformers": embed_transformers,
        "fastembed": embed_fastembed,
    },
}
"""Task -> interpreter -> (folder, texts) -> what the client calls itself -> one list of numbers per text."""
OPENS_MODEL = ("transformers",)

JAVASCRIPT = """
import {
  env, pipeline, AutoModel, AutoModelForSequenceClassification, AutoTokenizer, softmax,
} from "@huggingface/transformers";
import { readFileSync, writeFileSync } from "node:fs";
import { basename, dirname } from "node:path";

const [bundle, task, input, output] = process.argv.slice(2);
const texts = JSON.parse(readFileSync(input, "utf-8"));
Object.assign(env, { allowRemoteModels: false, localModelPath: dirname(bundle) });
const name = basename(bundle), dtype = { dtype: "fp32" }, found = {};
const tokenizer = await AutoTokenizer.from_pretrained(name);

// transformers.js cuts a long text behind its last token, without [SEP]. A caller can put it.
function whole(inputs) {
  const { data, dims: [rows, length] } = inputs.input_ids, end = BigInt(tokenizer.sep_token_id);
  for (let row = 0; row < rows; row++) {
    const last = row * length + length - 1;
    if (inputs.attention_mask.data[last]) data[last] = end;
  }
  return inputs;
}

if (task === "text-classification") {
  const pipe = await pipeline(task, name, dtype);
  const at = pipe.model.config.label2id;
  const scores = [];
  for (const text of texts) {
    const row = [];
    for (const { label, score } of await pipe(text, { top_k: null })) row[at[label]] = score;
    scores.push(row);
  }
  found["transformers.js, pipeline"] = scores;
  const model = await AutoModelForSequenceClassification.from_pretrained(name, dtype);
  const { logits } = await model(whole(await tokenizer(texts, { padding: true, truncation: true })));
  found["transformers.js, [SEP] put by the caller"] = logits.tolist().map(softmax);
} else {
  const pipe = await pipeline("feature-extraction", name, dtype);
  found["transformers.js, pipeline, pooling mean"] = (await pipe(texts, { pooling: "mean", normalize: true })).tolist();
  const model = await AutoModel.from_pretrained(name, dtype);
  const { sentence_embedding } = await model(whole(await tokenizer(texts, { padding: true, truncation: true })));
  found["transformers.js, [SEP] put by the caller"] = sentence_embedding.tolist();
}
writeFileSync(output, JSON.stringify(found));
"""


def answers_of(command: list, texts: list) -> dict:
    """What a client in a process of its own answers: it reads a file of texts, and writes one of numbers."""
    with tempfile.TemporaryDirectory() as scratch:
        asked, answered = Path(scratch, "texts.json"), Path(scratch, "answers.json")
        asked.write_text(json.dumps(texts), encoding="utf-8")
        offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
        done = subprocess.run([*command, asked, answered], capture_output=True, text=True, env=offline)
        if done.returncode:
            raise RuntimeError(done.stderr.strip()[-2000:])
        return json.loads(answered.read_text(encoding="utf-8"))


def of_node(folder: Path, bundle: Path, task: str, texts: list) -> dict:
    program = folder / "kerasbert_clients.mjs"
    program.write_text(JAVASCRIPT, encoding="utf-8")
    return answers_of(["node", program, bundle.resolve(), task], texts)


def of_keras(folder: Path, task: str, texts: list) -> list:
    import numpy as np

    import kerasbert as kb

    if task == "sentence-embedding":
        return kb.SentenceEncoder.from_pretrained(str(folder)).encode(texts).tolist()
    logits = kb.TextClassifier.from_pretrained(str(folder)).predict_logits(texts).astype("float64")
    scores = np.exp(logits - logits.max(-1, keepdims=True))
    return (scores / scores.sum(-1, keepdims=True)).tolist()


def answers(model: Path, bundle: Path, pythons: dict, node: Path | None, texts: list) -> dict:
    """Name of a client -> one list of numbers per text; that of Keras stands first."""
    task = json.loads((bundle / "kerasbert.json").read_text(encoding="utf-8"))["task"]
    found = {"Keras": of_keras(model, task, texts)}
    for name in CLIENTS[task]:
        if name in pythons:
            folder = model if name in OPENS_MODEL else bundle
            found |= answers_of([pythons[name], __file__, "--answer", task, name, folder.resolve()], texts)
    return found | (of_node(node, bundle, task, texts) if node else {})


def record(found: dict, path: Path) -> None:
    """Writes texts and answers, one text and one answer per line."""
    rounded = {name: [[round(x, 6) for x in row] for row in rows] for name, rows in found.items()}
    parts = [json.dumps(TEXTS, ensure_ascii=False, indent=2)]
    parts += [",\n".join(f"  {json.dumps(row)}" for row in rows) for rows in rounded.values()]
    answers = ",\n".join(f"{json.dumps(name)}: [\n{part}\n]" for name, part in zip(rounded, parts[1:], strict=True))
    path.write_text(f'{{"texts": {parts[0]},\n"answers": {{\n{answers}\n}}}}\n', encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("model", type=Path)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--python", action="append", default=[], metavar="CLIENT=PATH")
    parser.add_argument("--node", type=Path)
    parser.add_argument("--record", type=Path)
    arguments = parser.parse_args()
    pythons = dict(each.split("=", 1) for each in arguments.python)
    found = answers(arguments.model, arguments.bundle, pythons, arguments.node, TEXTS)
    if arguments.record:
        record(found, arguments.record)
    keras = found.pop("Keras")
    print(f"{'client':<46} {'largest difference':>18}   in the text")
    for name, rows in found.items():
        off = [max(abs(a - b) for a, b in zip(x, y, strict=True)) for x, y in zip(rows, keras, strict=True)]
        print(f"{name:<46} {max(off):18.1e}   {TEXTS[off.index(max(off))]!r:.40}")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--answer"]:
        task, name, folder, asked, answered = sys.argv[2:]
        found = CLIENTS[task][name](folder, json.loads(Path(asked).read_text(encoding="utf-8")))
        Path(answered).write_text(json.dumps(found), encoding="utf-8")
    else:
        main()
