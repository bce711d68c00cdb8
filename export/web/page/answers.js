// Outputs -> answers, as kerasbert/decoding does it. One row a kind of problem (kerasbert.json's `problem_type`):
//   asks(text, pair): what the model is asked, one [text, pair] a run
//   decode(outputs of each run, labels) -> {label: the answer, scores: [[name, value, from, to], ...]}
//   compare(outputs, recorded, labels) -> {same: whether the answer is, difference: the largest of a score}

export const PROBLEMS = {
  single_label_classification: classification((logits, labels) => {
    const scores = softmax(logits);
    return {
      label: labels[logits.indexOf(Math.max(...logits))],
      scores: labels.map((label, place) => [label, scores[place], 0, 1]),
    };
  }),
  multi_label_classification: classification((logits, labels) => ({
    label: labels.filter((_, place) => logits[place] > 0).join(", "),
    scores: labels.map((label, place) => [label, sigmoid(logits[place]), 0, 1]),
  })),
  regression: classification(([value], [label]) => ({
    label: value.toPrecision(4),
    scores: [[label, value, Math.min(0, value), Math.max(1, value)]],
  })),
  embedding: {
    asks: (text, pair) => [text, ...(pair === null ? [] : [pair])].map((each) => [each, null]),
    decode: ([first, second]) => {
      if (!second) return { label: `${first.embedding.length} numbers; a second text gives a likeness`, scores: [] };
      const likeness = dot(first.embedding, second.embedding);
      return { label: likeness.toPrecision(3), scores: [["likeness", likeness, 0, 1]] };
    },
    compare: (outputs, recorded) => {
      const difference = largest(outputs.embedding, recorded.embedding);
      return { same: dot(outputs.embedding, recorded.embedding) > 0.99, difference };
    },
  },
  feature_extraction: {
    asks: (text, pair) => [[text, pair]],
    decode: ([{ sequence_output }]) => ({ label: `${sequence_output.length} numbers, a vector a token`, scores: [] }),
    // At the recorded places: golden.json leaves out most tokens of a long text, and behind the last stands padding.
    compare: ({ sequence_output, pooled_output }, recorded) => {
      const vectors = recorded.places.map((place, at) => {
        const wanted = recorded.sequence_output[at];
        return [sequence_output.slice(place * wanted.length, (place + 1) * wanted.length), wanted];
      });
      if (recorded.pooled_output) vectors.push([pooled_output, recorded.pooled_output]);
      const likeness = vectors.map(([a, b]) => dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b)));
      return { same: Math.min(...likeness) > 0.98, difference: Math.max(...vectors.map(([a, b]) => largest(a, b))) };
    },
  },
};

function classification(decode) {
  return {
    asks: (text, pair) => [[text, pair]],
    decode: ([{ logits }], labels) => decode(Array.from(logits), labels),
    compare: ({ logits }, recorded, labels) => {
      const [here, there] = [logits, recorded.logits].map((each) => decode(Array.from(each), labels));
      const values = ({ scores }) => scores.map((score) => score[1]);
      return { same: here.label === there.label, difference: largest(values(here), values(there)) };
    },
  };
}

function softmax(logits) {
  const highest = Math.max(...logits);
  const shifted = logits.map((logit) => Math.exp(logit - highest));
  const sum = shifted.reduce((a, b) => a + b);
  return shifted.map((value) => value / sum);
}

const sigmoid = (logit) => 0.5 * (1 + Math.tanh(0.5 * logit));
const dot = (a, b) => a.reduce((sum, value, place) => sum + value * b[place], 0);
const largest = (a, b) => a.reduce((most, value, place) => Math.max(most, Math.abs(value - b[place])), 0);
