__TOKENIZER__
prompt = __PROMPT__
choices = [__CHOICES__]
rows = [tokenizer.encode(prompt, choice) for choice in choices]
