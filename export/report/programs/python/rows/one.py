tokenizer.enable_truncation(__MAX_LENGTH__)
rows = [tokenizer.encode(__TEXTS__)]
