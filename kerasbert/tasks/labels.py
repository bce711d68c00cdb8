"""Labels as transformers writes them into config.json."""

from collections.abc import Mapping

from kerasbert.errors import ConfigError


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
    return tuple(str(named[str(row)]) for row in range(outputs))
