"""The token classifier as somebody uses it in Keras, and from the command line: from a tagged file to entities."""

import json
import re

import keras
import numpy as np
import pytest
from conftest import tagged, write_conll

from kerasbert import BertEncoder, TextClassifier, TokenClassifier
from kerasbert.errors import CheckpointError
from kerasbert.models.opening import open_model
from kerasbert.tasks.task import Example

LABELS = ("O", "B-PRAISE", "I-PRAISE", "B-THING", "I-THING")


@pytest.fixture(scope="module")
def model(tiny_tagger) -> TokenClassifier:
    return open_model(tiny_tagger / "tagger")


def found(answers):
    return [(each["entity_group"], each["word"]) for each in answers]


def test_a_folder_opens_as_its_task_with_its_settings(model, tiny_tagger):
    assert type(model) is TokenClassifier
    assert model.labels == LABELS
    assert (model.settings.aggregation, model.settings.max_length, model.settings.stride) == ("first", 16, 4)
    with pytest.raises(CheckpointError, match="has no classifier"):
        TextClassifier.from_pretrained(tiny_tagger / "tagger")


def test_texts_of_any_length_and_words_are_answered(model):
    text = "the hotel was great kind and 😀, book"
    wanted = [("THING", "hotel"), ("PRAISE", "great kind"), ("THING", "book")]
    long = " ".join([text] * 9)
    answers = model.predict_text([text, "", text.split(), long])
    assert [found(each) for each in answers[:3]] == [wanted, [], wanted]
    things = {each["start"] for each in answers[3] if each["entity_group"] == "THING"}
    assert things >= {each.start() for each in re.finditer("hotel|book", long)}
    assert all(each["word"] == text[each["start"] : each["end"]] for each in answers[0])
    assert all(0.5 < each["score"] <= 1 for each in answers[0])


def test_the_loss_is_the_mean_over_first_pieces(tiny_bert, tmp_path):
    model = TokenClassifier.from_pretrained(tiny_bert, labels=LABELS, max_length=16)
    model.compile(run_eagerly=True)
    sentences = [[(f"{word}ing" if word == "was" else word, tag) for word, tag in each] for each in tagged(7)]
    data = model.dataset(write_conll(tmp_path / "a.conll", sentences), batch_size=7, shuffle=False)
    loss, accuracy = model.evaluate(data, verbose=0)
    shares, right = [], []
    for sentence in sentences:
        example = Example({"text": [word for word, _ in sentence]}, [tag for _, tag in sentence])
        (each,) = model.answered([example])
        (row,), (logits,) = each.rows, each.outputs["logits"]
        words = row.encoding.word_ids
        firsts = [place for place, word in enumerate(words) if word is not None and word != words[place - 1]]
        for place, (_, tag) in zip(firsts, sentence, strict=True):
            wanted = LABELS.index(tag)
            shares.append(np.log(np.exp(logits[place]).sum()) - logits[place][wanted])
            right.append(int(np.argmax(logits[place])) == wanted)
    assert loss == pytest.approx(np.mean(shares), rel=1e-4)
    assert accuracy == pytest.approx(np.mean(right))


def test_a_checkpoint_of_the_same_labels_goes_on_with_its_head(tiny_tagger, model, caplog):
    again = TokenClassifier.from_pretrained(tiny_tagger / "tagger", labels=LABELS)
    np.testing.assert_array_equal(again.get_layer("classifier").kernel, model.get_layer("classifier").kernel)
    keras.utils.set_random_seed(1)
    other = TokenClassifier.from_pretrained(tiny_tagger / "tagger", labels=("O", "B-A", "I-A", "B-B", "I-B"))
    assert not np.array_equal(other.get_layer("classifier").kernel, model.get_layer("classifier").kernel)
    assert "new, not from the checkpoint: classifier" in caplog.text


def test_the_command_line_goes_from_a_tagged_file_to_entities(run, tiny_bert, tiny_tagger, tmp_path):
    train = write_conll(tmp_path / "train.conll", tagged(20))
    sentences = [[(word, tag.replace("B-", "I-")) for word, tag in each] for each in tagged(20)]
    dev = write_conll(tmp_path / "dev.iob", sentences)
    recipe = ("--checkpoint", tiny_bert, "--epochs", 1, "--max-length", 16, "--aggregation", "max")
    done = run("finetune", "token-classification", "--train", train, "--dev", dev, "--out", "model", *recipe)
    assert done.exit_code == 0, done.stderr
    assert "train.conll: tags in the scheme BIO" in done.stderr
    assert "dev.iob: tags in the scheme IO" in done.stderr
    assert re.search(r"val_accuracy 0.\d+, val_loss \d.\d+, .*val_f1 0.\d+, val_strict_iob2_f1 0.\d+$", done.stdout)
    assert json.loads(run("inspect", "model", "--json").stdout)["aggregation"] == "max"
    tagger = tiny_tagger / "tagger"
    figures = json.loads(run("evaluate", tagger, "--data", dev, "--json").stdout)
    assert figures | {"texts": 20, "precision": 1.0, "recall": 1.0, "f1": 1.0, "strict_iob2_f1": 1.0} == figures
    assert {name: row["f1"] for name, row in figures["classes"].items()} == {"PRAISE": 1.0, "THING": 1.0}
    (line,) = run("predict", tagger, "the hotel was great kind and bad").stdout.splitlines()
    answer = json.loads(line)
    assert answer["text"] == "the hotel was great kind and bad"
    assert found(answer["answers"]) == [("THING", "hotel"), ("PRAISE", "great kind")]
    lines = run("predict", tagger, "--input", dev).stdout.splitlines()
    assert json.loads(lines[0])["text"] == " ".join(word for word, _ in sentences[0])


def test_layers_of_one_s_own_find_entities_too(tiny_bert, tmp_path):
    keras.utils.set_random_seed(0)
    encoder = BertEncoder.from_pretrained(tiny_bert)
    mask = keras.ops.cast(encoder.input["attention_mask"], "bool")
    x = keras.layers.Bidirectional(keras.layers.LSTM(8, return_sequences=True))(
        encoder.output["sequence_output"], mask=mask
    )
    model = TokenClassifier(encoder, labels=LABELS, max_length=16, outputs=keras.layers.Dense(len(LABELS))(x))
    model.compile(keras.optimizers.Adam(1e-2))
    sentences = tagged(48)
    words, tags = ([[each[place] for each in sentence] for sentence in sentences] for place in (0, 1))
    history = model.fit(words, tags, batch_size=16, epochs=4, verbose=0).history
    assert history["loss"][-1] < history["loss"][0] / 2
    path = tmp_path / "tagger.keras"
    model.save(path)
    again = keras.models.load_model(path)
    assert again.predict_text(words[:8]) == model.predict_text(words[:8])
    assert any(model.predict_text(words[:8]))
