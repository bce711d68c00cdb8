__TOKENIZER__
const rows = [encode(__TEXTS__)];
