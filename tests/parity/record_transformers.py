"""Records what transformers computes, for the parity tests. Needs a Python that has torch and transformers (5.x).

    python tests/parity/record_transformers.py                        # makes every tiny folder and records its outputs
    python tests/parity/record_transformers.py --weights DIR --name minilm    # records a real checkpoint in DIR
    python tests/parity/record_transformers.py --check DIR --recorded FILE    # opens DIR and compares its outputs

The tiny folders are random, with fixed seeds, and far from fresh: large weights, and LayerNorms and biases that do
something, so that a mistake anywhere shows in the outputs. They go to `fixtures/NAME/`, their outputs to
`fixtures/NAME.npz` as arrays `CASE.NAME`: the inputs of each case, and what the model answered, at every position
or, where the case has `positions`, at those only.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from safetensors.torch import load_file, save_file
from tokenizers import AddedToken, ByteLevelBPETokenizer

FIXTURES = Path(__file__).parent / "fixtures"
TOLERANCE = 1e-5

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *"abcdefghijklmnopqrstuvwxyz.,!?'-0123456789"]
PIECES += [f"##{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"] + ["the", "is", "was", "and", "dog", "cat"]

TEXTS = [
    "Hello, my dog is cute.",
    "A lovely film that takes its time, and is the better for it.",
    "The quick brown fox jumps over the lazy dog; the dog did not mind at all, being asleep in the sun.",
    "Nein! Das ist doch unglaublich, 1984 und 東京.",
]

SMALL = {"hidden_size": 32, "num_attention_heads": 4, "num_hidden_layers": 2, "intermediate_size": 64}
BERT = {**SMALL, "vocab_size": len(PIECES), "max_position_embeddings": 64, "type_vocab_size": 2}
ROBERTA = {**SMALL, "num_hidden_layers": 3, "hidden_size": 48, "intermediate_size": 40, "vocab_size": 320}
ROBERTA |= {"max_position_embeddings": 66, "type_vocab_size": 1, "layer_norm_eps": 1e-5, "pad_token_id": 1}
DISTIL = {"dim": 32, "n_heads": 2, "n_layers": 2, "hidden_dim": 96, "vocab_size": len(PIECES)}
DISTIL |= {"max_position_embeddings": 64}
ELECTRA = {**BERT, "embedding_size": 12}
LABELS = {"id2label": {0: "sad", 1: "so-so", 2: "glad"}, "label2id": {"sad": 0, "so-so": 1, "glad": 2}}

MODELS = {
    "bert": (transformers.BertForPreTraining, transformers.BertConfig(**BERT)),
    "bert_classifier": (
        transformers.BertForSequenceClassification,
        transformers.BertConfig(**BERT, **LABELS, hidden_act="gelu_new"),
    ),
    "roberta": (transformers.RobertaModel, transformers.RobertaConfig(**ROBERTA)),
    "roberta_mlm": (transformers.RobertaForMaskedLM, transformers.RobertaConfig(**ROBERTA)),
    "roberta_classifier": (
        transformers.RobertaForSequenceClassification,
        transformers.RobertaConfig(**ROBERTA, **LABELS),
    ),
    "distilbert_mlm": (transformers.DistilBertForMaskedLM, transformers.DistilBertConfig(**DISTIL)),
    "distilbert_classifier": (
        transformers.DistilBertForSequenceClassification,
        transformers.DistilBertConfig(**DISTIL, **LABELS, sinusoidal_pos_embds=True),
    ),
    "electra": (transformers.ElectraForPreTraining, transformers.ElectraConfig(**ELECTRA)),
    "electra_mlm": (transformers.ElectraForMaskedLM, transformers.ElectraConfig(**ELECTRA, hidden_act="relu")),
    "electra_classifier": (
        transformers.ElectraForSequenceClassification,
        transformers.ElectraConfig(**{**ELECTRA, "embedding_size": 32}, **LABELS),
    ),
    "electra_choices": (transformers.ElectraForMultipleChoice, transformers.ElectraConfig(**ELECTRA)),
}


def randomise(model, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in model.named_parameters():
        if "position_embeddings" in name and getattr(model.config, "sinusoidal_pos_embds", False):
            continue
        noise = torch.randn(parameter.shape, generator=generator) * 0.2
        parameter.data = 1 + noise if "norm" in name.lower() and name.endswith("weight") else noise


def write_tokenizer(folder: Path, family: str) -> None:
    if family != "roberta":
        (folder / "vocab.txt").write_text("".join(f"{piece}\n" for piece in PIECES), encoding="utf-8")
        return
    tokenizer = ByteLevelBPETokenizer()
    special = ["<s>", "<pad>", "</s>", "<unk>", AddedToken("<mask>", lstrip=True)]
    tokenizer.train_from_iterator(TEXTS * 9, vocab_size=320, special_tokens=special, show_progress=False)
    missing = ROBERTA["vocab_size"] - tokenizer.get_vocab_size()
    if missing:
        sys.exit(f"the texts give {missing} tokens too few")
    tokenizer.save_model(str(folder))
    tokenizer.save(str(folder / "tokenizer.json"))


def random_cases(config, seed: int) -> dict:
    """Short and long, full and padded, with two segments where there are two."""
    random = np.random.default_rng(seed)
    longest = config.max_position_embeddings - (2 if config.model_type == "roberta" else 0)
    cases = {}
    for name, length, real in (
        ("short", 8, (8, 8)),
        ("short_padded", 8, (8, 5)),
        ("long", longest, (longest, longest)),
        ("long_padded", longest, (37, longest)),
    ):
        mask = (np.arange(length) < np.array(real)[:, None]).astype("int32")
        ids = random.integers(5, config.vocab_size, mask.shape)
        segments = (np.arange(length) >= 3) & (np.arange(length) < np.array(real)[:, None])
        cases[name] = {
            "input_ids": np.where(mask, ids, config.pad_token_id).astype("int32"),
            "attention_mask": mask,
            **({"token_type_ids": segments.astype("int32")} if getattr(config, "type_vocab_size", 0) > 1 else {}),
        }
        cases[name]["mlm_positions"] = np.array([[0, 1, 4, 3], [2, 4, 0, 1]], "int32")
    return cases


def text_cases(folder: Path) -> dict:
    """Real texts: one alone, four padded to the longest, and two of which one fills all 512 positions."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    long = " ".join(TEXTS * 12)
    cases = {}
    for name, texts, pairs in (
        ("one", TEXTS[:1], None),
        ("pair", TEXTS[:1], TEXTS[1:2]),
        ("padded", TEXTS, None),
        ("long", [long * 2, long[:1000]], None),
    ):
        batch = tokenizer(texts, pairs, padding=True, truncation=True, max_length=512, return_tensors="np")
        last = int(batch["attention_mask"].sum(1).min()) - 1
        cases[name] = {key: value.astype("int32") for key, value in batch.items()}
        cases[name]["positions"] = np.unique([0, 1, last // 2, last]).astype("int32")
        cases[name]["mlm_positions"] = np.tile(cases[name]["positions"], (len(texts), 1))
    return cases


def answers(model, case: dict) -> dict:
    """What the model makes of one case, under this project's names."""
    names = ("input_ids", "attention_mask", "token_type_ids")
    inputs = {key: torch.from_numpy(case[key]).long() for key in names if key in case}
    body = getattr(model, model.base_model_prefix, model)
    choices = type(model).__name__.endswith("ForMultipleChoice")
    rows = {key: value[None] for key, value in inputs.items()} if choices else inputs
    with torch.no_grad():
        hidden = body(**inputs)
        whole = hidden if body is model else model(**rows)
    found = {"sequence_output": hidden[0], "pooled_output": getattr(hidden, "pooler_output", None)}
    architecture = type(model).__name__
    if architecture == "BertForPreTraining":
        found["nsp_logits"] = whole.seq_relationship_logits
    if architecture.endswith(("BertForPreTraining", "ForMaskedLM")):
        logits = whole.prediction_logits if "nsp_logits" in found else whole.logits
        at = torch.from_numpy(case["mlm_positions"]).long()
        found["mlm_logits"] = logits[torch.arange(len(at))[:, None], at]
    if architecture.endswith(("ForSequenceClassification", "ForTokenClassification")):
        found["logits"] = whole.logits
    if choices:  # the rows of a case are the choices of one example
        found["logits"] = whole.logits.T
    found = {name: value.numpy() for name, value in found.items() if value is not None}
    if "positions" in case:
        found["sequence_output"] = found["sequence_output"][:, case["positions"]]
        if "mlm_logits" in found:  # every 97th word: 30,522 numbers a position would make a large file
            found["mlm_logits"] = found["mlm_logits"][..., ::97]
    return found


def record(model, cases: dict, name: str) -> None:
    arrays = {f"{case}.{key}": value for case, inputs in cases.items() for key, value in inputs.items()}
    for case, inputs in cases.items():
        arrays |= {f"{case}.{key}": value for key, value in answers(model, inputs).items()}
    np.savez_compressed(FIXTURES / f"{name}.npz", **arrays)
    print(f"{name}: {', '.join(cases)}: {(FIXTURES / f'{name}.npz').stat().st_size / 1e3:.0f} kB")


def in_old_dress(folder: Path, target: Path) -> None:
    """The same weights as folders of 2019 have them: gamma and beta, and the tied matrix under the head's name too."""
    tensors = {}
    for name, value in load_file(folder / "model.safetensors").items():
        old = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        tensors[old] = value
    tensors["cls.predictions.decoder.weight"] = tensors["bert.embeddings.word_embeddings.weight"].clone()
    tensors["bert.embeddings.position_ids"] = torch.arange(64)[None]
    target.mkdir(exist_ok=True)
    save_file(tensors, target / "model.safetensors")
    for name in ("config.json", "vocab.txt"):
        (target / name).write_bytes((folder / name).read_bytes())


def open_folder(folder: Path):
    """The model of the class that the folder's config.json names; complaints about its tensors end the script."""
    config = transformers.AutoConfig.from_pretrained(folder)
    model_class = getattr(transformers, config.architectures[0])
    model, info = model_class.from_pretrained(folder, output_loading_info=True, attn_implementation="eager")
    wrong = {key: value for key, value in info.items() if value and key != "error_msgs"}
    unwanted = {"embeddings.position_ids", "bert.embeddings.position_ids"}
    if set().union(*wrong.values()) - unwanted:
        sys.exit(f"{folder}: {wrong}")
    return model.eval()


def check(folder: Path, recorded: Path) -> None:
    """Opens a folder that kerasbert wrote; its outputs must be the recorded ones."""
    model, arrays = open_folder(folder), np.load(recorded)
    worst = 0.0
    for case in sorted({key.split(".")[0] for key in arrays}):
        inputs = {key.partition(".")[2]: arrays[key] for key in arrays if key.startswith(f"{case}.")}
        found = answers(model, inputs)
        worst = max([worst, *(float(np.abs(value - inputs[key]).max()) for key, value in found.items())])
    transformers.AutoTokenizer.from_pretrained(folder)("a text")
    print(f"{folder.name}: {type(model).__name__} opens; {', '.join(found)} differ by {worst:.1e} at most")
    if not worst <= TOLERANCE:
        sys.exit(1)


def make(name: str, model_class, config, seed: int):
    """Writes the folder of a tiny random model and records its outputs. Returns the model."""
    folder = FIXTURES / name
    config._attn_implementation = "eager"
    model = model_class(config).eval()
    randomise(model, seed)
    model.save_pretrained(folder)
    write_tokenizer(folder, config.model_type)
    record(model, random_cases(config, seed), name)
    return model


def make_all() -> None:
    for seed, (name, (model_class, config)) in enumerate(MODELS.items()):
        make(name, model_class, config, seed)
    in_old_dress(FIXTURES / "bert", FIXTURES / "bert_old")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--weights", type=Path, help="a folder with a real checkpoint to record")
    parser.add_argument("--name", help="what to call its fixture")
    parser.add_argument("--check", type=Path, help="a folder to open in transformers")
    parser.add_argument("--recorded", type=Path, help="the .npz to compare --check's outputs with")
    options = parser.parse_args()
    torch.set_num_threads(1)
    FIXTURES.mkdir(exist_ok=True)
    if options.check:
        check(options.check, options.recorded)
    elif options.weights:
        record(open_folder(options.weights), text_cases(options.weights), options.name)
    else:
        make_all()


if __name__ == "__main__":
    main()
