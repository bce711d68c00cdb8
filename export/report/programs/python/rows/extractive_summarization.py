__TOKENIZER__
sentences = [__SENTENCES__]  # of a text


class Row:
    def __init__(self, begin, end):  # [CLS] sentence [SEP] [CLS] sentence [SEP] ...
        parts = [each.ids for each in encoded[begin:end]]
        self.begin, self.size = firsts[begin], firsts[end] - firsts[begin]
        self.ids = [token for part in parts for token in part]
        self.type_ids = [place % 2 for place, part in enumerate(parts) for _ in part]
        self.attention_mask = [1] * len(self.ids)

    def pad(self, length, pad_id):
        for values, value in (
            (self.ids, pad_id), (self.type_ids, 0), (self.attention_mask, 0)
        ):
            values += [value] * (length - len(values))

    def span(self, place):  # the tokens of a sentence
        return slice(firsts[place] - self.begin, firsts[place + 1] - self.begin)

    def context(self, place):  # tokens around its [CLS]: less on one side than on the other
        before = firsts[place] - self.begin
        inside = 0 <= before < self.size
        return min(before, self.size - 1 - before) + 0.01 * self.size if inside else -1


numbers = [number for number, text in enumerate(sentences) if text.strip()]
encoded = [tokenizer.encode(sentences[number]) for number in numbers]
firsts = np.cumsum([0, *(len(each.ids) for each in encoded)])
rows, begin, count = [], 0, len(encoded)
while begin < count:  # rows of whole sentences, which share at most a quarter of the tokens
    end = begin + 1
    while end < count and firsts[end + 1] - firsts[begin] <= __MAX_LENGTH__:
        end += 1
    rows.append(Row(begin, end))
    begin = begin + 1 if end < count else count
    while begin < count and (
        firsts[end] - firsts[begin] > __MAX_LENGTH__ // 4
        or firsts[end + 1] - firsts[begin] > __MAX_LENGTH__
    ):
        begin += 1
