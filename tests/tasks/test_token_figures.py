"""Figures of tagged words, against counts by hand."""

import pytest

from kerasbert.tasks.figures.tokens import by_class, evaluate


def test_an_inside_that_begins_an_entity_counts_by_default_and_not_in_strict_iob2():
    figures = evaluate([["I-ORG", "I-ORG"]], [["B-ORG", "I-ORG"]])
    assert figures == {"precision": 1.0, "recall": 1.0, "f1": 1.0, "strict_iob2_f1": 0.0}


def test_an_entity_needs_its_type_and_both_ends():
    true = [["B-A", "I-A", "O", "B-B"], ["O", "B-A"]]
    predicted = [["B-A", "O", "O", "B-B"], ["B-B", "B-A"]]
    figures = evaluate(predicted, true)
    assert figures["precision"] == pytest.approx(2 / 4)
    assert figures["recall"] == pytest.approx(2 / 3)
    assert figures["f1"] == figures["strict_iob2_f1"] == pytest.approx(4 / 7)


@pytest.mark.parametrize("tags", [[[]], [["O", "O"]], [["O"], []]])
def test_without_entities_figures_are_zero(tags):
    assert set(evaluate(tags, tags).values()) == {0.0}


def test_figures_by_type_are_those_of_seqevals_report():
    from seqeval.metrics import classification_report

    true = [["B-PER", "O", "I-LOC", "B-LOC"], ["B-ORG", "I-ORG", "O", "O"]]
    predicted = [["B-PER", "O", "B-LOC", "O"], ["B-ORG", "B-ORG", "O", "B-MISC"]]
    report = classification_report(true, predicted, output_dict=True, zero_division=0)
    found = by_class(predicted, true)
    assert found.keys() == {"LOC", "MISC", "ORG", "PER"}
    for kind, figures in found.items():
        expected = {name.replace("f1-score", "f1"): value for name, value in report[kind].items()}
        assert figures == pytest.approx(expected)


def test_without_entities_there_are_no_types():
    assert by_class([["O", "O"]], [["O", "O"]]) == {}
