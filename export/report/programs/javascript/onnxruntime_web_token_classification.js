import * as ort from "onnxruntime-web";
// web/ comes with `kerasbert export --web`: its tokenizer tells where the tokens are.
import { openTokenizer } from "./web/bundle.js";

const text = __TEXT__;
const tokenizer = await openTokenizer();
const session = await ort.InferenceSession.create("__FILE__");

const [row] = tokenizer.windows(text, __MAX_LENGTH__, 0); // a longer text has further rows
const { input_ids: ids, attention_mask, token_type_ids, offsets, words } = row;
const tensor = (row) =>
  new ort.Tensor("int64", BigInt64Array.from(row, BigInt), [1, row.length]);
const outputs = await session.run({
__INPUTS__
});
const output = Array.from(outputs.__OUTPUT__.data);
__END__
