import * as ort from "onnxruntime-web";
__ROWS__

const session = await ort.InferenceSession.create("__FILE__");
const tensor = (values) =>
  new ort.Tensor("int64", BigInt64Array.from(values, BigInt), [1, values.length]);
async function infer(row) {
  const found = await session.run({
    __INPUTS__
  });
  return Object.fromEntries([__OUTPUTS__].map((name) => [name, Array.from(found[name].data)]));
}
const outputs = [];
for (const row of rows) outputs.push(await infer(row));

__END__
