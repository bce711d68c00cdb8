"""The time of a token of transformers' BERT2BERT in ONNX Runtime: the peer of `steps.py`, with the same shape.

    python tests/bench/steps_peer.py --threads 1

It runs in an environment that has torch, transformers, onnx and onnxruntime. The decoder's step is exported with its
caches as inputs and outputs: those of its own tokens grow by one entry per step, and those of the source stay. The
table has the medians of the milliseconds of an early and of a late step, and of all.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from transformers import BertConfig, EncoderDecoderConfig, EncoderDecoderModel
from transformers.cache_utils import DynamicCache, EncoderDecoderCache

EARLY, LATE = 4, 40


def small(words: int, width: int, blocks: int) -> EncoderDecoderModel:
    config = BertConfig(
        vocab_size=words,
        hidden_size=width,
        num_hidden_layers=blocks,
        num_attention_heads=max(1, width // 32),
        intermediate_size=4 * width,
        max_position_embeddings=128,
    )
    both = EncoderDecoderConfig.from_encoder_decoder_configs(config, config)
    return EncoderDecoderModel(both).eval()


class Step(torch.nn.Module):
    """One token with caches as tensors: keys and values of the decoder's own tokens, then of the source, by layer."""

    def __init__(self, model: EncoderDecoderModel):
        super().__init__()
        self.decoder, self.blocks = model.decoder, model.decoder.config.num_hidden_layers

    def forward(self, ids, place, mask, *flat):
        pairs = list(zip(flat[::2], flat[1::2], strict=True))
        caches = EncoderDecoderCache(DynamicCache(pairs[: self.blocks]), DynamicCache(pairs[self.blocks :]))
        caches.is_updated = dict.fromkeys(range(self.blocks), True)
        found = self.decoder(
            input_ids=ids,
            position_ids=place,
            encoder_hidden_states=flat[-1].transpose(1, 2).flatten(2),
            encoder_attention_mask=mask,
            past_key_values=caches,
            use_cache=True,
        )
        layers = found.past_key_values.self_attention_cache.layers
        return (found.logits, *(each for layer in layers for each in (layer.keys, layer.values)))


def exported(folder: Path, model: EncoderDecoderModel, source: int) -> None:
    """Writes the step as `.onnx`."""
    config = model.decoder.config
    heads, size, blocks = (
        config.num_attention_heads,
        config.hidden_size // config.num_attention_heads,
        Step(model).blocks,
    )
    own = [torch.randn(1, heads, 3, size) for _ in range(2 * blocks)]
    cross = [torch.randn(1, heads, source, size) for _ in range(2 * blocks)]
    given = (torch.tensor([[7]]), torch.tensor([[3]]), torch.ones(1, source, dtype=torch.int64), *own, *cross)
    names = ["ids", "place", "mask"] + [f"own_{at}" for at in range(2 * blocks)]
    names += [f"cross_{at}" for at in range(2 * blocks)]
    results = ["logits"] + [f"next_{at}" for at in range(2 * blocks)]
    grows = {name: {2: "past"} for name in names if name.startswith("own")}
    grows |= {name: {2: "past_and_one"} for name in results if name.startswith("next")}
    torch.onnx.export(
        Step(model).eval(),
        given,
        str(folder / "step.onnx"),
        input_names=names,
        output_names=results,
        dynamic_axes=grows,
        opset_version=18,
        dynamo=False,
    )
    _check(folder / "step.onnx", model, names, given)


def _check(path: Path, model, names: list[str], given: tuple) -> None:
    """Prints how far a logit is from PyTorch's, with caches of the exported length and of four times that."""
    session = onnxruntime.InferenceSession(str(path))
    taken = {each.name for each in session.get_inputs()}
    for times in (1, 4):
        longer = [
            each.repeat(1, 1, times, 1) if name.startswith("own") else each
            for name, each in zip(names, given, strict=True)
        ]
        fed = {name: each.numpy() for name, each in zip(names, longer, strict=True) if name in taken}
        with torch.no_grad():
            right = Step(model)(*longer)[0].numpy()
        print(
            f"largest difference of a logit from PyTorch's: {np.abs(session.run(['logits'], fed)[0] - right).max():.1e}"
        )


def written(session, model: EncoderDecoderModel, source: int, tokens: int) -> list[float]:
    """The seconds of each step of a text of random tokens."""
    config, random = model.decoder.config, np.random.default_rng(0)
    heads, size = config.num_attention_heads, config.hidden_size // config.num_attention_heads
    fed = {"mask": np.ones((1, source), np.int64)}
    for at in range(2 * config.num_hidden_layers):
        fed[f"own_{at}"] = np.zeros((1, heads, 0, size), np.float32)
        fed[f"cross_{at}"] = random.standard_normal((1, heads, source, size)).astype(np.float32)
    taken = {each.name for each in session.get_inputs()}
    fed, seconds = {name: each for name, each in fed.items() if name in taken}, []
    for place in range(tokens):
        start = time.perf_counter()
        fed["ids"], fed["place"] = random.integers(5, config.vocab_size, (1, 1)), np.array([[place]])
        _, *caches = session.run(None, fed)
        fed |= {f"own_{at}": each for at, each in enumerate(caches)}
        seconds.append(time.perf_counter() - start)
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--source", type=int, default=32)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--words", type=int, default=4000)
    parser.add_argument("--width", type=int, default=128)
    parser.add_argument("--blocks", type=int, default=3)
    given = parser.parse_args()
    torch.manual_seed(0)
    model = small(given.words, given.width, given.blocks)
    with tempfile.TemporaryDirectory() as folder:
        exported(Path(folder), model, given.source)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = given.threads
        session = onnxruntime.InferenceSession(str(Path(folder) / "step.onnx"), options)
        rounds = [written(session, model, given.source, LATE) for _ in range(given.rounds + 1)][1:]
    early, late = (1e3 * statistics.median(min(each[at - 1 : at + 2]) for each in rounds) for at in (EARLY, LATE))
    per_token = 1e3 * statistics.median(statistics.median(each) for each in rounds)
    print(f"step {EARLY}: {early:.2f} ms   step {LATE}: {late:.2f} ms   per token: {per_token:.2f} ms")


if __name__ == "__main__":
    main()
