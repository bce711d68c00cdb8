// web/ comes with `kerasbert export --web`: its modules make windows of the context and know
// what the answer is.
import { openTokenizer } from "./web/bundle.js";
import * as task from "./web/tasks/question-answering.js";

const texts = [__TEXTS__];
const { settings } = await (await fetch("kerasbert.json")).json();
const rows = task.rows(await openTokenizer(), texts, settings);
