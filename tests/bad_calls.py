"""Wrong calls and inputs that no run can use, with the exit code and the words of the line that says so."""

FINETUNE = "finetune text-classification --train train.csv --out out"
ASK = "finetune question-answering --train train.json --out out"
PREPARE = "prepare text.txt --vocab vocab --out out"
PRETRAIN = "pretrain data --out out"

CALLS = [
    ("nothing", "No such command 'nothing'"),
    ("predict", "Missing argument 'MODEL'"),
    ("predict model", "give texts, or --input FILE, and not both"),
    ("predict model a --input b.txt", "give texts, or --input FILE, and not both"),
    ("predict model a --text-column x", "options that name columns go with --input"),
    ("predict model --input b.txt --pair x", "--pair goes with texts"),
    ("predict model caf\udce9", "is not UTF-8"),
    ("predict model a --top-k 0", "0 is not in the range x>=1"),
    ("predict model a --top-k many", "'many' is not a valid integer range"),
    ("predict model a --max-answer-length 0", "0 is not in the range x>=1"),
    ("predict model a --max-answer-length many", "'many' is not a valid integer range"),
    ("predict model a --null-score-diff-threshold nan", "nan is not a finite number"),
    ("evaluate model --data a.json --max-answer-length 0", "0 is not in the range x>=1"),
    ("predict model a --threshold nan", "nan is not a finite number"),
    ("predict model a --threshold 1.5", "1.5 is not in the range 0<=x<=1"),
    ("predict model a --all-scores --top-k 2", "--all-scores shows every label; leave --top-k out"),
    ("predict model a --all-scores --threshold 0.5", "--all-scores shows every label; leave --threshold out"),
    ("predict model a --batch-size 0", "0 is not in the range x>=1"),
    ("predict model a --task odd", "'odd' is not one of"),
    ("predict model a --out none/a.jsonl", "none: no such folder"),
    ("predict model a --out .", ".: is a folder; name a file"),
    ("evaluate model --data a.csv --batch-size 0", "0 is not in the range x>=1"),
    ("evaluate model --data a.txt --targets good", "No such option '--targets'"),
    ("evaluate model --data a.csv --task odd", "'odd' is not one of"),
    ("evaluate model --data a.csv --plot none/a.png", "none: no such folder"),
    ("evaluate model", "Missing option '--data'"),
    ("finetune text-classification --train train.csv", "Missing option '--out'"),
    (f"{FINETUNE} --epochs 0", "0 is not in the range x>=1"),
    (f"{FINETUNE} --epochs many", "'many' is not a valid integer range"),
    (f"{FINETUNE} --batch-size 0", "0 is not in the range x>=1"),
    (f"{FINETUNE} --learning-rate 0", "0.0 is not in the range x>0"),
    (f"{FINETUNE} --learning-rate nan", "nan is not a finite number"),
    (f"{FINETUNE} --learning-rate inf", "inf is not a finite number"),
    (f"{FINETUNE} --warmup nan", "nan is not a finite number"),
    (f"{FINETUNE} --warmup 2", "2.0 is not in the range 0<=x<=1"),
    (f"{FINETUNE} --layer-decay nan", "nan is not a finite number"),
    (f"{FINETUNE} --weight-decay nan", "nan is not a finite number"),
    (f"{FINETUNE} --save-minutes 0", "0.0 is not in the range x>0"),
    (f"{FINETUNE} --early-stopping 0", "0 is not in the range x>=1"),
    (f"{FINETUNE} --early-stopping 2", "--early-stopping needs held-out examples: give --dev"),
    (f"{FINETUNE} --keep best", "--keep best needs held-out examples: give --dev"),
    (f"{FINETUNE} --metric loss", "--metric needs held-out examples: give --dev"),
    (f"{FINETUNE} --metric bleu", "'bleu' is not one of"),
    (f"{FINETUNE} --learning-rate 1e-3 --learning-rate 1e-4", "more than one --learning-rate needs held-out examples"),
    (f"{FINETUNE} --dev d.csv --learning-rate 1e-3 --learning-rate 0.001", "0.001 is given twice; try different ones"),
    (f"{FINETUNE} --max-length 2", "2 is not in the range x>=3"),
    (f"{FINETUNE} --problem-type odd", "'odd' is not one of"),
    (f"{FINETUNE} --stride 8", "No such option '--stride'"),
    (f"{ASK} --stride -1", "-1 is not in the range x>=0"),
    (f"{ASK} --max-answer-length 0", "0 is not in the range x>=1"),
    (f"{ASK} --top-k 21", "21 is not in the range 1<=x<=20"),
    (f"{ASK} --class-weight balanced", "No such option '--class-weight'"),
    (f"{ASK} --null-score-diff-threshold inf", "inf is not a finite number"),
    (f"{FINETUNE} --seed -1", "-1 is not in the range"),
    ("export model --out out --format coreml", "'coreml' is not one of"),
    ("export model --out out --quantize int3", "'int3' is not one of"),
    ("export model --out out --data a.csv --max-drop nan", "nan is not a finite number"),
    ("export model --out out --data a.csv --max-drop 101", "101.0 is not in the range"),
    ("export model --out out --max-drop 1", "give labelled data to measure on"),
    ("export model --out out --max-length 2", "2 is not in the range x>=3"),
    ("export model --out out --sequence-length 2", "2 is not in the range x>=3"),
    ("export model --out out --format saved_model --quantize int8", "saved_model: has no int8"),
    (f"{PREPARE} --workers 0", "0 is not in the range x>=1"),
    (f"{PREPARE} --workers 1000000", "1000000 is more than"),
    (f"{PREPARE} --short nan", "nan is not a finite number"),
    (f"{PREPARE} --slice-mb inf", "inf is not a finite number"),
    (f"{PREPARE} --slice-mb 0", "0.0 is not in the range x>0"),
    (f"{PREPARE} --max-length 7", "7 is not in the range x>=8"),
    (f"{PREPARE} --beam=--x=y", "--beam is for a --runner; name one"),
    (f"{PRETRAIN} --learning-rate nan", "nan is not a finite number"),
    (f"{PRETRAIN} --learning-rate -inf", "-inf is not in the range x>0"),
    (f"{PRETRAIN} --warmup nan", "nan is not a finite number"),
    (f"{PRETRAIN} --weight-decay inf", "inf is not a finite number"),
    (f"{PRETRAIN} --clip-norm nan", "nan is not a finite number"),
    (f"{PRETRAIN} --dropout nan", "nan is not a finite number"),
    (f"{PRETRAIN} --mask-rate nan", "nan is not a finite number"),
    (f"{PRETRAIN} --save-minutes inf", "inf is not a finite number"),
    (f"{PRETRAIN} --buckets 32,x", "'32,x' is not a list of lengths"),
    (f"{PRETRAIN} --size giant", "'giant' is not one of"),
    (f"{PRETRAIN} --init-from a --size tiny", "--size is for a new model"),
    ("verify bundle --max-drop 1", "--max-drop is for labelled data; give --data"),
    ("verify bundle --data a.csv --max-drop nan", "nan is not a finite number"),
    ("benchmark bundle --threads 0", "0 is not in the range x>=1"),
    ("benchmark bundle --threads 1000000", "1000000 is more than"),
    ("benchmark bundle --runs 0", "0 is not in the range x>=1"),
    ("benchmark bundle --sequence-length 2", "2 is not in the range x>=3"),
    ("benchmark bundle --plot none/a.png", "none: no such folder"),
    ("inspect data --plot none/a.png", "none: no such folder"),
    ("vocab text.txt --out out --size 5", "5 is not in the range x>=6"),
    ("vocab text.txt --out out --kind bpe --cased", "--cased is for wordpiece"),
    ("inspect train.csv --plot plot.png", "--plot draws the rows of prepared data, which train.csv is not"),
]
"""Calls that end with 2 before TensorFlow is loaded."""

