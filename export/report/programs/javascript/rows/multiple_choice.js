__TOKENIZER__
const prompt = __PROMPT__;
const choices = [__CHOICES__];
const rows = choices.map((choice) => encode(prompt, choice));
