import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tokenizers import Tokenizer

__ROWS__

signatures = __SIGNATURES__
interpreter = Interpreter("__FILE__")


def infer(row):
    length = min(n for n in signatures if n >= len(row.ids))
    row.pad(length, pad_id=__PAD_ID__)
    inputs = {
        __INPUTS__
    }
    inputs = {name: np.array([values], "int32") for name, values in inputs.items()}
    found = interpreter.get_signature_runner(signatures[length])(**inputs)
    return {name: values[0] for name, values in found.items()}


outputs = [infer(row) for row in rows]

__END__
