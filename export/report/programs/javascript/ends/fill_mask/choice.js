const logits = outputs[0].__OUTPUT__;
const highest = logits.reduce((a, b) => Math.max(a, b));
const powers = logits.map((logit) => Math.exp(logit - highest));
const sum = powers.reduce((a, b) => a + b);
const words = [__TARGETS__]; // to choose among; none: all of the vocabulary
const among = words.map((word) => tokenizer.encode(word, { add_special_tokens: false }).ids[0]);
const wanted = words.length ? among : [...logits.keys()];
for (const token of wanted.sort((a, b) => logits[b] - logits[a]).slice(0, __TOP_K__)) {
  const ids = rows[0].input_ids.map((id) => (id === __MASK_ID__ ? token : id));
  const sequence = tokenizer.decode(ids, { skip_special_tokens: true });
  console.log(tokenizer.decode([token]), powers[token] / sum, sequence);
}
