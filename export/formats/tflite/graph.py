"""The operations inside a `.tflite` file, and how many of them run outside the CPU delegate."""

import re
import struct
from collections import Counter
from pathlib import Path

from ai_edge_litert.interpreter import Interpreter

from kerasbert.errors import BundleError
from kerasbert.export.formats.tflite.entries import packed, unpacked
from kerasbert.quiet import quiet
from kerasbert.tf.text_file import OPERATIONS, text_interpreter

NAMED = re.compile(r"(.+)_(\d+)")
"""The name of a signature of a file with several graphs: that of the graph, and a number of tokens."""


def longest_signatures(path: str | Path) -> list[str]:
    """The longest signature of each graph: ["decoder_step_128", "encoder_128"], or [] for a file with a single graph.

    Raises:
        BundleError: not a TFLite file.
    """
    try:
        names = [each.signatureKey.decode() for each in unpacked(Path(path).read_bytes()).signatureDefs or ()]
    except (ValueError, struct.error) as error:
        raise BundleError(f"{path}: not a whole TFLite model ({error}); export again") from None
    longest: dict[str, int] = {}
    for graph, length in (found.groups() for found in map(NAMED.fullmatch, names) if found):
        longest[graph] = max(int(length), longest.get(graph, 0))
    return sorted(f"{graph}_{length}" for graph, length in longest.items()) if len(longest) > 1 else []


def read_graph(path: str | Path, signature: str | None = None) -> dict:
    """Facts about one graph of a `.tflite` file.

    Args:
        signature: the name of a signature; None: the main graph.

    Returns:
        `signatures`, `inputs` and `outputs` (name -> shape), `operations` (name -> count), `partitions` of the XNNPACK
        delegate, and `nodes_outside` (operations that it does not take, name -> count).

    Raises:
        BundleError: not a whole TFLite file, or one with Flex or custom operations, which plain LiteRT cannot run. The
            operations of tensorflow-text are allowed.
        MissingDependency: the file has operations of tensorflow-text, which is not installed.
    """
    try:
        with quiet():
            opened = {"model_path": str(path)} if signature is None else {"model_content": alone(path, signature)}
            interpreter = Interpreter(**opened, num_threads=1)
            # LiteRT has no public list of operations; its own model analyser reads this one.
            foreign = {n["op_name"] for n in interpreter._get_ops_details() if not n["op_name"].isupper()}
            if foreign and foreign <= OPERATIONS:
                interpreter = text_interpreter(Path(path), threads=1)
            elif foreign:
                raise BundleError(f"{path}: needs operations that LiteRT does not have: {', '.join(sorted(foreign))}")
            interpreter.allocate_tensors()
    except (ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        raise BundleError(f"{path}: not a whole TFLite model ({reason}); export again") from None
    nodes = interpreter._get_ops_details()
    delegates = [node for node in nodes if node["op_name"] == "DELEGATE"]
    plain = [node for node in nodes if node["op_name"] != "DELEGATE"]
    inside = _delegated(plain, delegates)
    return {
        "signatures": sorted(interpreter.get_signature_list()),
        "inputs": {tensor["name"]: tensor["shape"].tolist() for tensor in interpreter.get_input_details()},
        "outputs": {tensor["name"]: tensor["shape"].tolist() for tensor in interpreter.get_output_details()},
        "operations": dict(Counter(node["op_name"] for node in plain).most_common()),
        "partitions": len(delegates),
        "nodes_outside": dict(Counter(node["op_name"] for node in plain if node["index"] not in inside)),
    }


def alone(path: str | Path, signature: str) -> bytes:
    """The file with one of its signatures alone, because LiteRT lists the operations of the first graph only."""
    content = unpacked(Path(path).read_bytes())
    (kept,) = (each for each in content.signatureDefs if each.signatureKey.decode() == signature)
    content.signatureDefs, content.subgraphs = [kept], [content.subgraphs[kept.subgraphIndex]]
    kept.subgraphIndex = 0
    return packed(content)


def _delegated(plain: list[dict], delegates: list[dict]) -> set[int]:
    """Numbers of the operations that delegates replaced: all between a delegate's inputs and its outputs."""
    producer = {int(tensor): node for node in plain for tensor in node["outputs"]}
    inside = set()
    for delegate in delegates:
        given = {int(tensor) for tensor in delegate["inputs"]}
        wanted = [int(tensor) for tensor in delegate["outputs"]]
        while wanted:
            tensor = wanted.pop()
            node = producer.get(tensor)
            if tensor in given or node is None or node["index"] in inside:
                continue
            inside.add(node["index"])
            wanted += [int(source) for source in node["inputs"]]
    return inside
