import numpy as np
import onnxruntime
from tokenizers import Tokenizer

__ROWS__

encoder = onnxruntime.InferenceSession("__ENCODER_FILE__")
decoder = onnxruntime.InferenceSession("__DECODER_STEP_FILE__")


def write(row):  # the likeliest token each time
    source = {
        __INPUTS__
    }
    source = {name: np.array([values], "int64") for name, values in source.items()}
    (memory,) = encoder.run(["memory"], source)
    cache = np.zeros((1, __MAX_NEW_TOKENS__, __WIDTH__), "float32")
    text = [__DECODER_START_TOKEN_ID__]
    for position in range(__MAX_NEW_TOKENS__):
        step = {
            "decoder_input_ids": np.array(text[-1:], "int64"),
            "decoder_position": np.array([position], "int64"),
            "attention_mask": source["attention_mask"],
            "memory": memory,
            "cache": cache[:, : max(1, position)],  # an axis of size 0 is refused
        }
        logits, cache[:, position] = decoder.run(["logits", "cache_entry"], step)
        text.append(int(logits.argmax()))
        if text[-1] == __EOS_TOKEN_ID__:
            break
    return tokenizer.decode(text)


print(*map(write, rows))