FILES = {
    "choices.csv": "prompt,choice1,choice2,label\na,b,c,2\n",
    "one.jsonl": '{"prompt": "a", "choices": ["b"], "label": 0}\n',
    "text.jsonl": '{"prompt": "a", "choices": "b", "label": 0}\n',
    "unlike.csv": "prompt,option,label\na,b,0\n",
    "pairs.csv": "text,text_pair,label\na,b,maybe\n",
    "train.csv": "text,label\na,1\nb,0\n",
    "one.csv": "text,label\na,1\nb,1\n",
    "ragged.csv": "text,label\na,1,2\n",
    "quote.csv": 'text,label\n"a,1\n',
    "header.csv": "text,label,text\na,1,b\n",
    "nolabel.csv": "text,stars\na,1\n",
    "latin.csv": b"text,label\ncaf\xe9,1\n",
    "empty.csv": "",
    "nan.csv": "text,label\na,nan\nb,1\n",
    "half.jsonl": '{"text": "\\ud800", "label": 1}\n',
    "deep.jsonl": "[" * 100_000,
    "list.jsonl": "[1]\n",
    "number.jsonl": '{"text": 3, "label": 1}\n',
    "table.xlsx": "x",
    "brace.json": "{",
    "flat.json": '{"data": [{"question": "a", "context": "b"}]}',
    "question.jsonl": '{"question": " ", "context": "a b", "answers": ["a"]}\n',
    "context.json": '{"data": [{"paragraphs": [{"context": "", "qas": [{"id": 7, "question": "a", "answers": []}]}]}]}',
    "unanswered.jsonl": '{"question": "a", "context": "b"}\n',
    "five.jsonl": '{"question": "a", "context": "b", "answers": 5}\n',
    "nowhere.jsonl": '{"question": "a", "context": "b", "answers": [{"text": "c", "answer_start": 0}]}\n',
}
"""The labelled files of `INPUTS`."""


def learn(name: str) -> str:
    """The call that trains a classifier on a file."""
    return FINETUNE.replace("train.csv", name)


