const [{ offsets, words }] = rows;
const logits = outputs[0].__OUTPUT__;
const labels = [__LABELS__];
const strategy = __AGGREGATION__;
const scores = words.map((_, token) => {
  const own = logits.slice(token * labels.length, (token + 1) * labels.length);
  const powers = own.map((logit) => Math.exp(logit - Math.max(...own)));
  return powers.map((power) => power / powers.reduce((a, b) => a + b));
});
const mean = (values) => values.reduce((a, b) => a + b) / values.length;
const wordScores = { // the scores of a word from those of its tokens
  first: ([token]) => scores[token],
  average: (part) => labels.map((_, label) => mean(part.map((token) => scores[token][label]))),
  max: (part) => part.map((token) => scores[token])
    .reduce((a, b) => (Math.max(...b) > Math.max(...a) ? b : a)),
};
const parts = []; // with "none" and "simple", each token is a word
words.forEach((word, token) => {
  if (word < 0) return; // [CLS] and [SEP]
  const joins = strategy in wordScores && words[parts.at(-1)?.[0]] === word;
  if (joins) parts.at(-1).push(token);
  else parts.push([token]);
});
const groups = [];
for (const part of parts) {
  const best = (wordScores[strategy] ?? wordScores.first)(part);
  const score = Math.max(...best);
  const label = labels[best.indexOf(score)];
  const divided = strategy !== "none" && /^[BIESLU]-./.test(label);
  const kind = divided ? label.slice(2) : label;
  const begins = strategy === "none" || (divided && "BSU".includes(label[0]));
  if (begins || groups.at(-1)?.kind !== kind)
    groups.push({ kind, scores: [], start: offsets[part[0]][0] });
  groups.at(-1).scores.push(score);
  groups.at(-1).end = offsets[part.at(-1)][1]; // UTF-16 units, as JavaScript counts
}
for (const { kind, scores, start, end } of groups)
  if (kind !== "O") console.log(kind, mean(scores), start, end, text.slice(start, end));
