"""Records the start and end logits of a tiny question answerer of each family in transformers.

    python tests/parity/record_questions.py

It needs a Python that has torch and transformers (5.x). The encoders are those of `record_tokens.py`, with random
heads. It writes `fixtures/questions.npz`: per family the head, the inputs and the logits.
"""

from pathlib import Path

import numpy as np
import torch
import transformers

FIXTURES = Path(__file__).parent / "fixtures"
MODELS = {
    "bert": transformers.BertForQuestionAnswering,
    "roberta": transformers.RobertaForQuestionAnswering,
    "distilbert": transformers.DistilBertForQuestionAnswering,
}


def main() -> None:
    torch.set_num_threads(1)
    arrays = {}
    for family, model_class in MODELS.items():
        folder = FIXTURES / f"{family}_tokens"
        model = model_class.from_pretrained(folder, num_labels=2).eval()
        torch.manual_seed(0)
        torch.nn.init.normal_(model.qa_outputs.weight)
        torch.nn.init.normal_(model.qa_outputs.bias)
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        batch = tokenizer(
            ["where is the dog", "is it a film"],
            ["the dog and the cat was here", "it is a better film, found in time"],
            padding=True,
            return_tensors="pt",
        )
        if family != "bert":
            batch.pop("token_type_ids", None)
        with torch.no_grad():
            found = model(**batch)
        outputs = {"start_logits": found.start_logits, "end_logits": found.end_logits}
        head = {"weight": model.qa_outputs.weight.detach(), "bias": model.qa_outputs.bias.detach()}
        arrays |= {f"{family}.{name}": value.numpy() for name, value in {**batch, **outputs, **head}.items()}
    np.savez_compressed(FIXTURES / "questions.npz", **arrays)


if __name__ == "__main__":
    main()
