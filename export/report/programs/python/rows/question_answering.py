__TOKENIZER__
question = __QUESTION__
context = __CONTEXT__
room = __MAX_LENGTH__ - len(tokenizer.encode(question, "").ids)  # for tokens of the context
shared = min(__STRIDE__, room // 2)  # by two neighbouring windows
tokenizer.enable_truncation(__MAX_LENGTH__, stride=shared, strategy="only_second")
first = tokenizer.encode(question, context)
rows, step = [first, *first.overflowing], room - shared
