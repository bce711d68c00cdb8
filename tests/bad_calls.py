"""Wrong calls and inputs that no run can use, with the exit code and the words of the line that says so."""

FINETUNE = "finetune text-classification --train train.csv --out out"
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
    (f"{FINETUNE} --max-length 2", "2 is not in the range x>=3"),
    (f"{FINETUNE} --problem-type odd", "'odd' is not one of"),
    (f"{FINETUNE} --seed -1", "-1 is not in the range"),
    ("export model --out out --format coreml", "'coreml' is not one of"),
    ("export model --out out --quantize int3", "'int3' is not one of"),
    ("export model --out out --data a.csv --max-drop nan", "nan is not a finite number"),
    ("export model --out out --data a.csv --max-drop 101", "101.0 is not in the range"),
    ("export model --out out --max-drop 1", "give labelled data to measure on"),
    ("export model --out out --max-length 2", "2 is not in the range x>=3"),
    ("export model --out out --sequence-length 2", "2 is not in the range x>=3"),
    ("export model --out out --format savedmodel --quantize int8", "savedmodel: has no int8"),
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
    ("vocab text.txt --out out --size 5", "5 is not in the range x>=6"),
    ("vocab text.txt --out out --kind bpe --cased", "--cased is for wordpiece"),
    ("inspect train.csv --plot plot.png", "--plot draws the rows of prepared data, which train.csv is not"),
]
"""Calls that end with 2 before TensorFlow is loaded."""

FILES = {
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
}
"""The labelled files of `INPUTS`."""


def learn(name: str) -> str:
    """The call that trains on a file."""
    return FINETUNE.replace("train.csv", name)


INPUTS = [
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
    ("predict none/ a", "none/: no such folder, nor a hub id such as `owner/name`"),
    ("predict layers a", "num_hidden_layers is 1000000000, but the weights have 2"),
    ("predict width a", "hidden_size is 1000000000000000, but the weights have 32"),
    ("predict section a", "config.json: kerasbert is 'yes': use"),
    ("predict deep a", "config.json: cannot be read as JSON (it is nested too deeply)"),
    ("predict pipe a", "config.json: is a pipe or a device, not a regular file"),
    ("predict cut a", "model.safetensors: not a whole safetensors file"),
    ("predict google a", "holds a TensorFlow checkpoint of google-research/bert"),
    ("predict japanese a", "tokenizer_class 'BertJapaneseTokenizer' is not supported"),
    ("predict bundle a", "kerasbert.json: not readable as a bundle's description (it is nested too deeply)"),
]
"""Inputs that end with 1 and one line."""
