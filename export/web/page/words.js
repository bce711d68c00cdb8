// Words and sentences joined to a text, as kerasbert/tasks/words.py does.

export const CJK = "[\\u3000-\\u30ff\\u3400-\\u4dbf\\u4e00-\\u9fff\\uf900-\\ufaff\\uff00-\\uffef\\u{20000}-\\u{3134f}]";
const BEGINS = new RegExp(`^${CJK}`, "u"), ENDS = new RegExp(`${CJK}$`, "u");

// Words joined with spaces, but without one beside a Chinese or Japanese character.
export const joined = (words) => words.map((word, place) =>
  (place && !ENDS.test(words[place - 1]) && !BEGINS.test(word) ? ` ${word}` : word)).join("");

// A text as it is, or a list of words or sentences joined.
export const asText = (value) => (Array.isArray(value) ? joined(value) : value);
