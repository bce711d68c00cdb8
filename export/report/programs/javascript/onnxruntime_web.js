import * as ort from "onnxruntime-web";
import { Tokenizer } from "@huggingface/tokenizers";

const json = async (path) => (await fetch(path)).json();
const config = await json("tokenizer_config.json");
const tokenizer = new Tokenizer(await json("tokenizer.json"), config);
const session = await ort.InferenceSession.create("__FILE__");

// At most __MAX_LENGTH__ tokens: cut a longer text before.
const { ids, attention_mask, token_type_ids } =
  tokenizer.encode(__TEXT__, { return_token_type_ids: true });
const tensor = (row) =>
  new ort.Tensor("int64", BigInt64Array.from(row, BigInt), [1, row.length]);
const outputs = await session.run({
__INPUTS__
});
const output = Array.from(outputs.__OUTPUT__.data);
__END__
