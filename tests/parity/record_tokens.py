"""Records a tiny random token classifier of each family in transformers: logits, and its pipeline's answers.

    python tests/parity/record_tokens.py

It needs a Python that has torch and transformers (5.x). Like `record_transformers.py`, whose sizes and tokenizers it
takes, it writes the folders `fixtures/NAME/` and `fixtures/NAME.npz`; and `fixtures/token_answers.json`, the answers of
`TokenClassificationPipeline` to `TEXTS` with each of its five strategies.
"""

import json

import torch
import transformers
from record_transformers import BERT, DISTIL, FIXTURES, ROBERTA, make

NAMES = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
LABELS = {"id2label": dict(enumerate(NAMES)), "label2id": {name: index for index, name in enumerate(NAMES)}}
MODELS = {
    "bert_tokens": (transformers.BertForTokenClassification, transformers.BertConfig(**BERT, **LABELS)),
    "roberta_tokens": (transformers.RobertaForTokenClassification, transformers.RobertaConfig(**ROBERTA, **LABELS)),
    "distilbert_tokens": (
        transformers.DistilBertForTokenClassification,
        transformers.DistilBertConfig(**DISTIL, **LABELS),
    ),
}
TEXTS = (
    "the dog and the cat was here",
    "my dog takes a better film and the dogs in time",
    "my dog is asleep, a film is being found in the idea; is it the better dog",
    "the 😀 dog was unbelievable and a cat took the time",
    "Hello, my dog is cute. A lovely film that takes its time!",
    "",
)
STRATEGIES = ("none", "simple", "first", "average", "max")


def main() -> None:
    torch.set_num_threads(1)
    answers = {}
    for seed, (name, (model_class, config)) in enumerate(MODELS.items(), 20):
        model = make(name, model_class, config, seed)
        tokenizer = transformers.AutoTokenizer.from_pretrained(FIXTURES / name)
        answers[name] = {}
        for strategy in STRATEGIES:
            ask = transformers.pipeline("ner", model=model, tokenizer=tokenizer, aggregation_strategy=strategy)
            answers[name][strategy] = [[_plain(each) for each in ask(text)] if text else [] for text in TEXTS]
    lines = json.dumps({"texts": TEXTS, "answers": answers}, ensure_ascii=False, indent=None)
    (FIXTURES / "token_answers.json").write_text(lines + "\n", encoding="utf-8")


def _plain(answer: dict) -> dict:
    kept = ("entity", "entity_group", "index", "start", "end")
    return {**{key: answer[key] for key in kept if key in answer}, "score": round(float(answer["score"]), 7)}


if __name__ == "__main__":
    main()
