import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tokenizers import Tokenizer

signatures = __SIGNATURES__
tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.enable_truncation(__MAX_LENGTH__)
interpreter = Interpreter("__FILE__")

encoding = tokenizer.encode(__TEXT__)
length = min(n for n in signatures if n >= len(encoding.ids))
encoding.pad(length, pad_id=__PAD_ID__)
inputs = {
__INPUTS__
}
inputs = {name: np.array([row], "int32") for name, row in inputs.items()}
output = interpreter.get_signature_runner(signatures[length])(**inputs)["__OUTPUT__"][0]
__END__
