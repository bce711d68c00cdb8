"""Records what transformers' EncoderDecoderModel computes. Needs a Python that has torch and transformers (5.x).

    python tests/parity/record_seq2seq.py                 # makes the tiny folders and records logits and texts
    python tests/parity/record_seq2seq.py --check DIR --recorded FILE    # opens DIR and compares its logits

The folders are random with fixed seeds, and go to `fixtures/NAME/`. `fixtures/NAME.npz` has the inputs of two sources,
one of them padded, the logits of a target, and the texts of greedy search and of four beams with their scores.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
import transformers
from record_transformers import BERT, FIXTURES, ROBERTA, TOLERANCE, randomise, write_tokenizer

SEARCH = {"max_new_tokens": 12, "output_scores": True, "return_dict_in_generate": True}
CONFIGS = {
    "seq2seq_bert": (transformers.BertConfig, BERT, {"decoder_start_token_id": 2, "eos_token_id": 3}),
    "seq2seq_roberta": (transformers.RobertaConfig, ROBERTA, {"decoder_start_token_id": 0, "eos_token_id": 2}),
}


def inputs_of(config) -> dict:
    random = np.random.default_rng(5)
    mask = np.array([[1] * 9, [1] * 5 + [0] * 4], "int32")
    ids = np.where(mask, random.integers(5, config.encoder.vocab_size, mask.shape), config.encoder.pad_token_id)
    target = random.integers(5, config.decoder.vocab_size, (2, 7))
    return {
        "input_ids": ids.astype("int32"),
        "attention_mask": mask,
        "decoder_input_ids": target.astype("int32"),
    }


def logits_of(model, inputs: dict) -> np.ndarray:
    with torch.no_grad():
        return model(**{name: torch.from_numpy(inputs[name]).long() for name in inputs}).logits.numpy()


def make(name: str, config_class, sizes: dict, tokens: dict, seed: int) -> None:
    encoder = config_class(**sizes)
    decoder = config_class(**{**sizes, "num_hidden_layers": 3}, is_decoder=True, add_cross_attention=True)
    config = transformers.EncoderDecoderConfig(encoder=encoder.to_dict(), decoder=decoder.to_dict(), **tokens)
    config.pad_token_id = encoder.pad_token_id
    model = transformers.EncoderDecoderModel(config=config).eval()
    model.set_attn_implementation("eager")
    randomise(model, seed)
    model.tie_weights()
    model.save_pretrained(FIXTURES / name)
    write_tokenizer(FIXTURES / name, encoder.model_type)
    inputs = inputs_of(config)
    arrays = {**inputs, "logits": logits_of(model, inputs)}
    given = {name: torch.from_numpy(inputs[name]).long() for name in ("input_ids", "attention_mask")}
    for beams in (1, 4):
        tokens = {**tokens, "pad_token_id": encoder.pad_token_id}
        found = model.generate(**given, **SEARCH, **tokens, num_beams=beams, do_sample=False)
        arrays[f"sequences_{beams}"] = found.sequences.numpy().astype("int32")
        if beams > 1:
            arrays[f"scores_{beams}"] = found.sequences_scores.numpy()
    np.savez_compressed(FIXTURES / f"{name}.npz", **arrays)
    print(name, {key: value.shape for key, value in arrays.items()}, arrays["sequences_1"][:, :6])


def check(folder: Path, recorded: Path) -> None:
    model, info = transformers.EncoderDecoderModel.from_pretrained(folder, output_loading_info=True)
    wrong = {key: value for key, value in info.items() if value and key != "error_msgs"}
    arrays = np.load(recorded)
    inputs = {name: arrays[name] for name in ("input_ids", "attention_mask", "decoder_input_ids")}
    gap = float(np.abs(logits_of(model.eval(), inputs) - arrays["logits"]).max())
    print(f"{folder.name}: logits differ by {gap:.1e} at most; {wrong}")
    if not gap <= TOLERANCE:
        sys.exit(1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", type=Path, help="a folder to open in transformers")
    parser.add_argument("--recorded", type=Path, help="the .npz to compare --check's logits with")
    options = parser.parse_args()
    torch.set_num_threads(1)
    if options.check:
        check(options.check, options.recorded)
        return
    for seed, (name, row) in enumerate(CONFIGS.items()):
        make(name, *row, seed)


if __name__ == "__main__":
    main()
