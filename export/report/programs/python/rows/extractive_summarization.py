__TOKENIZER__
sentences = [__SENTENCES__]  # of a text; a text of many sentences needs several rows


class Row:
    def __init__(self, parts):  # [CLS] sentence [SEP] [CLS] sentence [SEP] ...
        self.ids = [token for part in parts for token in part.ids]
        self.type_ids = [place % 2 for place, part in enumerate(parts) for _ in part.ids]
        self.attention_mask = [1] * len(self.ids)
        ends = np.cumsum([len(part.ids) for part in parts])
        self.spans = [slice(end - len(part.ids), end) for part, end in zip(parts, ends)]

    def pad(self, length, pad_id):
        for values, value in (
            (self.ids, pad_id), (self.type_ids, 0), (self.attention_mask, 0)
        ):
            values += [value] * (length - len(values))


rows = [Row([tokenizer.encode(sentence) for sentence in sentences])]
