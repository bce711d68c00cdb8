tokenizer = Tokenizer.from_file("tokenizer.json")
tokenizer.enable_truncation(__MAX_LENGTH__)  # longer texts are cut
