"""Question answering: the part of a context of any length that answers a question, or none."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kerasbert.decoding.labels import softmax
from kerasbert.decoding.spans import N_BEST, Span, best_spans, most_context, null_score
from kerasbert.errors import ConfigError, DataError, TokenizerError
from kerasbert.tasks.answers import right_answers, survey, tell_unplaced, with_start
from kerasbert.tasks.choice import Choice
from kerasbert.tasks.encoding import check_length, inputs_of
from kerasbert.tasks.fields import Field
from kerasbert.tasks.figures import answers as figures
from kerasbert.tasks.figures.pictures import Counts
from kerasbert.tasks.task import MODEL_INPUTS, Example, Graph, Output, Row, Task, Words, option


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The settings of a question answerer.

    Raises:
        ConfigError: a value is not allowed.
    """

    max_length: int
    """Number of tokens in a window, with those of the question. A longer context is answered in several windows."""
    stride: int = option(128, least=0, help="Number of tokens that two neighbouring windows of a context share.")
    """Number of the context's tokens that two neighbouring windows share; at most half of those in a window."""
    max_answer_length: int = option(30, least=1, answering=True, help="Largest number of tokens in an answer.")
    """Largest number of tokens in an answer."""
    top_k: int = option(
        1, least=1, most=N_BEST, help="Number of answers to a question: 1 for one answer, more for a list."
    )
    """Number of answers: 1 for one answer, more for a list."""
    handle_impossible_answer: bool = option(
        False,
        answering=True,
        usual="whether --train has questions without an answer",
        help='Whether the answer may be none, "".',
    )
    """Whether the answer may be none, "" (SQuAD 2.0)."""
    null_score_diff_threshold: float = option(
        0.0,
        answering=True,
        usual="0, or tuned on --dev",
        help="The answer is none if its score is above that of the best part of the context by more than this.",
    )
    """The answer is none if its score is above the best span's by more than this. It is tuned on held-out questions."""

    def __post_init__(self):
        check_length(self.max_length)
        for name, least in (("stride", 0), ("max_answer_length", 1), ("top_k", 1)):
            if getattr(self, name) < least:
                raise ConfigError(f"{name} is {getattr(self, name)}: use {least} or more")
        if self.top_k > N_BEST:
            raise ConfigError(f"top_k is {self.top_k}: use {N_BEST} or less")


CUT = "only_second"
"""Every window holds the whole question."""


def graphs(settings: Settings) -> tuple[Graph, ...]:
    outputs = (Output("start_logits", "position", "choice"), Output("end_logits", "position", "choice"))
    return (Graph("model", MODEL_INPUTS, outputs),)


