// web/ comes with `kerasbert export --web`: its modules find the sentences of a text, make rows
// of them and know which ones are the summary.
import { openTokenizer } from "./web/bundle.js";
import * as task from "./web/tasks/extractive-summarization.js";

const texts = [__TEXTS__];
const { settings } = await (await fetch("kerasbert.json")).json();
const rows = task.rows(await openTokenizer(), texts, settings);
