const width = output.length / ids.length;
const vectors = ids.map((_, at) => output.slice(at * width, (at + 1) * width)); // one per token
console.log(vectors[0]);
