// What the page's tokenizer makes of texts, for test_web.py: a JSON object on standard input, ids on standard output.
import { readFileSync } from "node:fs";
import { WordPiece } from "./wordpiece.js";

const { vocabulary, characters, added_tokens, rows } = JSON.parse(readFileSync(0, "utf8"));
const tokenizer = new WordPiece(vocabulary, characters, added_tokens);
const encoded = rows.map(([text, pair, length]) => tokenizer.encode(text, pair, length));
process.stdout.write(JSON.stringify(encoded.map(({ input_ids, token_type_ids }) => [input_ids, token_type_ids])));