def rows(tokenizer, example: Example, settings: Settings) -> list[Row]:
    """Makes the windows of a context, each with the whole question before it.

    Raises:
        TokenizerError: the question or the context has no token, or the question leaves no room for the context.
    """
    question, context = example.fields["question"], example.fields["context"]
    sizes = [len(ids) for ids in tokenizer.piece_ids([question, context])]
    for name, size in zip(("question", "context"), sizes, strict=True):
        if not size:
            raise TokenizerError(f"{example.place}: the {name} is empty; give it some text")
    (pair,) = tokenizer.encode([question], [""], max_length=None)
    room = settings.max_length - len(pair)
    if room < 1:
        raise TokenizerError(
            f"{example.place}: the question takes {len(pair)} of {settings.max_length} tokens and leaves no room for "
            "the context; shorten it"
        )
    stride = min(settings.stride, room // 2)
    windows = tokenizer.windows(question, context, max_length=settings.max_length, stride=stride, cut=CUT)
    parts = [context_of(each) for each in windows]
    counts = [part.stop - part.start for part in parts]
    kept = most_context([index * (room - stride) for index in range(len(windows))], counts)
    return [
        Row(
            example,
            inputs_of(encoding, tokenizer.has_token_types),
            encoding,
            slice(part.start + own.start, part.start + own.stop),
        )
        for encoding, part, own in zip(windows, parts, kept, strict=True)
    ]


def context_of(encoding) -> slice:
    """The tokens of the context in a window."""
    places = [place for place, sequence in enumerate(encoding.sequence_ids) if sequence == 1]
    return slice(places[0], places[-1] + 1) if places else slice(0, 0)


def decode(example: Example, rows: Sequence[Row], outputs, settings: Settings) -> dict | list[dict]:
    """The best answer, `{"answer", "score", "start", "end"}`, or a list of `top_k` answers.

    The score is the probability among the `N_BEST` best answers. `start` and `end` count code points of the context;
    the answer none is "", with both 0.
    """
    found, difference = candidates(example, rows, outputs, settings)
    scores = softmax(np.array([score for score, *_ in found]))
    answers = [
        {"answer": example.fields["context"][start:end], "score": float(score), "start": start, "end": end}
        for score, (_, start, end) in zip(scores, found, strict=True)
    ]
    if settings.handle_impossible_answer:
        none = difference > settings.null_score_diff_threshold
        answers.sort(key=lambda answer: bool(answer["answer"]) == none)  # what was decided comes first
    return answers[0] if settings.top_k == 1 else answers[: settings.top_k]


def choose(example: Example, rows: Sequence[Row], outputs, settings: Settings, choice: Choice) -> list[dict]:
    """A list of the `top_k` best answers."""
    found = decode(example, rows, outputs, replace(settings, top_k=choice.top_k))
    return found if isinstance(found, list) else [found]


def candidates(example: Example, rows: Sequence[Row], outputs, settings: Settings):
    """The best answers with different texts, best first.

    Returns:
        A list of score, start and end; the score is a sum of two logits. The score of the answer none less that of the
        best span.
    """
    context, spans = example.fields["context"], _spans(rows, outputs, settings)
    none = null_score(outputs["start_logits"], outputs["end_logits"])
    found = {}
    for span in spans:
        start, end = _in_whole_words(rows[span.window].encoding, span)
        found.setdefault(context[start:end], (span.score, start, end))
        if len(found) == N_BEST:
            break
    best = list(found.values())
    if settings.handle_impossible_answer:
        place = sum(score >= none for score, *_ in best)
        best = [*best[:place], (none, 0, 0), *best[place : N_BEST - 1]]
    return best, none - spans[0].score


def _spans(rows: Sequence[Row], outputs, settings: Settings) -> list[Span]:
    """The best spans of the context, best first."""
    return best_spans(
        outputs["start_logits"],
        outputs["end_logits"],
        [context_of(row.encoding) for row in rows],
        [row.kept for row in rows],
        longest=settings.max_answer_length,
    )


def span_of(rows: Sequence[Row], outputs, settings: Settings, answer: Mapping) -> Span:
    """The window and the tokens that an answer of `decode` was made of.

    The answer none is the first token, [CLS], of the window that gives it the smallest score.
    """
    if not answer["answer"]:
        scores = [
            float(start[0]) + float(end[0])
            for start, end in zip(outputs["start_logits"], outputs["end_logits"], strict=True)
        ]
        return Span(int(np.argmin(scores)), 0, 0, min(scores))
    place = (answer["start"], answer["end"])
    return next(
        each for each in _spans(rows, outputs, settings) if _in_whole_words(rows[each.window].encoding, each) == place
    )


def _in_whole_words(encoding, span: Span) -> tuple[int, int]:
    """Where a span begins and ends in the context; a word of which it has a piece belongs to it."""
    first, last = encoding.token_to_word(span.start), encoding.token_to_word(span.end)
    return encoding.word_to_chars(first, 1)[0], encoding.word_to_chars(last, 1)[1]


def same(a, b, settings: Settings) -> bool:
    """Whether two answers are the same part of the context; of several, whether the first ones are."""
    first, other = (each[0] if isinstance(each, list) else each for each in (a, b))
    return (first["start"], first["end"]) == (other["start"], other["end"])


def probability(example: Example, rows: Sequence[Row], outputs, settings: Settings, answer) -> float:
    """The probability of an answer among the `N_BEST` best ones; 0 if it is none of these."""
    ranked = choose(example, rows, outputs, settings, Choice(top_k=N_BEST))
    return next((each["score"] for each in ranked if same(each, answer, settings)), 0.0)


def truth(example: Example, settings: Settings) -> list:
    """The right answers of an example (`kerasbert.tasks.answers.Answer`); an empty list if there is none."""
    return right_answers(example)


def observe(examples: Sequence[Example], known: Mapping) -> Mapping:
    """Whether there are questions without an answer among training examples.

    Raises:
        DataError: no question has an answer at a known place, so there is nothing to learn.
    """
    found = [right_answers(each) for each in examples]
    if not any(answer.start is not None for answers in found for answer in answers):
        raise DataError(f"{examples[0].path}: the place of no answer in its context is known; give answer_start")
    tell_unplaced(examples)
    return {"handle_impossible_answer": not all(found)}


def targets(tokenizer, row: Row, settings: Settings) -> tuple[dict, dict, dict]:
    """Makes the inputs and the targets of a window, for training.

    Returns:
        The window's inputs. For the start and for the end, float32 (tokens,): 1 at the right token and 0 elsewhere. The
        right token is the first one, [CLS], if the window does not hold the whole answer. Their weights: 0 for a
        question whose answers are at no known place.
    """
    found = right_answers(row.example)
    placed = next((each for each in found if each.start is not None), None)
    first, last = (0, 0) if placed is None else _tokens_of(row.encoding, placed.start, placed.end)
    wanted = {}
    for name, place in (("start_logits", first), ("end_logits", last)):
        wanted[name] = np.zeros(len(row), np.float32)
        wanted[name][place] = 1.0
    weight = np.float32(placed is not None or not found)
    return row.inputs, wanted, dict.fromkeys(wanted, weight)


def _tokens_of(encoding, start: int, end: int) -> tuple[int, int]:
    """First and last token of a part of the context; both 0 if the window does not hold all of it."""
    part = context_of(encoding)
    offsets = np.array(encoding.offsets[part]).reshape(-1, 2)
    if not len(offsets) or offsets[0, 0] > start or offsets[-1, 1] < end:
        return 0, 0
    inside = np.flatnonzero((offsets[:, 1] > start) & (offsets[:, 0] < end))
    return (part.start + int(inside[0]), part.start + int(inside[-1])) if len(inside) else (0, 0)


def tune(answered: Sequence, settings: Settings) -> Settings:
    """Sets the threshold of the answer none to the value with the best F1, if some of the questions have no answer."""
    right = [[each.text for each in right_answers(one.example)] for one in answered]
    if not settings.handle_impossible_answer or all(right):
        return settings
    differences, gains = [], []
    for one, texts in zip(answered, right, strict=True):
        found, difference = candidates(one.example, one.rows, one.outputs, settings)
        _, start, end = next(each for each in found if each[2])
        differences.append(difference)
        gains.append(figures.best(figures.f1, one.example.fields["context"][start:end], texts))
    threshold = figures.best_threshold(differences, gains, [bool(each) for each in right])
    return replace(settings, null_score_diff_threshold=threshold)


def measured(answered: Sequence, settings: Settings) -> dict[str, float]:
    """SQuAD's figures; see `kerasbert.tasks.figures.answers.evaluate`."""
    return figures.evaluate(*_answers_and_truths(answered, settings))


def by_class(answered: Sequence, settings: Settings) -> dict[str, dict[str, float]]:
    """How well questions with and without an answer are told apart; nothing if all of them have one."""
    return figures.by_class(*_answers_and_truths(answered, settings))


def picture(answered: Sequence, settings: Settings) -> Counts:
    """How many answers are right, partly right, wrong and none, for questions with and without an answer."""
    return figures.outcomes(*_answers_and_truths(answered, settings))


def _answers_and_truths(answered: Sequence, settings: Settings) -> tuple[list[str], list[list[str]]]:
    """The text of the answer to each question, "" for none, and the texts of the right answers."""
    one = replace(settings, top_k=1)
    answers = [decode(each.example, each.rows, each.outputs, one)["answer"] for each in answered]
    return answers, [[each.text for each in right_answers(one.example)] for one in answered]


GOLDEN = tuple(
    Example({"question": question, "context": context})
    for question, context in (
        ("Who was the leader?", "😀 The leader was John Smith (1895-1943)."),
        ("When is the shop open?", "It is open every day from nine to five, but on Sunday it closes at noon."),
        ("谁在北京工作？", "李开复在北京和微软亚洲研究院工作。"),
        ("Wo wohnt Frau Müller?", "Café Müller gehört Frau Müller, die seit 1989 in Zürich wohnt."),
        ("What?", "Yes."),
        ("How much is a ticket?", "Tickets are sold at the gate; each costs £4.50, and children pay nothing."),
        ("What colour is the sky?", "The film was slow, and the seats were hard."),
        ("Who wrote the letter, and when?", "On 3 May 1871 Ann Lee wrote to her brother, who never got the letter."),
        (
            "Where is the harbour?",
            " ".join(f"Street {n} leads to house {n + 1}." for n in range(40)) + " The harbour is in Oslo.",
        ),
        ("Which word is the last one?", " ".join(f"word{number}" for number in range(400))),
    )
)

TASK = Task(
    name="question-answering",
    Settings=Settings,
    fields=(
        Field("question", ("question", "query"), option="question", filled=True),
        Field("context", ("context", "passage", "paragraph", "document"), option="context", filled=True),
    ),
    truths=("answers", "answer", "answer_text"),
    beside=("answer_start",),
    joined=with_start,
    format=".json",
    cut=CUT,
    usual_length=384,
    golden=GOLDEN,
    calibration=GOLDEN,
    words=Words(
        title="Answers to questions",
        examples="questions",
        longer="A longer context is read in several windows.",
        verb="answer",
        gives="the part of a context that answers a question",
        teaches="Teach a checkpoint to find the answers to questions in a context, from SQuAD's JSON or JSON lines.",
        shown=GOLDEN[0].fields["question"],
    ),
    headline="f1",
    contract="BertQuestionAnswerer",
    graphs=graphs,
    rows=rows,
    truth=truth,
    survey=survey,
    observe=observe,
    targets=targets,
    decode=decode,
    choices=lambda settings: ("top_k",),
    choose=choose,
    same=same,
    probability=probability,
    tune=tune,
    figures=measured,
    metrics=lambda settings: dict.fromkeys(("f1", "exact_match"), "max"),
    by_class=by_class,
    picture=picture,
)
