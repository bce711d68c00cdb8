import numpy as np
import onnxruntime
from tokenizers import Tokenizer

__ROWS__

session = onnxruntime.InferenceSession("__FILE__")


def infer(row):
    inputs = {
        __INPUTS__
    }
    inputs = {name: np.array([values], "int64") for name, values in inputs.items()}
    names = [__OUTPUTS__]
    return {name: values[0] for name, values in zip(names, session.run(names, inputs))}


outputs = [infer(row) for row in rows]

__END__