def choose(name: str) -> str:
    """The call that trains a multiple-choice model on a file."""
    return learn(name).replace("text-classification", "multiple-choice")


def follow(name: str) -> str:
    """The call that trains a next-sentence model on a file."""
    return learn(name).replace("text-classification", "next-sentence")


def ask(name: str) -> str:
    """The call that trains a question answerer on a file."""
    return ASK.replace("train.json", name)


INPUTS = [
    (
        choose("choices.csv"),
        "choices.csv, line 2: '2' is no choice; give its number, from 0 to 1, its letter, from A to B, or its text",
    ),
    (choose("one.jsonl"), "one.jsonl, line 1: 1 choice; give two or more"),
    (choose("text.jsonl"), "text.jsonl, line 1: no list of texts in 'choices' (found 'b')"),
    (choose("unlike.csv"), "unlike.csv: no choice column among prompt, option, label; name it with --choice-column"),
    (choose("train.csv"), "train.csv: no prompt column among text, label; name it with --prompt-column"),
    (follow("pairs.csv"), "pairs.csv, line 2: unknown label 'maybe'; give is_next (0) or not_next (1)"),
    (follow("train.csv"), "train.csv: no pair column among text, label; name it with --pair-column"),
    (learn("none.csv"), "none.csv: no such file"),
    (learn("pipe.csv"), "pipe.csv: is a pipe or a device, not a regular file"),
    (learn("folder.csv"), "folder.csv: cannot be read (Is a directory)"),
    (learn("ragged.csv"), "ragged.csv, line 2: 3 columns, the header has 2"),
    (learn("quote.csv"), "quote.csv, line 2: not readable as CSV"),
    (learn("header.csv"), "header.csv, line 1: the header repeats text"),
    (learn("nolabel.csv"), "nolabel.csv: no label column among text, stars"),
    (learn("latin.csv"), "latin.csv, line 2: byte 0xe9 is not UTF-8"),
    (learn("empty.csv"), "empty.csv: holds no rows"),
    (
        learn("half.jsonl"),
        "half.jsonl, line 1: not JSON (\\ud800 is half of a surrogate pair",
    ),
    (learn("deep.jsonl"), "deep.jsonl, line 1: not JSON (it is nested too deeply)"),
    (learn("list.jsonl"), "list.jsonl, line 1: a list; each line holds a JSON object"),
    (learn("number.jsonl"), "number.jsonl, line 1: no text in 'text' (found 3)"),
    (learn("table.xlsx"), "table.xlsx: files named '.xlsx' are not read; use .csv"),
    (learn("one.csv"), "one.csv: labels found: 1; at least 2 are needed to learn"),
    (learn("nan.csv") + " --problem-type regression", "nan.csv, line 2: 'nan' is not a finite number"),
    (learn("brace.json"), "brace.json: files named '.json' are not read; write one object per line, as .jsonl"),
    (ask("brace.json"), "brace.json: not JSON"),
    (ask("flat.json"), "flat.json: data 1 has no list of objects 'paragraphs'; use SQuAD's JSON"),
    (ask("question.jsonl"), "question.jsonl, line 1: 'question' is empty; give it some text"),
    (ask("context.json"), "context.json, question 7: 'context' is empty; give it some text"),
    (ask("unanswered.jsonl"), "unanswered.jsonl: no label column among question, context"),
    (ask("five.jsonl"), "five.jsonl, line 1: 5 are no answers"),
    (ask("nowhere.jsonl"), "nowhere.jsonl: the place of no answer in its context is known; give answer_start"),
    (PREPARE, "vocab: no tokenizer; name a vocab.txt, a tokenizer.json, or the folder that holds one"),
    (PREPARE.replace("vocab vocab", "vocab train.csv"), "train.csv: no tokenizer; name a vocab.txt, a tokenizer.json"),
    ("inspect pipe.onnx", "pipe.onnx: is a pipe or a device, not a regular file"),
    ("predict none.keras a", "none.keras: no such file"),
    ("evaluate layers --data train.csv --task sentence-embedding", "layers: sentence-embedding has no figures"),
    ("predict none/ a", "none/: no such folder, nor a hub id such as `owner/name`"),
    ("predict layers a", "num_hidden_layers is 1000000000, but the weights have 2"),
    ("predict width a", "hidden_size is 1000000000000000, but the weights have 32"),
    ("predict section a", "config.json: kerasbert is 'yes': use"),
    ("predict deep a", "config.json: cannot be read as JSON (it is nested too deeply)"),
    ("predict pipe a", "config.json: is a pipe or a device, not a regular file"),
    ("predict cut a", "model.safetensors: not a whole safetensors file"),
    ("predict google a", "holds bert_config.json but no checkpoint of TensorFlow"),
    ("predict japanese a", "tokenizer_class 'BertJapaneseTokenizer' is not supported"),
    ("predict bundle a", "kerasbert.json: not readable as a bundle's description (it is nested too deeply)"),
]
"""Inputs that end with 1 and one line."""
