// The parts that the tokenizers share: tokens that are matched whole in a text, special tokens, truncation.

export class Tokenizer {
  // ids: a Map from token to id. whole: tokens matched whole in a text, as tokenizer.json lists them.
  // ends: the special tokens {first, last, between, mask}, `between` a list. secondType: the token type of a second text.
  // A tokenizer has the methods read(text), which gives the tokens {id, start, end, word} of a text without whole ones,
  // wordOf(id) -> {word, joins}: a token as it is written in a text, and whether no space is added before it, and
  // textOf(names): the text of tokens, as far as it can be restored.
  constructor(ids, whole, { first, last, between, mask }, secondType) {
    this.mask = mask;
    this.ids = ids;
    for (const { content } of whole) if (!ids.has(content)) ids.set(content, ids.size);
    this.names = new Map([...ids].map(([token, id]) => [id, token]));
    [this.first, this.last] = [ids.get(first), ids.get(last)];
    this.between = between.map((token) => ids.get(token));
    this.secondType = secondType;
    this.spacesCount = true; // whether spaces that a token takes are part of its offsets
    this.whole = new Map(whole.map((token) => [token.content, token]));
    this.special = new Set(whole.filter(({ special }) => special).map(({ content }) => content));
    const longestFirst = [...this.whole.keys()].sort((a, b) => b.length - a.length);
    this.splitter = new RegExp(`(${longestFirst.map((token) => token.replace(/[^\w]/gu, "\\$&")).join("|")})`);
  }

  // text, pair (or null) -> a row {input_ids, token_type_ids, attention_mask, offsets, words, texts}: arrays as long as
  // the text needs. offsets: [begin, end] of each token in its text, in UTF-16 units; words: the number of its word;
  // texts: 0 or 1, the number of its text. Special tokens have [0, 0], -1 and -1. cut: the number of tokens that did
  // not fit.
  encode(text, pair, maxLength) {
    const first = this.pieces(text);
    const second = pair === null ? null : this.pieces(pair);
    const room = maxLength - 2 - (second === null ? 0 : this.between.length);
    const [a, b] = cut(first.length, second?.length ?? null, room);
    const row = this.row(first.slice(0, a), second?.slice(0, b) ?? null);
    row.cut = first.length - a + (second === null ? 0 : second.length - b);
    return row;
  }

  // A text of any length -> rows of at most maxLength tokens, of which neighbours share `stride` tokens. before: a text
  // that stands whole in every row, before the part of the text. `kept` of a row is begin and end of the tokens that
  // have the most context there.
  windows(text, maxLength, stride, before = null) {
    const pieces = this.pieces(text), whole = before === null ? null : this.pieces(before), rows = [];
    const room = maxLength - 2 - (whole === null ? 0 : whole.length + this.between.length);
    for (let start = 0, more = true; more; start += room - stride) {
      more = start + room < pieces.length;
      const part = pieces.slice(start, start + room);
      const row = whole === null ? this.row(part, null) : this.row(whole, part);
      const half = Math.floor(stride / 2), last = row.input_ids.length - 1; // [SEP]
      row.kept = [last - part.length + (start ? stride - half : 0), last - (more ? half : 0)];
      rows.push(row);
    }
    return rows;
  }

  row(first, second) {
    const special = (id) => ({ id, start: 0, end: 0, word: -1, text: -1 });
    const tokens = [special(this.first), ...first.map((token) => ({ ...token, text: 0 }))];
    if (second !== null)
      tokens.push(...this.between.map(special), ...second.map((token) => ({ ...token, text: 1 })));
    tokens.push(special(this.last));
    return {
      input_ids: tokens.map(({ id }) => id),
      token_type_ids: tokens.map((_, place) => (second !== null && place > first.length + 1 ? this.secondType : 0)),
      attention_mask: tokens.map(() => 1),
      offsets: tokens.map(({ start, end }) => [start, end]),
      words: tokens.map(({ word }) => word),
      texts: tokens.map(({ text }) => text),
    };
  }

  // The text of ids, without special tokens.
  decode(ids) {
    return this.textOf(ids.map((id) => this.names.get(id)).filter((name) => name !== undefined && !this.special.has(name)));
  }

  // All tokens of a text: {id, start, end, word}.
  pieces(text) {
    const parts = text.toWellFormed().split(this.splitter); // text, token, text, ..., text
    const lengths = parts.map((part) => part.length);
    const pieces = [];
    let begin = 0, words = 0;
    parts.forEach((part, place) => {
      const [before, after] = [parts[place - 1] ?? "", parts[place + 1] ?? ""];
      if (place % 2) {
        const { lstrip, rstrip } = this.whole.get(part); // the token takes the spaces beside it
        const left = lstrip && this.spacesCount ? before.length - before.trimEnd().length : 0;
        const right = rstrip && this.spacesCount ? after.length - after.trimStart().length : 0;
        pieces.push({ id: this.ids.get(part), start: begin - left, end: begin + part.length + right, word: words++ });
      } else {
        if (this.whole.get(after)?.lstrip) part = part.trimEnd();
        const skipped = this.whole.get(before)?.rstrip ? part.length - part.trimStart().length : 0;
        for (const piece of this.read(part.slice(skipped))) {
          const [start, end] = [piece.start, piece.end].map((offset) => begin + skipped + offset);
          pieces.push({ id: piece.id, start, end, word: words + piece.word });
        }
        words = (pieces.at(-1)?.word ?? -1) + 1;
      }
      begin += lengths[place];
    });
    return pieces;
  }
}

// Tokens that both texts keep. The longer one is cut first: the shorter one keeps at most half of the room, the longer
// one the rest.
function cut(first, second, room) {
  if (second === null) return [Math.min(first, room), null];
  const short = Math.min(first, second, Math.floor(room / 2));
  const long = Math.min(Math.max(first, second), room - short);
  return first > second ? [long, short] : [short, long];
}
