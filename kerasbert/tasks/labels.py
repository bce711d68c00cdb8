"""The labels of a task: what they may be, and how transformers writes them into config.json."""

from collections.abc import Iterable, Mapping, Sequence

from kerasbert.errors import ConfigError


def checked_labels(labels: Sequence[str]) -> tuple[str, ...]:
    """The names of a model's labels, for its settings.

    Raises:
        ConfigError: they are no list of names, there are none, or one is there twice.
    """
    listed = isinstance(labels, Iterable) and not isinstance(labels, str)
    if not listed or not all(isinstance(label, str) for label in labels):
        raise ConfigError(f"labels is {labels!r}: give a list of names")
    if not labels:
        raise ConfigError('labels is empty: give names such as ["negative", "positive"], or ["price"] for a number')
    if len(set(labels)) != len(labels):
        raise ConfigError(f"labels repeat: {', '.join(sorted({x for x in labels if list(labels).count(x) > 1}))}")
    return tuple(labels)


def label_keys(labels: Sequence[str]) -> dict[str, dict]:
    """The keys of config.json that name the labels."""
    numbered = dict(enumerate(labels))
    return {
        "id2label": {str(index): label for index, label in numbered.items()},
        "label2id": {label: index for index, label in numbered.items()},
    }


def stored_labels(config: Mapping, outputs: int) -> tuple[str, ...]:
    """The names in `id2label`, in the order of the head's outputs; numbered if config.json has none.

    Args:
        config: content of config.json. outputs: number of outputs of the head.

    Raises:
        ConfigError: the names do not number the outputs.
    """
    named = config.get("id2label") or {str(row): f"LABEL_{row}" for row in range(outputs)}
    if not isinstance(named, dict) or set(named) != {str(row) for row in range(outputs)}:
        raise ConfigError(
            f"id2label is {named!r:.200}, but the classifier has {outputs} outputs: name each from 0 to {outputs - 1}"
        )
    labels = [str(named[str(row)]) for row in range(outputs)]
    again = [label for label in labels if labels.count(label) > 1]
    if again:
        raise ConfigError(f"id2label names {again[0]!r} {len(again)} times; give each output a name of its own")
    return tuple(labels)
