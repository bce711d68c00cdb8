// BERT's tokenizer: clean, split at spaces, punctuation and Chinese characters, then greedy longest match.
// The ids are those of kerasbert's own tokenizer for every text.

import { Tokenizer } from "./tokenizer.js";

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
// What has no space before it in a text, as the library's decoder has it.
const JOINED = [
  ...[".", "?", "!", ","].map((mark) => [` ${mark}`, mark]), [" ' ", "'"], [" n't", "n't"], [" 'm", "'m"],
  [" do not", " don't"], ...["'s", "'ve", "'re"].map((end) => [` ${end}`, end]),
];
const LONGEST_WORD = 100; // a longer one is [UNK], as in the paper's code

export class WordPiece extends Tokenizer {
  kind = "wordpiece";

  // vocabulary: the text of vocab.txt. characters: the content of characters.json, what each character turns into.
  // addedTokens: the added tokens of kerasbert.json.
  constructor(vocabulary, characters, addedTokens) {
    const pieces = vocabulary.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n").replace(/\n+$/, "").split("\n");
    const ids = new Map(pieces.map((piece, id) => [piece, id]));
    const special = SPECIAL.filter((token) => ids.has(token)).map((content) => ({ content, special: true }));
    super(ids, [...special, ...addedTokens], { first: "[CLS]", last: "[SEP]", between: ["[SEP]"], mask: "[MASK]" }, 1);
    this.characters = new Characters(characters);
  }

  read(text) {
    return this.characters.words(text).flatMap((word, number) =>
      this.split(word.text).map(({ id, first, after }) => (
        { id, start: word.begins[first], end: word.ends[after - 1], word: number })));
  }

  wordOf(id) {
    const piece = this.names.get(id), joins = piece.startsWith("##");
    return { word: joins ? piece.slice(2) : piece, joins };
  }

  textOf(pieces) {
    const written = (piece) => (piece.startsWith("##") ? piece.slice(2) : ` ${piece}`);
    const parts = pieces.map((piece, place) => (place ? written(piece) : piece));
    return parts.map((part) => JOINED.reduce((text, [from, to]) => text.replaceAll(from, to), part)).join("");
  }

  // A word -> its pieces {id, first, after}: where the piece begins in the word, and the place after it.
  split(word) {
    const unknown = [{ id: this.ids.get("[UNK]"), first: 0, after: word.length }];
    if ([...word].length > LONGEST_WORD) return unknown;
    const pieces = [];
    for (let start = 0; start < word.length; ) {
      let end = word.length;
      const piece = () => (start ? "##" : "") + word.slice(start, end);
      while (end > start && !this.ids.has(piece())) end--;
      if (end === start) return unknown;
      pieces.push({ id: this.ids.get(piece()), first: start, after: end });
      start = end;
    }
    return pieces;
  }
}

// What is done to each character: ranges of code points that are dropped, that are spaces, that are words of their own,
// and the characters that become others (lower case, no accents).
class Characters {
  constructor({ dropped, spaces, alone, become, decomposed }) {
    this.kinds = new Map();
    for (const [kind, ranges] of Object.entries({ dropped, spaces, alone }))
      for (const [first, last] of ranges) for (let code = first; code <= last; code++) this.kinds.set(code, kind);
    this.become = new Map(Object.entries(become));
    this.decomposed = decomposed;
  }

  // The words of a text: what became of the characters, and for each unit of that where its character begins and ends.
  words(text) {
    const words = [];
    let word, place = 0;
    const next = () => (word = { text: "", begins: [], ends: [] });
    const end = () => {
      if (this.decomposed) word.text = word.text.normalize("NFD"); // which only sorts marks now
      if (word.text) words.push(word);
      next();
    };
    next();
    for (const character of text) {
      const [start, after] = [place, (place += character.length)];
      const kind = this.kinds.get(character.codePointAt(0));
      if (kind === "dropped") continue;
      if (kind) end();
      if (kind !== "spaces") {
        const found = this.become.get(character) ?? character;
        const become = this.decomposed ? found.normalize("NFD") : found;
        word.text += become;
        for (let unit = 0; unit < become.length; unit++) word.begins.push(start), word.ends.push(after);
      }
      if (kind) end();
    }
    end();
    return words;
  }
}
