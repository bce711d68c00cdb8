"""A table in 16 bits that is looked up and also multiplied: the CPU's delegate takes the product only if it has the
table to itself."""

import copy

from ai_edge_litert import schema_py_generated as schema

from kerasbert.export.formats.tflite.entries import packed, unpacked

WIDENS, LOOKS_UP = schema.BuiltinOperator.DEQUANTIZE, schema.BuiltinOperator.GATHER


def with_own_tables(model: bytes) -> bytes:
    """The model with two operations that widen such a table in place of one: for the look-ups and for the others. Both
    read the same bytes of the file."""
    content = unpacked(model)
    kinds = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in content.operatorCodes]
    for graph in content.subgraphs:
        for widening in [each for each in graph.operators if kinds[each.opcodeIndex] == WIDENS]:
            (wide,) = widening.outputs
            readers = [each for each in graph.operators if wide in each.inputs]
            looking = [each for each in readers if kinds[each.opcodeIndex] == LOOKS_UP]
            if not looking or len(looking) == len(readers):
                continue
            twin, own = copy.copy(widening), copy.copy(graph.tensors[wide])
            own.name = own.name + b"_own"
            twin.outputs = [len(graph.tensors)]
            graph.tensors.append(own)
            graph.operators.insert(graph.operators.index(widening), twin)
            for each in readers:
                if each not in looking:
                    each.inputs = [twin.outputs[0] if tensor == wide else int(tensor) for tensor in each.inputs]
    return packed(content)
