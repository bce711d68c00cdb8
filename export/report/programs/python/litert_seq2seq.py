import numpy as np
from ai_edge_litert.interpreter import Interpreter
from tokenizers import Tokenizer

__ROWS__

interpreter = Interpreter("__FILE__")


def write(row):  # the likeliest token each time
    length = min(n for n in [__LENGTHS__] if n >= len(row.ids))
    row.pad(length, pad_id=__PAD_ID__)
    source = {
        __INPUTS__
    }
    source = {name: np.array([values], "int32") for name, values in source.items()}
    memory = interpreter.get_signature_runner(f"encoder_{length}")(**source)["memory"]
    step = interpreter.get_signature_runner(f"decoder_step_{length}")
    cache = np.zeros((1, __MAX_NEW_TOKENS__, __WIDTH__), "float32")
    text = [__DECODER_START_TOKEN_ID__]
    for position in range(__MAX_NEW_TOKENS__):
        found = step(
            decoder_input_ids=np.array(text[-1:], "int32"),
            decoder_position=np.array([position], "int32"),
            attention_mask=source["attention_mask"],
            memory=memory,
            cache=cache,
        )
        cache[:, position] = found["cache_entry"]
        text.append(int(found["logits"].argmax()))
        if text[-1] == __EOS_TOKEN_ID__:
            break
    return tokenizer.decode(text)


print(*map(write, rows))
