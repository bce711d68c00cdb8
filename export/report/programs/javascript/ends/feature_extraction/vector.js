const output = outputs[0].__OUTPUT__;
const width = __WIDTH__;
const vectors = rows[0].input_ids.map((_, at) => output.slice(at * width, (at + 1) * width));
console.log(vectors[0]); // one per token
