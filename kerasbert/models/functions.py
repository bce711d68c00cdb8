"""The graphs of a model as the functions that exported files compute."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from kerasbert.tasks.task import Graph


@dataclass(frozen=True, kw_only=True)
class GraphFunction:
    """A graph of a model, and what computes it.

    Attributes:
        graph: its inputs and outputs.
        inputs: input name -> the symbolic tensor of the Keras model.
        call: tensors of inputs by name -> tensors of outputs by name.
        embeddings: the layer that looks up the graph's ids.
        places: the largest number of tokens in its cache; None if it has none.
    """

    graph: Graph
    inputs: Mapping
    call: Callable[[dict], dict]
    embeddings: object
    places: int | None = None
