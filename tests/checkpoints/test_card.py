"""Model cards: the hub reads their heads, their programs run, and what nobody said is not in them."""

import ast
import logging
import os
import shutil
from pathlib import Path

import pytest
from checkpoints.head_classes import NAMES
from huggingface_hub import ModelCard

import kerasbert as kb
from kerasbert.checkpoints import card as cards
from kerasbert.checkpoints import opening
from kerasbert.checkpoints.card import MARKER, Base, Card, is_ours, write_card
from kerasbert.models.cards import PLACE
from kerasbert.models.opening import model_class
from kerasbert.runs.card import run_card
from kerasbert.tasks import NAMES as TASKS

FIXTURES = Path(__file__).parents[1] / "parity" / "fixtures"
HEAD = "---\nlanguage:\n- en\nlicense: mit\ntags: [a]\nbase_model: owner/first\n---\n# A page\n"
PLAIN = Card(said="It is.", task="text-classification", facts={"labels": ["a|b", "c\nd"]}, library="transformers")


def programs(text: str) -> list[str]:
    return [part.split("\n```")[0] for part in text.split("```python\n")[1:]]


# Heads


def test_the_head_has_the_figures_of_held_out_data_under_the_names_of_the_hub(tmp_path):
    (tmp_path / "README.md").write_text("---\nlicense: mit\nlanguage: [en, de]\n---\n")
    given = {
        "base": Base(tmp_path, "owner/base"),
        "data": "dev.csv",
        "figures": {"accuracy": 0.5, "macro_f1": 0.25, "loss": 1.0},
    }
    (tmp_path / "README.md").write_text(Card(**{**vars(PLAIN), **given}).text("opinions"), encoding="utf-8")
    data = ModelCard.load(tmp_path / "README.md").data
    assert (data.license, data.language, data.base_model) == ("mit", ["en", "de"], "owner/base")
    assert (data.library_name, data.pipeline_tag, data.metrics) == ("transformers", PLAIN.task, ["accuracy", "f1"])
    assert data.model_name == "opinions"
    shown = [(x.metric_name, x.metric_type, x.metric_value, x.dataset_name, x.dataset_type) for x in data.eval_results]
    assert shown == [("accuracy", "accuracy", 0.5, "dev.csv", "csv"), ("macro_f1", "f1", 0.25, "dev.csv", "csv")]


def test_figures_of_translations_are_those_of_sacrebleu_in_the_head_and_both_files_are_named():
    told = {"data": {"train": "a/x.en,a/x.de", "dev": "b/y.en,b/y.de"}, "recipe": {}, "seed": 0, "precision": "float32"}
    text = run_card(PLAIN, {"val_bleu": 0.375, "val_rougeL": 0.5}, told, dev="b/y.en,b/y.de").text("x")
    shown = [(x.metric_type, x.metric_value, x.dataset_name) for x in ModelCard(text).data.eval_results]
    assert shown == [("sacrebleu", 37.5, "y.en,y.de"), ("rouge", 0.5, "y.en,y.de")]
    assert "| train | x.en,x.de |" in text


def test_what_is_not_known_is_not_in_the_head():
    data = ModelCard(PLAIN.text("x")).data.to_dict()
    assert data == {"library_name": "transformers", "pipeline_tag": PLAIN.task, "tags": ["kerasbert", "keras"]}


def test_a_cell_of_a_table_stays_one_cell():
    assert "| labels | a\\|b, c d |" in PLAIN.text("x")


def test_every_task_has_a_row_and_the_next_sentence_has_none_on_the_hub():
    assert cards.PIPELINES.keys() == {*TASKS, "encoder", "pre-training"} - {"next-sentence"}


# What a model was made from


