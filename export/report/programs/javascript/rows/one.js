import { Tokenizer } from "@huggingface/tokenizers";

const json = async (path) => (await fetch(path)).json();
const config = await json("tokenizer_config.json");
const tokenizer = new Tokenizer(await json("tokenizer.json"), config);
// At most __MAX_LENGTH__ tokens: cut a longer text before.
const { ids, attention_mask, token_type_ids } =
  tokenizer.encode(__TEXTS__, { return_token_type_ids: true });
const rows = [{ input_ids: ids, attention_mask, token_type_ids }];
