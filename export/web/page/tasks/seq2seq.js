// Text to text: a model writes a text token by token, as kerasbert/tasks/seq2seq.py does.

import { beamSearch, cachedSteps } from "../generation.js";
import { sentences } from "../sentences.js";
import { joined } from "../words.js";

export const title = "text to text";

export const fields = [{ name: "source", title: "Source" }];

export const live = true;

export const asks = (texts) => [texts];

// The row of a text. One that does not fit has a row per sentence, or is cut.
export function rows(tokenizer, [text], { max_length, split_sentences }) {
  if (!text.trim()) return [];
  const whole = tokenizer.encode(text, null, max_length);
  const found = whole.cut && split_sentences
    ? sentences(text).flatMap((sentence) => tokenizer.windows(sentence, max_length, 0)) : [whole];
  return found.map((row) => ({ ...row, tokenizer }));
}

// The texts that are written for a row, best first: {tokens, score}.
export async function infer({ encoder, decoder_step }, row, settings, pause) {
  if (settings.do_sample) throw new Error("the page draws no tokens at random; set do_sample to false");
  const [{ memory }] = await encoder([row]);
  const step = cachedSteps(decoder_step, row.attention_mask, memory, settings.max_new_tokens, pause);
  const rules = {
    start: settings.decoder_start_token_id,
    end: settings.eos_token_id,
    most: settings.max_new_tokens,
    least: settings.min_new_tokens,
    noRepeat: settings.no_repeat_ngram_size,
  };
  return beamSearch(step, rules, settings.num_beams, settings.length_penalty);
}

export function decode([{ rows, outputs }], settings) {
  const found = answers(rows, outputs, settings), [{ text, score, finished, tokens }] = found;
  const lowest = Math.min(...found.map((each) => each.score));
  return {
    label: text || "no text",
    note: rows.length ? `${finished ? "ended" : "stopped"} after ${tokens} tokens, score ${score.toFixed(3)}` : "",
    best: [text],
    scores: rows.length && found.length > 1 ? found.map((each) => [each.text, each.score, Math.min(-1, lowest), 0]) : [],
  };
}

// The recorded answer has Keras's text and its score, or a list of them.
export function compare({ rows, outputs }, recorded, settings) {
  const [here] = answers(rows, outputs, settings), [there] = [recorded.answer].flat();
  const sameText = here.text === there.generated_text, difference = Math.abs(here.score - there.score);
  return { same: sameText && difference <= SAME, difference: sameText ? difference : 1 };
}

const SAME = 0.1; // scores of the same text differ by less, also in files of 8 bits

// The best texts of a source, {text, score, finished, tokens}: those of its rows joined, and the mean of their scores.
export function answers(rows, outputs, { num_return_sequences, eos_token_id }) {
  const count = Math.min(num_return_sequences, ...outputs.map((texts) => texts.length));
  return Array.from({ length: count }, (_, number) => {
    const found = outputs.map((texts) => texts[number]);
    return {
      text: joined(found.map(({ tokens }, row) => textOf(rows[row].tokenizer, tokens))),
      score: found.length ? found.reduce((sum, { score }) => sum + score, 0) / found.length : 0,
      finished: found.every(({ tokens }) => tokens.at(-1) === eos_token_id),
      tokens: found.reduce((sum, { tokens }) => sum + tokens.length, 0),
    };
  });
}

// WordPiece puts a space around every Chinese character, and texts have none there.
function textOf(tokenizer, ids) {
  const text = tokenizer.decode(ids).replace(OUTER_SPACES, "");
  return tokenizer.kind === "wordpiece" ? joined(text.split(" ")) : text;
}

// Those that Python strips. JavaScript's \s has one character too many and five too few.
const SPACES = "(?:[^\\S\\ufeff]|[\\x1c-\\x1f\\x85])+";
const OUTER_SPACES = new RegExp(`^${SPACES}|${SPACES}$`, "g");

