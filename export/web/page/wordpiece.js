// BERT's tokenizer: clean, split at spaces, punctuation and Chinese characters, then greedy longest match.
// The ids are those of kerasbert's own tokenizer for every text.

const SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"];
const LONGEST_WORD = 100; // a longer one is [UNK], as in the paper's code

export class WordPiece {
  // vocabulary: the text of vocab.txt. characters: the content of characters.json, what each character turns into.
  // addedTokens: of kerasbert.json.
  constructor(vocabulary, characters, addedTokens = []) {
    const pieces = vocabulary.replace(/^\uFEFF/, "").replaceAll("\r\n", "\n").replace(/\n+$/, "").split("\n");
    this.ids = new Map(pieces.map((piece, id) => [piece, id]));
    this.characters = new Characters(characters);
    const whole = [...SPECIAL.filter((token) => this.ids.has(token)), ...addedTokens.map((token) => token.content)];
    for (const token of whole) if (!this.ids.has(token)) this.ids.set(token, this.ids.size);
    const longestFirst = whole.sort((a, b) => b.length - a.length).map((token) => token.replace(/[^\w]/g, "\\$&"));
    this.whole = new RegExp(`(${longestFirst.join("|")})`);
  }

  // text, pair (or null) -> {input_ids, token_type_ids, attention_mask}: arrays as long as the text needs.
  encode(text, pair, maxLength) {
    let first = this.pieces(text);
    let second = pair === null ? null : this.pieces(pair);
    [first, second] = cut(first, second, maxLength - (second === null ? 2 : 3));
    const cls = this.ids.get("[CLS]");
    const sep = this.ids.get("[SEP]");
    const input_ids = [cls, ...first, sep];
    const token_type_ids = input_ids.map(() => 0);
    if (second !== null) {
      input_ids.push(...second, sep);
      token_type_ids.push(...second.map(() => 1), 1);
    }
    return { input_ids, token_type_ids, attention_mask: input_ids.map(() => 1) };
  }

  // The ids of a text, uncut. The names of special tokens stand for the tokens.
  pieces(text) {
    return text.toWellFormed().split(this.whole).flatMap((part, place) =>
      place % 2 ? [this.ids.get(part)] : this.characters.words(part).flatMap((word) => this.split(word)));
  }

  split(word) {
    const unknown = [this.ids.get("[UNK]")];
    if ([...word].length > LONGEST_WORD) return unknown;
    const ids = [];
    for (let start = 0; start < word.length; ) {
      let end = word.length;
      const piece = () => (start ? "##" : "") + word.slice(start, end);
      while (end > start && !this.ids.has(piece())) end--;
      if (end === start) return unknown;
      ids.push(this.ids.get(piece()));
      start = end;
    }
    return ids;
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
    this.form = decomposed ? "NFD" : null;
  }

  words(text) {
    const words = [];
    let word = "";
    const end = () => {
      if (word) words.push(this.form ? word.normalize(this.form) : word);
      word = "";
    };
    for (const character of text) {
      const kind = this.kinds.get(character.codePointAt(0));
      if (kind === "dropped") continue;
      if (kind) end();
      if (kind !== "spaces") word += this.become.get(character) ?? character;
      if (kind) end();
    }
    end();
    return words;
  }
}

// The longer text of a pair is cut first: the shorter one keeps at most half of the room, the longer one the rest.
function cut(first, second, room) {
  if (second === null) return [first.slice(0, room), null];
  const short = Math.min(first.length, second.length, Math.floor(room / 2));
  const long = Math.min(Math.max(first.length, second.length), room - short);
  const [a, b] = first.length > second.length ? [long, short] : [short, long];
  return [first.slice(0, a), second.slice(0, b)];
}
