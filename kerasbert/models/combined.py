"""Layers of the user's own between an encoder and the outputs of a task, perhaps with numbers beside the text."""

import keras

from kerasbert.errors import ConfigError
from kerasbert.models.encoder import BertEncoder
from kerasbert.tasks.task import Input


def head_of(encoder: BertEncoder, outputs) -> keras.Model:
    """Cuts the user's layers out of a graph, as a model.

    Args:
        encoder: the encoder that the layers stand on.
        outputs: a symbolic tensor, made of tensors of the encoder (`tensors_of`), of outputs of a call of the encoder,
            and of further inputs, `keras.Input((width,), name=...)`.

    Returns:
        A functional model from these tensors, by name, to the outputs.

    Raises:
        ConfigError: the graph has another kind of input or a second encoder, or uses a layer of the encoder anew.
    """
    known = {id(tensor): name for name, tensor in reversed(tensors_of(encoder).items())}
    places = {id(tensor): place for place, tensor in enumerate(keras.tree.flatten(encoder.output))}
    by_place = {places[id(tensor)]: name for name, tensor in encoder.output.items()}
    own = set(map(id, encoder.layers))
    found, seen, wanted = {}, set(), keras.tree.flatten(outputs)
    while wanted:
        tensor = wanted.pop()
        if id(tensor) in seen:
            continue
        seen.add(id(tensor))
        operation, node, place = tensor._keras_history
        if id(tensor) in known:
            found[known[id(tensor)]] = tensor
        elif operation is encoder:
            found[by_place[place]] = tensor
        elif isinstance(operation, keras.layers.InputLayer):
            found[operation.name] = tensor
        elif id(operation) in own:
            raise ConfigError(
                f"outputs call the encoder's layer {operation.name!r} anew; take what it gives in the encoder, such as "
                'encoder.output["sequence_output"]'
            )
        elif isinstance(operation, BertEncoder | type(encoder.embeddings)):
            raise ConfigError(
                f"outputs use {operation.name!r} of another encoder: a model has one, and its own layers stand on that"
            )
        else:
            wanted += operation._inbound_nodes[node].input_tensors
    for name in sorted(found.keys() - tensors_of(encoder).keys()):
        shape, dtype = found[name].shape, found[name].dtype
        if dtype != "float32" or len(shape) != 2 or not shape[1]:
            raise ConfigError(
                f"the input {name!r} is {dtype} {shape}: beside the encoder's inputs there can be numbers, such as "
                'keras.Input((1,), name="price")'
            )
    # Keras wants inputs that are named as the keys of their dict.
    inputs = {name: keras.Input(x.shape[1:], dtype=x.dtype, name=name) for name, x in found.items()}
    cut = keras.Model(list(found.values()), outputs)
    same = keras.models.clone_model(cut, list(inputs.values()), clone_function=lambda layer: layer)
    return keras.Model(inputs, same.output, name="head")


def tensors_of(encoder: BertEncoder) -> dict:
    """The tensors of an encoder that other layers may stand on, by name: its inputs, its outputs, the vector of the
    first token (`first_output`), and the hidden state after each block but the last (`block_0`, ...)."""
    hidden = {block.name: block.output for block in encoder.blocks[:-1]}
    first = {} if encoder.first_output is None else {"first_output": encoder.first_output}
    return {**encoder.input, **encoder.output, **first, **hidden}


def with_head(encoder: BertEncoder, head: keras.Model) -> tuple[dict, object, tuple[Input, ...]]:
    """Puts a head on an encoder.

    Returns:
        The symbolic inputs of the whole by name, its outputs, and its inputs of numbers.
    """
    known = tensors_of(encoder)
    further = {
        name: keras.Input(tensor.shape[1:], dtype=tensor.dtype, name=name)
        for name, tensor in head.input.items()
        if name not in known
    }
    tensors = {name: known.get(name, further.get(name)) for name in head.input}
    numbers = tuple(Input(name, "number", width=tensor.shape[1]) for name, tensor in further.items())
    return {**encoder.input, **further}, head(tensors), numbers
