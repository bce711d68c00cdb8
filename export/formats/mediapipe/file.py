"""A `.tflite` file for MediaPipe's text tasks and the Task Library, with vocabulary and labels inside; gives scores."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from kerasbert.errors import ExportError
from kerasbert.export.formats.mediapipe.device_tokenizer import misread_characters
from kerasbert.export.formats.mediapipe.metadata import CONTRACTS, INPUTS, Metadata, with_metadata
from kerasbert.export.formats.scores import SCORES
from kerasbert.export.formats.settings import Settings
from kerasbert.export.formats.tflite.file import Ends, write_tflite
from kerasbert.tasks.task import Output, labels_of

log = logging.getLogger("kerasbert")


def write_mediapipe(model, targets: Mapping[Path, str], settings: Settings) -> None:
    """Writes a model for MediaPipe's TextClassifier or TextEmbedder, or the Task Library's BertNLClassifier or
    BertQuestionAnswerer.

    Inputs: `input_ids`, `token_type_ids`, `attention_mask`, int32 (1, length), also where the model has fewer. Output:
    `probability`, float32 (1, labels), or `embedding`, float32 (1, hidden_size), or `end_logits` and `start_logits`,
    float32 (1, 384). The file has one signature and one subgraph. A model without segments still gets `token_type_ids`,
    because the libraries demand three inputs. A warning counts the characters that their tokenizer reads otherwise, by
    script.

    Args:
        model: a `TextClassifier`, `SentenceEncoder` or `QuestionAnswerer` with float32 variables and a WordPiece
            tokenizer.
        targets: file -> "none" or "int8".
        settings: the inputs have the longest length; MediaPipe pads texts to it and cuts longer ones.

    Raises:
        ExportError: see `check_mediapipe`, or the converter failed.
    """
    check_mediapipe(model)
    task = model.task
    ends = Ends(inputs=INPUTS, outputs=_outputs(task.contract, model.graphs()[0].outputs))
    write_tflite(model, targets, replace(settings, lengths=[settings.longest]), ends=ends)
    metadata = Metadata(
        contract=task.contract,
        vocabulary=model.tokenizer.vocabulary,
        labels=labels_of(model.settings),
        description=f"{task.words.title.lower()} of {settings.longest} tokens, exported by kerasbert",
    )
    for path in targets:
        path.write_bytes(with_metadata(path.read_bytes(), metadata))
    if misread := misread_characters(model.tokenizer):
        log.warning(
            "%s: MediaPipe's tokenizer reads %d characters otherwise than BERT's does with this vocabulary: %s",
            ", ".join(path.name for path in targets),
            sum(misread.values()),
            ", ".join(f"{count} {script}" for script, count in misread.items()),
        )


def check_mediapipe(model) -> None:
    """Raises ExportError if these libraries do not have the model's task, its tokenizer or its length."""
    task, kind = model.task, model.tokenizer.kind
    if task.contract not in CONTRACTS:
        raise ExportError(f"MediaPipe has no task for the outputs of {task.name}: export this model without mediapipe")
    if any(output.bar == "number" for graph in model.graphs() for output in graph.outputs):
        raise ExportError(
            "MediaPipe's TextClassifier gives categories, and this model gives a number: export it without mediapipe"
        )
    length = CONTRACTS[task.contract].length
    if length not in (None, model.max_length):
        raise ExportError(
            f"the Task Library's {task.contract} takes {length} tokens, and this model takes {model.max_length}: "
            f"export it with max_length {length}, or without mediapipe"
        )
    if kind != "wordpiece":
        raise ExportError(f"MediaPipe has no {kind} tokenizer, only BERT's: export this model without mediapipe")


def _outputs(contract: str, outputs: Sequence[Output]) -> Callable[[dict], dict]:
    """The function from a model's outputs to those of the contract.

    An output that the contract has under the same name stays as it is. A contract with another name wants scores, which
    the device's libraries show as they are.
    """
    wanted = CONTRACTS[contract].outputs
    if wanted.keys() == {each.name for each in outputs}:
        return lambda found: {each.name: found[each.name] for each in outputs}
    ((name,), (output,)) = wanted, outputs
    scores = SCORES.get(output.bar, lambda numbers: numbers)
    return lambda found: {name: scores(found[output.name])}
