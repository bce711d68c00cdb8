"""What the model cards of Keras models say: the model, how to use it, and what it was made from."""

import dataclasses
import json
from collections.abc import Mapping, Sequence

from kerasbert.checkpoints import modules
from kerasbert.checkpoints.card import OWN, Base, Card
from kerasbert.checkpoints.names import ARCHITECTURES
from kerasbert.config import PAIR_TYPE
from kerasbert.tasks import task_named

PLACE = "path-or-hub-id"
"""The folder in the card's programs, whose place nobody knows yet."""
TEXT = "a lovely film"


def encoder_card(encoder) -> Card:
    """The card of a `BertEncoder`."""
    ours = f'encoder = kb.BertEncoder.from_pretrained("{PLACE}")\nencoder(encoder.tokenizer(["{TEXT}"]))'
    gives = task_named("feature-extraction").words.gives
    facts = {"task": "encoder", "max_length": encoder.config.max_length}
    uses = {"kerasbert": _program(ours), **_with_transformers(encoder, "encoder", [TEXT])}
    return _card(encoder, encoder, "encoder", gives, facts, uses)


def pretraining_card(model) -> Card:
    """The card of a `PretrainingModel`, whose head for masked words a `MaskFiller` reads."""
    task, head = task_named("fill-mask"), model.saved_as
    columns = _columns(task)
    facts = {"task": head, "max_length": model.config.max_length}
    ours = _ours("MaskFiller", "predict_text", columns)
    uses = {"kerasbert": ours, **_with_transformers(model.encoder, head, columns)}
    return _card(model, model.encoder, head, task.words.gives, facts, uses)


def task_card(model) -> Card:
    """The card of a `TextModel`."""
    task, known = model.task, model.transformers_settings()
    columns, uses, library = _columns(task), {}, OWN
    if not model.is_foreign_to_transformers():
        read = not any(each.lists_texts for each in task.fields)  # transformers makes no rows of several texts
        uses = _with_transformers(model.encoder, known["head"], columns if read else [None])
        library = "transformers"
    if modules.NAME in (known.get("files") or {}):
        library = "sentence-transformers"
        theirs = f'model = SentenceTransformer("{PLACE}")\nmodel.encode(["{TEXT}"])'
        uses = {library: f"from sentence_transformers import SentenceTransformer\n\n{theirs}"}
    uses = {"kerasbert": _ours(type(model).__name__, model.answering, columns), **uses}
    facts = {"task": task.name, **dataclasses.asdict(model.settings)}
    return _card(model.saved_part(), model.encoder, task.name, task.words.gives, facts, uses, library)


def _card(saved, encoder, task: str, gives: str, facts: Mapping, uses: Mapping, library: str = "transformers") -> Card:
    config, family = encoder.config, ARCHITECTURES[encoder.config.model_type]["encoder"].removesuffix("Model")
    return Card(
        said=f"This {family} model gives {gives}. It was made with kerasbert{_origin(encoder.base)}.",
        task=task,
        facts={
            **facts,
            "family": config.model_type,
            "blocks": config.num_hidden_layers,
            "hidden size": config.hidden_size,
            "attention heads": config.num_attention_heads,
            "vocabulary": config.vocab_size,
            "parameters": saved.count_params(),
        },
        library=OWN if config.is_foreign else library,
        uses=uses,
        base=encoder.base,
    )


def _origin(base: Base | None) -> str:
    """The end of a sentence that says what a model was made from."""
    if base is None:
        return ""
    linked = base.id and f"[{base.id}](https://huggingface.co/{base.id})"
    if base.id in (None, base.title):
        return f" from {linked or base.title}"
    return f" from {base.title}, which was made from {linked}"


def _columns(task) -> list[object]:
    """One value per field of the golden example that programs show."""
    shown = [each for each in task.golden if task.words.shown in each.fields.values()] or task.golden
    return [value for value in shown[0].fields.values() if value is not None]


def _ours(loader: str, answering: str, columns: Sequence) -> str:
    given = ", ".join(json.dumps([value], ensure_ascii=False) for value in columns)
    return _program(f'model = kb.{loader}.from_pretrained("{PLACE}")\nmodel.{answering}({given})')


def _program(code: str) -> str:
    return f"import kerasbert as kb\n\n{code}"


def _with_transformers(encoder, head: str, columns: Sequence) -> dict[str, str]:
    """The program for transformers, by its name. Without an answer where a field is not a text."""
    known = ARCHITECTURES[encoder.config.model_type] | ARCHITECTURES[PAIR_TYPE]
    name, answer = known.get(head), "model({})"
    if head in ARCHITECTURES[PAIR_TYPE]:
        answer = "tokenizer.batch_decode(model.generate({}), skip_special_tokens=True)"
    if name is None or encoder.tokenizer is None or encoder.config.is_foreign:
        return {}
    lines = [
        f"from transformers import AutoTokenizer, {name}",
        "",
        f'tokenizer = AutoTokenizer.from_pretrained("{PLACE}")',
        f'model = {name}.from_pretrained("{PLACE}")',
    ]
    if all(isinstance(value, str) for value in columns):
        given = ", ".join(json.dumps(value, ensure_ascii=False) for value in columns)
        mask = encoder.tokenizer.special["mask"]
        lines.append(answer.format(f'**tokenizer({given.replace("[MASK]", mask)}, return_tensors="pt")'))
    return {"transformers": "\n".join(lines)}
