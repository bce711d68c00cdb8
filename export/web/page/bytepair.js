// RoBERTa's tokenizer: words with the space before them, as bytes, joined pair by pair in the order of the merges.

import { Tokenizer } from "./tokenizer.js";

// GPT-2's words. JavaScript's \s has one character too many and one too few, hence the list.
const SPACE = "\\t-\\r \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";
const WORDS = new RegExp(
  `'(?:[stmd]|re|ve|ll)| ?\\p{L}+| ?\\p{N}+| ?[^${SPACE}\\p{L}\\p{N}]+|[${SPACE}]+(?![^${SPACE}])|[${SPACE}]+`, "gu");

export class BytePair extends Tokenizer {
  kind = "bytepair";

  // description: the content of tokenizer.json.
  constructor({ model, added_tokens, pre_tokenizer }) {
    const ids = new Map(Object.entries(model.vocab));
    super(ids, added_tokens, { first: "<s>", last: "</s>", between: ["</s>", "</s>"], mask: "<mask>" }, 0);
    const merges = model.merges.map((pair) => (typeof pair === "string" ? pair : pair.join(" ")));
    this.ranks = new Map(merges.map((pair, rank) => [pair, rank]));
    this.spaceFirst = pre_tokenizer.add_prefix_space;
    this.spacesCount = false;
  }

  read(text) {
    const added = this.spaceFirst && text && !/^\s/.test(text) ? 1 : 0; // a space that is not in the text
    const words = (added ? ` ${text}` : text).match(WORDS) ?? [];
    let begin = -added;
    return words.flatMap((word, number) => {
      const [begins, ends] = [[], []]; // of the character of each byte
      for (const character of word) {
        const [start, after] = [begin, (begin += character.length)];
        for (const _ of new TextEncoder().encode(character)) begins.push(start), ends.push(after);
      }
      let byte = 0;
      return this.join(word).flatMap((part) => {
        const [first, after] = [byte, (byte += part.length)];
        const spaces = part.length - part.replace(/^\u0120+/, "").length; // offsets leave out spaces at the beginning
        const start = Math.max(0, Math.min(begins[first] + spaces, ends[after - 1]));
        const trailing = part.length - part.replace(/\u0120+$/, "").length;
        const end = Math.max(ends[after - 1] - trailing, start);
        return this.ids.has(part) ? [{ id: this.ids.get(part), start, end, word: number }] : [];
      });
    });
  }

  wordOf(id) {
    return { word: this.textOf([this.names.get(id)]), joins: true }; // the space before a word is part of its token
  }

  textOf(names) {
    const bytes = names.flatMap((name) => {
      const found = [...name].map((letter) => LETTERS.indexOf(letter));
      return found.includes(-1) ? [...new TextEncoder().encode(name)] : found;
    });
    return new TextDecoder("utf-8", { ignoreBOM: true }).decode(Uint8Array.from(bytes));
  }

  // The pieces of a word, in the letters that stand for its bytes.
  join(word) {
    let parts = Array.from(new TextEncoder().encode(word), (byte) => LETTERS[byte]);
    for (;;) {
      let best = Infinity;
      for (let place = 1; place < parts.length; place++)
        best = Math.min(best, this.ranks.get(`${parts[place - 1]} ${parts[place]}`) ?? Infinity);
      if (best === Infinity) return parts;
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
