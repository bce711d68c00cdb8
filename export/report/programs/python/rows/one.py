__TOKENIZER__
rows = [tokenizer.encode(__TEXTS__)]
