// RoBERTa's tokenizer: words with the space before them, as bytes, joined pair by pair in the order of the merges.

import { Tokenizer } from "./tokenizer.js";

// GPT-2's words. JavaScript's \s has one character too many and one too few, hence the list.
const SPACE = "\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const WORDS = new RegExp(
  `'(?:[stmd]|re|ve|ll)| ?\\p{L}+| ?\\p{N}+| ?[^${SPACE}\\p{L}\\p{N}]+|[${SPACE}]+(?![^${SPACE}])|[${SPACE}]+`, "gu");

export class BytePair extends Tokenizer {
  // description: the content of tokenizer.json.
  constructor({ model, added_tokens, pre_tokenizer }) {
    const ids = new Map(Object.entries(model.vocab));
    super(ids, added_tokens, { first: "<s>", last: "</s>", between: ["</s>", "</s>"] }, 0);
    const merges = model.merges.map((pair) => (typeof pair === "string" ? pair : pair.join(" ")));
    this.ranks = new Map(merges.map((pair, rank) => [pair, rank]));
    this.spaceFirst = pre_tokenizer.add_prefix_space;
  }

  read(text) {
    if (this.spaceFirst && text && !/^\s/.test(text)) text = ` ${text}`;
    return (text.match(WORDS) ?? []).flatMap((word) => this.join(word));
  }

  join(word) {
    let parts = Array.from(new TextEncoder().encode(word), (byte) => LETTERS[byte]);
    for (;;) {
      let best = Infinity;
      for (let place = 1; place < parts.length; place++)
        best = Math.min(best, this.ranks.get(`${parts[place - 1]} ${parts[place]}`) ?? Infinity);
      if (best === Infinity) return parts.map((part) => this.ids.get(part)).filter((id) => id !== undefined);
      const joined = [];
      for (const part of parts)
        if (this.ranks.get(`${joined.at(-1)} ${part}`) === best) joined.push(joined.pop() + part);
        else joined.push(part);
      parts = joined;
    }
  }
}

// The character that stands for each byte: itself if it is a visible one of Latin-1, else the next one from U+0100 on.
const LETTERS = [];
for (let byte = 0, next = 0x100; byte < 256; byte++) {
  const visible = (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte !== 0xad);
  LETTERS.push(String.fromCodePoint(visible ? byte : next++));
}
