"""Whether TensorFlow's graph can make the ids of a model, so that a file takes texts."""

from collections.abc import Mapping

from kerasbert.tasks.task import Graph


def why_not(tokenizer: Mapping, graph: Graph) -> str | None:
    """Why a SavedModel has no signature for texts; None if it has one.

    Args:
        tokenizer: the options of the tokenizer, as in kerasbert.json.
        graph: the model's graph. An output per token needs the place of each token in its text.
    """
    if tokenizer["kind"] != "wordpiece":
        return f"tensorflow-text has no {tokenizer['kind']} tokenizer like the model's"
    strips = [each["content"] for each in tokenizer["added_tokens"] if each.get("lstrip") or each.get("rstrip")]
    if graph.by_token and strips:
        return f"the added token {strips[0]!r} takes the spaces beside it, and has no place of its own"
    return None
