"""Refuses Keras's `quantize`, which would leave the weights as they are and say nothing."""

from kerasbert.errors import ConfigError


class Unquantized:
    """A mixin, listed before `keras.Model`. Keras quantizes only layers of its own exact classes."""

    def quantize(self, *arguments, **options):
        """Raises ConfigError: Keras's quantization would change nothing; exported files are quantized instead."""
        raise ConfigError(
            "quantize would change nothing, because the layers are kerasbert's own; quantize the exported files: "
            'kerasbert.export.export_bundle(model, "bundle/", quantize=["int8"])'
        )
