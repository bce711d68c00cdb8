import * as ort from "onnxruntime-web";
__ROWS__

const encoder = await ort.InferenceSession.create("__ENCODER_FILE__");
const decoder = await ort.InferenceSession.create("__DECODER_STEP_FILE__");
const tensor = (values, shape = [1, values.length]) =>
  new ort.Tensor("int64", BigInt64Array.from(values, BigInt), shape);
async function write(row) { // the likeliest token each time
  const source = {
    __INPUTS__
  };
  const { memory } = await encoder.run(source);
  const cache = new Float32Array(__MAX_NEW_TOKENS__ * __WIDTH__), text = [];
  for (let token = __DECODER_START_TOKEN_ID__; text.length < __MAX_NEW_TOKENS__; ) {
    const filled = Math.max(1, text.length); // an axis of size 0 is refused
    const seen = cache.slice(0, filled * __WIDTH__);
    const { logits, cache_entry } = await decoder.run({
      decoder_input_ids: tensor([token], [1]),
      decoder_position: tensor([text.length], [1]),
      attention_mask: source.attention_mask,
      memory,
      cache: new ort.Tensor("float32", seen, [1, filled, __WIDTH__]),
    });
    cache.set(cache_entry.data, text.length * __WIDTH__);
    token = logits.data.reduce((best, x, id, all) => (x > all[best] ? id : best), 0);
    text.push(token);
    if (token === __EOS_TOKEN_ID__) break;
  }
  return tokenizer.decode(text, { skip_special_tokens: true });
}
for (const row of rows) console.log(await write(row));
