// A text -> its sentences, as kerasbert/tasks/sentences.py finds them.

// What ICU's list of English abbreviations keeps whole. Browsers have ICU's rules, but leave its list out.
export const ABBREVIATIONS = `AA. AB. AD. Abs. Act. Adj. Adv. All. Alt. Approx. As. Aug. By. Cap. Capt. Card. Col. Comm. Conn.
  Cont. DC. Dec. Def. Dept. Diff. Do. Ed. Est. Etc. Ex. Exec. F. Feb. Fn. Fri. G. Gb. Go. Hat. Hz. Id. In. Is. Jam. Jan.
  Job. Joe. Jun. Kb. Lev. Lib. Link. Long. MR. Maj. Mar. Mart. Mb. Md. Mgr. Min. Misc. Mr. Mrs. Ms. Mt. Nov. Nr. Num. O.
  OK. Ok. On. Op. Or. Org. PC. PP. Phys. Pro. Prof. Pvt. Q. Rep. Rev. Sep. Sept. Sgt. Sq. T. To. Up. VS. Var. X. Yr. Z.
  exec. pp. vs.`.split(/\s+/);
const BEFORE_A_NAME =
  "Dr. St. Gen. Lt. Lieut. Hon. Mme. Mlle. Messrs. Gov. Sen. Adm. Pres. e.g. i.e. cf.".split(" ");
const OPENING = /[“‘「『（《〈【〔]+$/u; // which ICU leaves with the sentence before

export function sentences(text) {
  const paragraphs = `${text.replaceAll("\n", "\u2029")}\u2029`;
  const found = [];
  let begun = "";
  for (const { segment } of new Intl.Segmenter("en-US", { granularity: "sentence" }).segment(paragraphs)) {
    const piece = begun + segment;
    if (goesOn(piece)) {
      begun = piece;
      continue;
    }
    const sentence = piece.replace(OPENING, "");
    begun = piece.slice(sentence.length);
    found.push(sentence.trim());
  }
  return found.filter(Boolean);
}

// Whether the full stop at the end belongs to an abbreviation, a title or an initial ("Dr.", "J."; but "I." is a
// sentence's end).
function goesOn(piece) {
  const written = piece.replace(/ $/, "");
  if (ABBREVIATIONS.some((each) => written.endsWith(each))) return true;
  const word = piece.slice(-12).trim().split(/\s+/).at(-1);
  return piece.endsWith(". ") && (BEFORE_A_NAME.includes(word) || (/^\p{Lu}.$/u.test(word) && word !== "I."));
}
