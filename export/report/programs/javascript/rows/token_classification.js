// web/ comes with `kerasbert export --web`: its tokenizer tells where the tokens are.
import { openTokenizer } from "./web/bundle.js";

const text = __TEXT__;
const tokenizer = await openTokenizer();
const rows = tokenizer.windows(text, __MAX_LENGTH__, 0).slice(0, 1); // a longer text has more
