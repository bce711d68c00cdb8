"""The exceptions that users can meet. The command line turns each into one line and exit code 1."""


class KerasBertError(Exception):
    """Anything kerasbert reports on purpose: the message names the value, the place and the mend."""


class ConfigError(KerasBertError):
    """A configuration that no model can be built from."""


class CheckpointError(KerasBertError):
    """Weights that cannot be read, or that do not fit the model."""


class TokenizerError(KerasBertError):
    """A vocabulary or tokenizer file that cannot be used, or text that cannot be tokenised."""


class DataError(KerasBertError):
    """A data file or a row in it that cannot be used."""


class ExportError(KerasBertError):
    """An export that could not be made or did not pass its parity gate."""


class BundleError(KerasBertError):
    """A bundle that is incomplete, changed or of another kind."""


class MissingDependency(KerasBertError, ImportError):
    """An optional package that is not installed; the message names the extra that brings it."""
