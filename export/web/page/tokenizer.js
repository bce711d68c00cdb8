// The parts that the tokenizers share: tokens that are matched whole in a text, special tokens, truncation.

export class Tokenizer {
  // ids: a Map from token to id. whole: tokens matched whole in a text, as tokenizer.json lists them.
  // ends: the special tokens {first, last, between}, the last one a list. secondType: the token type of a second text.
  constructor(ids, whole, { first, last, between }, secondType) {
    this.ids = ids;
    for (const { content } of whole) if (!ids.has(content)) ids.set(content, ids.size);
    [this.first, this.last] = [ids.get(first), ids.get(last)];
    this.between = between.map((token) => ids.get(token));
    this.secondType = secondType;
    this.whole = new Map(whole.map((token) => [token.content, token]));
    const longestFirst = [...this.whole.keys()].sort((a, b) => b.length - a.length);
    this.splitter = new RegExp(`(${longestFirst.map((token) => token.replace(/[^\w]/gu, "\\$&")).join("|")})`);
  }

  // text, pair (or null) -> {input_ids, token_type_ids, attention_mask}: arrays as long as the text needs.
  encode(text, pair, maxLength) {
    const first = this.pieces(text);
    const second = pair === null ? null : this.pieces(pair);
    const room = maxLength - 2 - (second === null ? 0 : this.between.length);
    const [a, b] = cut(first.length, second?.length ?? null, room);
    const input_ids = [this.first, ...first.slice(0, a)];
    if (second !== null) input_ids.push(...this.between, ...second.slice(0, b));
    input_ids.push(this.last);
    const types = input_ids.map((_, place) => (second !== null && place > a + 1 ? this.secondType : 0));
    return { input_ids, token_type_ids: types, attention_mask: input_ids.map(() => 1) };
  }

  // All ids of a text.
  pieces(text) {
    const parts = text.toWellFormed().split(this.splitter); // text, token, text, ..., text
    return parts.flatMap((part, place) => {
      if (place % 2) return [this.ids.get(part)];
      if (this.whole.get(parts[place + 1])?.lstrip) part = part.trimEnd(); // the token takes the spaces beside it
      if (this.whole.get(parts[place - 1])?.rstrip) part = part.trimStart();
      return this.read(part);
    });
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
