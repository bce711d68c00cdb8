import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tokenizers import Tokenizer

tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.enable_truncation(__MAX_LENGTH__)  # longer texts are cut
tokenizer.enable_padding(length=__MAX_LENGTH__, pad_id=__PAD_ID__)
interpreter = Interpreter("__FILE__")
infer, train, save, load = map(
    interpreter.get_signature_runner, ("infer", "train", "save", "load")
)

row = tokenizer.encode(__TEXTS__)
text = {
    __INPUTS__
}
text = {name: np.array([values], "int32") for name, values in text.items()}
label = __LABEL__
print(infer(**text)["scores"])
for _ in range(5):
    print(train(**text, label=label, learning_rate=np.float32(0.02))["loss"])
print(infer(**text)["scores"])

np.savez("head.npz", **save(nothing=np.int32([0])))  # and in the next session:
load(**np.load("head.npz"))