@pytest.mark.parametrize("origin", [None, "owner/second"])
def test_the_base_is_the_hub_id_or_what_the_folders_card_names(tmp_path, monkeypatch, origin):
    folder = shutil.copytree(FIXTURES / "bert", tmp_path / "model")
    (folder / "README.md").write_text(HEAD, encoding="utf-8")
    if origin:
        monkeypatch.setattr(opening.hub, "folder_of", lambda path: folder)
    kb.BertEncoder.from_pretrained(origin or folder).save_pretrained(tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text(encoding="utf-8")
    data = ModelCard(text).data
    assert (data.license, data.language, data.base_model) == ("mit", ["en"], origin or "owner/first")
    assert data.tags == ["kerasbert", "keras"]
    linked = f"[{data.base_model}](https://huggingface.co/{data.base_model})"
    made = linked if origin else f"the folder `model`, which was made from {linked}"
    assert f"It was made with kerasbert from {made}.\n" in text
    assert (
        f"The card of {origin or 'the folder `model`'}, from which this model was made, names the licence mit." in text
    )


def test_the_encoder_in_the_package_names_its_licence():
    base = opening.open_checkpoint(None).base
    assert (base.id, base.head) == (None, {"license": "apache-2.0", "language": "en"})
    assert base.title == "the encoder that comes with kerasbert"


@pytest.mark.parametrize(
    "content",
    [
        "# No head\n",
        "---\nlicense: [mit\n---\n",
        "---\n- mit\n---\n",
        "---\nlicense: {a: mit}\nlanguage: [1, 2]\n---\n",
        b"---\nlicense: caf\xe9\n---\n",
        "---\nlicense: mit\n---\n" + "x" * cards.LARGEST,
        "---\n!!python/object/apply:os.mkdir ['made']\n---\n",
        None,
    ],
)
def test_a_card_that_cannot_be_read_tells_nothing(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "README.md"
    if content is None:
        os.mkfifo(path)
    else:
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert Base(tmp_path).head == {}
    assert [each.name for each in tmp_path.iterdir()] == ["README.md"]


# The user's own page


def test_a_page_of_the_users_stays_and_ours_is_written_again(tmp_path, caplog):
    (tmp_path / "README.md").write_text("mine", encoding="utf-8")
    encoder = kb.BertEncoder.from_pretrained(FIXTURES / "bert")
    with caplog.at_level(logging.INFO, logger="kerasbert"):
        encoder.save_pretrained(tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == "mine"
    assert caplog.messages[-1] == f"{tmp_path / 'README.md'}: is your own page, and stays"
    (tmp_path / "README.md").write_text(f"{MARKER}\nold", encoding="utf-8")
    encoder.save_pretrained(tmp_path)
    text = (tmp_path / "README.md").read_text(encoding="utf-8")
    assert f"\n# {tmp_path.name}\n" in text
    assert is_ours(tmp_path / "README.md")
    write_card(PLAIN, tmp_path, tmp_path)
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == PLAIN.text(tmp_path.name)


# Programs


@pytest.fixture(scope="module")
def models(tiny_bert):
    """A model of each task on one encoder, by the name of the task."""
    encoder = kb.BertEncoder.from_pretrained(tiny_bert)
    labels = {"labels": ["O", "B-A"]}
    given = {"text-classification": labels, "token-classification": labels}
    return {name: model_class(name)(encoder, **given.get(name, {})) for name in TASKS}


@pytest.mark.parametrize("name", TASKS)
def test_the_programs_of_a_card_open_the_folder(models, name, tmp_path):
    models[name].save_pretrained(tmp_path / "model")
    text = (tmp_path / "model" / "README.md").read_text(encoding="utf-8")
    assert f"| task | {name} |" in text
    ours, *others = programs(text)
    exec(ours.replace(PLACE, str(tmp_path / "model")), {})
    for program in others:
        ast.parse(program)
    classes = [*NAMES, "EncoderDecoderModel"]
    assert any(f"import AutoTokenizer, {each}\n" in text for each in classes) or "SentenceTransformer(" in text


def test_a_classifier_that_transformers_does_not_have_has_no_program_for_it(models):
    model = kb.TextClassifier(models["feature-extraction"].encoder, labels=["a", "b"], pooling="mean")
    text = model.card().text("x")
    assert len(programs(text)) == 1
    assert "transformers does not have this architecture" in text
    assert ModelCard(text).data.library_name == "kerasbert"


def test_a_mask_is_the_models_own():
    text = kb.MaskFiller.from_pretrained(FIXTURES / "roberta_mlm").card().text("x")
    assert 'model(**tokenizer("the film was <mask>.", return_tensors="pt"))' in text
    assert "This Roberta model gives the words that fit" in text


# Runs and vocabularies


def test_the_card_of_a_run_has_its_data_recipe_and_figures():
    told = {
        "data": {"train": "/home/ann/train.csv", "dev": "/home/ann/dev.tsv", "rows": 1200},
        "recipe": {"learning_rate": 1e-4, "epochs": 3, "class_weight": None},
        "seed": 7,
        "precision": "float32",
        "model": {"hidden_size": 32},
    }
    figures = {"loss": 0.5, "accuracy": 0.75, "val_loss": 0.25, "val_accuracy": 0.875, "val_macro_f1": 0.9}
    text = run_card(PLAIN, figures, told, dev="/home/ann/dev.tsv").text("x")
    assert "| | training | dev.tsv |\n|---|---|---|\n| loss | 0.5 | 0.25 |\n| accuracy | 0.75 | 0.875 |\n" in text
    assert "| macro_f1 |  | 0.9 |" in text
    assert "| train | train.csv |\n| dev | dev.tsv |\n| rows | 1,200 |" in text
    assert "| learning_rate | 0.0001 |\n| epochs | 3 |\n| seed | 7 |" in text
    assert "/home" not in text
    assert {each.metric_value for each in ModelCard(text).data.eval_results} == {0.875, 0.9}


def test_a_run_without_held_out_data_claims_no_result(tiny_classifier):
    card = ModelCard.load(tiny_classifier / "README.md")
    assert (card.data.eval_results, card.data.metrics) == (None, None)
    assert "| | training |\n|---|---|\n| accuracy | 1 |" in card.text
    assert "| train | train.csv |" in card.text


def test_a_pruned_model_keeps_the_licence(tmp_path):
    folder = shutil.copytree(FIXTURES / "bert", tmp_path / "model")
    (folder / "README.md").write_text(HEAD, encoding="utf-8")
    done = kb.prune_vocabulary(folder, tmp_path / "small", ["the dog"])
    card = ModelCard.load(tmp_path / "small" / "README.md")
    assert (card.data.license, card.data.base_model) == ("mit", "owner/first")
    assert (
        f"This is the folder `model` with {done.tokens[1]} tokens instead of 79: it keeps only those that a corpus uses"
        in card.text
    )
