"""Records what transformers' generate writes for the tables of tables.py: beams.json.

    python tests/decoding/record_transformers.py

Needs transformers 5.24 and torch, which are no dependencies of kerasbert.
"""

import json
from itertools import product
from pathlib import Path

import numpy as np
import torch
import transformers
from tables import END, START, Table
from transformers import GenerationMixin, PretrainedConfig, PreTrainedModel
from transformers.modeling_outputs import CausalLMOutput

CASES = [
    {"beams": beams, "length_penalty": penalty, "no_repeat": 0, "least": 0, "most": 9}
    for beams, penalty in product((2, 3, 4), (-1.0, 0.0, 0.6, 1.0, 2.0))
] + [
    {"beams": beams, "length_penalty": 1.0, "no_repeat": no_repeat, "least": least, "most": 12}
    for beams, (no_repeat, least) in product((1, 3), ((0, 0), (1, 0), (2, 0), (3, 0), (0, 4), (2, 6)))
]
SEEDS, VOCABULARY, ENDING = (0, 1, 2), 12, 1.5


class TableModel(PreTrainedModel, GenerationMixin):
    """A table as a model of transformers."""

    config_class = PretrainedConfig
    main_input_name = "input_ids"

    def __init__(self, table: Table):
        super().__init__(PretrainedConfig(vocab_size=VOCABULARY, eos_token_id=END, pad_token_id=0, bos_token_id=START))
        self.table, self.nothing = table, torch.nn.Parameter(torch.zeros(1))
        self._no_split_modules = []

    def forward(self, input_ids, **_):
        logits = np.array([self.table.logits(text) for text in input_ids.tolist()], np.float32)
        logits = torch.from_numpy(logits)
        return CausalLMOutput(logits=logits[:, None])

    def prepare_inputs_for_generation(self, input_ids, **_):
        return {"input_ids": input_ids}


def written(seed: int, case: dict) -> dict:
    beams = case["beams"]
    found = TableModel(Table(seed, VOCABULARY, ending=ENDING)).generate(
        torch.tensor([[START]]),
        num_beams=beams,
        num_return_sequences=beams,
        length_penalty=case["length_penalty"],
        no_repeat_ngram_size=case["no_repeat"],
        min_new_tokens=case["least"],
        max_new_tokens=case["most"],
        do_sample=False,
        use_cache=False,
        return_dict_in_generate=True,
        output_scores=True,
    )
    texts = []
    for ids in found.sequences[:, 1:].tolist():
        texts.append(ids[: ids.index(END) + 1] if END in ids else ids)
    scores = [] if beams == 1 else [round(score, 6) for score in found.sequences_scores.tolist()]
    return {"seed": seed, **case, "texts": texts, "scores": scores}


if __name__ == "__main__":
    record = {
        "transformers": transformers.__version__,
        "vocabulary": VOCABULARY,
        "ending": ENDING,
        "cases": [written(seed, case) for seed in SEEDS for case in CASES],
    }
    lines = ",\n".join(json.dumps(each) for each in record.pop("cases"))
    Path(__file__).with_name("beams.json").write_text(json.dumps(record)[:-1] + f', "cases": [\n{lines}\n]}}\n')
