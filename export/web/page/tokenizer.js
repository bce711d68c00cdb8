// What the tokenizers share: tokens that stand as such in a text, special tokens around, truncation.

export class Tokenizer {
  // ids: a Map from token to id. whole: tokens matched whole in a text, as tokenizer.json lists them.
  // ends: the special tokens {first, last, between}, the last one a list. secondType: the token type of a second text.
  constructor(ids, whole, { first, last, between }, secondType) {
    this.ids = ids;
    for (const { content } of whole) if (!ids.has(content)) ids.set(content, ids.size);
    [this.first, this.last] = [ids.get(first), ids.get(last)];
    this.between = between.map((token) => ids.get(token));
    this.secondType = secondType;
    const longestFirst = whole.toSorted((a, b) => b.content.length - a.content.length);
    const patterns = longestFirst.map(({ content, lstrip, rstrip }) =>
      `${lstrip ? "\\s*" : ""}(?:${content.replace(/[^\w]/gu, "\\$&")})${rstrip ? "\\s*" : ""}`);
    this.whole = new RegExp(`(${patterns.join("|")})`);
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

  // The ids of a text, uncut.
  pieces(text) {
    return text.toWellFormed().split(this.whole).flatMap((part, place) =>
      place % 2 ? [this.ids.get(part) ?? this.ids.get(part.trim())] : this.read(part));
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
