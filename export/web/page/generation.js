// Writes a text token by token, as kerasbert/decoding/beams.py and kerasbert/tasks/generating.py do, for one row.

// The most probable texts, best first: {tokens, score}, the tokens without the start token, and with the end token if
// the text has ended.
// step: the last token of each unfinished text, and the places of the texts of the last call that they continue -> the
//   logits of the next token, one list per text. In the first call there is one text.
// rules: {start, end, most, least, noRepeat}, see Rules in kerasbert/decoding/generation.py.
export async function beamSearch(step, rules, beams, lengthPenalty) {
  let written = [];
  let texts = [{ tokens: [rules.start], sum: 0, origin: 0 }];
  for (let length = 1; length <= rules.most; length++) {
    const logits = await step(texts.map(({ tokens }) => tokens.at(-1)), texts.map(({ origin }) => origin));
    const scores = texts.map(({ tokens, sum }, place) =>
      logProbabilities(logits[place], tokens, rules).map((value) => sum + value));
    const { going, ended } = continued(texts, scores, rules, length, beams);
    const penalty = length ** lengthPenalty;
    const found = ended.map(({ tokens, sum }) => ({ tokens: tokens.slice(1), score: sum / penalty }));
    written = [...written, ...found].sort((a, b) => b.score - a.score).slice(0, beams);
    const full = written.length === beams;
    if (!going.length || (full && going[0].sum / penalty <= written.at(-1).score)) break;
    texts = going;
  }
  if (written.length) return written;
  return texts.map(({ tokens, sum }) => // the rules left no token, not even the end
    ({ tokens: tokens.slice(1), score: sum / Math.max(tokens.length - 1, 1) ** lengthPenalty }));
}

// The best continuations of texts, best first: those that go on, and those that end here.
function continued(texts, scores, { end, most }, length, beams) {
  const going = [], ended = [];
  bestPlaces(scores, 2 * beams).forEach(([origin, token], rank) => { // as many again, because each of the best may end
    const text = { tokens: [...texts[origin].tokens, token], sum: scores[origin][token], origin };
    if (token !== end && length < most) going.push(text);
    else if (rank < beams) ended.push(text);
  });
  return { going: going.slice(0, beams), ended };
}

// The places [row, column] of the largest numbers, largest first and without -Infinity. Of equal ones the first place
// comes first.
export function bestPlaces(rows, count) {
  const found = [];
  rows.forEach((values, row) => values.forEach((value, column) => {
    if (value === -Infinity || (found.length === count && value <= found.at(-1)[2])) return;
    found.splice(found.findLastIndex((each) => each[2] >= value) + 1, 0, [row, column, value]);
    found.length = Math.min(found.length, count);
  }));
  return found;
}

// The log-probabilities of the next token; -Infinity for a token that a rule forbids. The others keep their value.
function logProbabilities(logits, tokens, { end, least, noRepeat }) {
  const largest = logits.reduce((a, b) => Math.max(a, b));
  const total = largest + Math.log(logits.reduce((sum, logit) => sum + Math.exp(logit - largest), 0));
  const found = Float64Array.from(logits, (logit) => logit - total);
  if (tokens.length - 1 < least) found[end] = -Infinity;
  const last = String(tokens.slice(tokens.length + 1 - noRepeat)); // of an n-gram, all tokens but the next one
  for (let begin = 0; noRepeat && begin + noRepeat <= tokens.length; begin++)
    if (String(tokens.slice(begin, begin + noRepeat - 1)) === last) found[tokens[begin + noRepeat - 1]] = -Infinity;
  return found;
}

// The steps of one row, computed by the graph "decoder_step". Every text has a cache of its own.
// run: computes the graph for the texts of a step. mask: the row's attention_mask. memory: what the encoder made of it,
// (tokens, width) in one. places: the largest number of tokens. before: called before each step.
export function cachedSteps(run, mask, memory, places, before) {
  const width = memory.length / mask.length;
  let caches = [new Float32Array(places * width)], entries = [], position = 0;
  return async (tokens, origins) => {
    await before();
    caches = origins.map((origin) => caches[origin].slice());
    if (position) caches.forEach((cache, text) => cache.set(entries[origins[text]], (position - 1) * width));
    const found = await run(caches.map((cache, text) => ({
      decoder_input_ids: tokens[text],
      decoder_position: position,
      attention_mask: mask,
      memory,
      cache: cache.subarray(0, Math.max(1, position) * width),
    })));
    entries = found.map(({ cache_entry }) => cache_entry);
    position += 1;
    return found.map(({ logits }) => logits);
  };
}
