import { Tokenizer } from "@huggingface/tokenizers";

const json = async (path) => (await fetch(path)).json();
const config = await json("tokenizer_config.json");
const tokenizer = new Tokenizer(await json("tokenizer.json"), config);
const encode = (text, text_pair) => { // at most __MAX_LENGTH__ tokens: cut longer texts before
  const options = { text_pair, return_token_type_ids: true };
  const { ids, attention_mask, token_type_ids } = tokenizer.encode(text, options);
  return { input_ids: ids, attention_mask, token_type_ids };
};
