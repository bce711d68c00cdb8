"""The exceptions that kerasbert raises on purpose. The command line prints one line and exits with code 1."""


class KerasBertError(Exception):
    """The base class. A message names the value, its place and how to correct it."""


class ConfigError(KerasBertError):
    """A configuration or argument that no model can be built from."""


class CheckpointError(KerasBertError):
    """Weights that cannot be read, or that do not fit the model."""


class TokenizerError(KerasBertError):
    """A vocabulary or tokenizer file that cannot be used, or text that cannot be tokenised."""


class DataError(KerasBertError):
    """A data file or a row in it that cannot be used."""


class ExportError(KerasBertError):
    """An export that could not be made or did not pass its parity gate."""


class BundleError(KerasBertError):
    """A bundle that is incomplete, was changed, or cannot be used as requested."""


class MissingDependency(KerasBertError, ImportError):
    """An optional package that is not installed; the message names the extra that installs it."""
