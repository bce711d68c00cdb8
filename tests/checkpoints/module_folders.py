"""Folders of sentence-transformers around the tiny BERT of the parity fixtures; used by a test and by the recording."""

import json
import shutil
from pathlib import Path

BERT = Path(__file__).parents[1] / "parity" / "fixtures" / "bert"
TEXTS = ["the film is good", "a", "one two three four five six seven eight nine ten", ""]
LENGTH = 8
PROMPT = "good film: "
FLAGS = {"cls": "pooling_mode_cls_token", "mean": "pooling_mode_mean_tokens", "max": "pooling_mode_max_tokens"}


def make_folder(folder: Path, pooling: dict, *, modules: tuple[str, ...] = (), length: int | None = LENGTH) -> Path:
    """A folder with the modules Transformer and Pooling, and further ones by name."""
    shutil.copytree(BERT, folder)
    names = ["Transformer", "Pooling", *modules]
    listed = [
        {"idx": index, "name": str(index), "path": f"{index}_{name}" if index else "", "type": f"models.{name}"}
        for index, name in enumerate(names)
    ]
    for each in listed:
        each["type"] = f"sentence_transformers.{each['type']}"
        (folder / each["path"]).mkdir(exist_ok=True)
    (folder / "modules.json").write_text(json.dumps(listed), encoding="utf-8")
    content = {"word_embedding_dimension": 32, **pooling}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(content), encoding="utf-8")
    if length:
        settings = {"max_seq_length": length, "do_lower_case": False}
        (folder / "sentence_bert_config.json").write_text(json.dumps(settings), encoding="utf-8")
    return folder


def flags(mode: str) -> dict:
    """The content of 1_Pooling/config.json, as releases before 6 write it."""
    return {name: each == mode for each, name in FLAGS.items()}


def put_prompt(folder: Path, prompt: str) -> Path:
    """Lets a folder have a prompt for every text."""
    content = {"prompts": {"query": prompt, "other": "a "}, "default_prompt_name": "query"}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(content), encoding="utf-8")
    return folder
