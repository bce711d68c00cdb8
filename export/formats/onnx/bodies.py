"""Loops and branches hold graphs of their own, which read tensors of the graph around them by name."""

from onnx import AttributeProto, GraphProto, NodeProto


def _bodies(node: NodeProto) -> list[GraphProto]:
    return [attribute.g for attribute in node.attribute if attribute.type == AttributeProto.GRAPH]


def reads(node: NodeProto) -> list[str]:
    """The tensors of the graph around it that a node reads, as inputs or inside its bodies."""
    found = list(node.input)
    for body in _bodies(node):
        own = {each.name for each in (*body.input, *body.initializer)}
        own.update(name for inner in body.node for name in inner.output)
        found += [name for inner in body.node for name in reads(inner) if name not in own]
    return found


def rename(node: NodeProto, old: str, new: str) -> None:
    """Makes a node read another tensor wherever it read this one."""
    for place, name in enumerate(node.input):
        if name == old:
            node.input[place] = new
    for inner in (inner for body in _bodies(node) for inner in body.node):
        rename(inner, old, new)
