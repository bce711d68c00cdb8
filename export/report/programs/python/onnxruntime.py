import numpy as np
import onnxruntime
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.enable_truncation(__MAX_LENGTH__)
session = onnxruntime.InferenceSession("__FILE__")

encoding = tokenizer.encode(__TEXT__)
inputs = {
__INPUTS__
}
inputs = {name: np.array([row], "int64") for name, row in inputs.items()}
output = session.run(["__OUTPUT__"], inputs)[0][0]
__END__
