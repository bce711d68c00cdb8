"""How the page and the report look, in a headless Chromium: on a phone and on a desk, in light and in dark."""

import json

import pytest
from chromium import Chromium, find
from conftest import small_vocabulary
from pretended import pretend

from kerasbert.export.variants import VARIANTS
from kerasbert.tokenizers import WordPieceTokenizer

SCREENS = [(width, scheme) for width in (390, 1280) for scheme in ("light", "dark")]
HEBREW, ARABIC, EMOJI = "שירות מצוין", "الخدمة كانت ممتازة", "👩🏽‍🚀 very happy 😀"
LABELS = (
    "a label that goes on, well beyond what anybody would write into the column of a file",
    "unbroken" * 15,
    HEBREW,
    ARABIC,
    EMOJI,
    "<b>&amp;</b>",
    *(f"label {number}" for number in range(34)),
)
TAGS = ("O", *(f"{letter}-{kind}" for kind in ("PER", "LOC", "unbroken" * 6, HEBREW, EMOJI) for letter in "BI"))
LONG = ("the film was great " * 530)[:10_000]
UNBROKEN = "x" * 10_000
TEXTS = {
    "plain": "the film was great",
    "right to left": f"{ARABIC} {HEBREW}",
    "emoji": f"{EMOJI} in the film\n\n\tand a new line",
    "long": LONG,
    "unbroken": UNBROKEN,
    "empty": "",
}
BUNDLES = {
    "labels": ("text-classification", {"labels": LABELS, "pairs": True}),
    "two labels": ("text-classification", {"labels": ("negative", "positive"), "pairs": False}),
    "several": (
        "text-classification",
        {"labels": LABELS[:6], "problem_type": "multi_label_classification", "pairs": False},
    ),
    "a number": ("text-classification", {"labels": ("stars",), "problem_type": "regression", "pairs": False}),
    "tags": ("token-classification", {"labels": TAGS, "aggregation": "simple"}),
    "questions": ("question-answering", {"handle_impossible_answer": True}),
    "masks": ("fill-mask", {}),
    "next": ("next-sentence", {}),
    "choices": ("multiple-choice", {}),
    "embedding": ("sentence-embedding", {}),
    "features": ("feature-extraction", {}),
    "summary": ("extractive-summarization", {}),
    "translation": (
        "seq2seq",
        {"decoder_start_token_id": 2, "eos_token_id": 3, "max_new_tokens": 40, "num_return_sequences": 2},
    ),
}
POSED = {"masks": lambda text: f"{text} [MASK] [MASK]", "choices": lambda text: f"{text} \n{HEBREW}\nno"}
"""Row of `BUNDLES` -> what is written into the boxes in place of a text that the task cannot answer."""

# What reaches beyond the window. Code may be wider than its box, which then scrolls.
TOO_WIDE = """(() => {
  const found = [...document.body.querySelectorAll("*")].filter((each) => {
    const { right, left, width, height } = each.getBoundingClientRect();
    return width && height && !each.closest("pre, thead, [hidden]") && (right > innerWidth + 0.5 || left < -0.5);
  }).map((each) => `${each.tagName} ${each.id} ${each.className} ${each.textContent.slice(0, 30)}`);
  const scrolled = document.documentElement.scrollWidth - document.documentElement.clientWidth;
  return scrolled > 0 ? [`the page is ${scrolled} px too wide`, ...found] : found;
})()"""

# Texts whose contrast with what lies behind them is below 4.5 : 1, by WCAG's formula.
FAINT = """(() => {
  const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
  const context = canvas.getContext("2d", { willReadFrequently: true });
  const remembered = (known, key, make) => known.get(key) ?? known.set(key, make()).get(key);
  const colours = new Map(), backgrounds = new Map();
  const over = (colour, below) => remembered(colours, `${colour} ${below}`, () => {
    context.fillStyle = `rgb(${below})`;
    context.fillRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data].slice(0, 3);
  });
  const behind = (each) => remembered(backgrounds, each, () => {
    const below = each.parentElement ? behind(each.parentElement) : [255, 255, 255];
    return over(getComputedStyle(each).backgroundColor, below);
  });
  const light = (colour) => {
    const [r, g, b] = colour.map((c) => c / 255).map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const shown = (each) => each.checkVisibility() && each.getClientRects().length;
  const words = [...document.body.querySelectorAll("*")].filter(shown).flatMap((each) => {
    const own = [...each.childNodes].some((node) => node.nodeType === 3 && node.data.trim()) || each.value;
    const before = getComputedStyle(each, "::before");
    const parts = own ? [[each, getComputedStyle(each)]] : [];
    return before.content !== "none" ? [...parts, [each, before]] : parts;
  });
  const faint = words.map(([each, { color }]) => {
    const below = behind(each), [a, b] = [light(over(color, below)), light(below)].sort((a, b) => b - a);
    return [(a + 0.05) / (b + 0.05), `${each.tagName} ${each.id} ${each.className} ${each.textContent.slice(0, 30)}`];
  }).filter(([ratio]) => ratio < 4.5);
  return { words: words.length, faint };
})()"""


@pytest.fixture(scope="module")
def browser():
    if find() is None:
        pytest.skip("needs Chromium: apt-get install chromium, or its path in $CHROMIUM")
    with Chromium(find()) as browser:
        yield browser


@pytest.fixture(scope="module")
def address(serving, tmp_path_factory):
    """`address("tags")` -> where that row of `BUNDLES` is served, with report and page."""
    home = tmp_path_factory.mktemp("look")
    tokenizer = WordPieceTokenizer(small_vocabulary())
    with serving(home) as served:

        def of(name: str) -> str:
            folder = home / name.replace(" ", "-")
            if not folder.exists():
                folder.mkdir()
                task, settings = BUNDLES[name]
                pretend(folder, task, tokenizer, max_length=48, **settings)
            return f"{served}{folder.name}/"

        yield of


def open_page(browser: Chromium, url: str) -> None:
    browser.open("about:blank")
    browser.open(f"{url}web/")
    browser.wait_for("document.querySelector('#form:not([hidden])')")


def ask(browser: Chromium, text: str, pair: str = "") -> None:
    texts = json.dumps([text, pair])
    browser.evaluate(f"""(() => {{
        document.getElementById("timing").textContent = "";
        document.querySelectorAll("textarea").forEach((box, place) => {{ box.value = {texts}[place]; }});
        document.getElementById("ask").click();
    }})()""")
    refused = "document.getElementById('status').textContent.startsWith('No answer')"
    browser.wait_for(f"document.getElementById('timing').textContent || {refused}")


def show_on(browser: Chromium, width: int, scheme: str) -> None:
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 500)
    browser.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


def check(browser: Chromium) -> None:
    for width, scheme in SCREENS:
        show_on(browser, width, scheme)
        assert browser.evaluate(TOO_WIDE) == [], (width, scheme)
        read = browser.evaluate(FAINT)
        assert read["faint"] == [], (width, scheme)
        assert read["words"] > 10
    backgrounds = []
    for scheme in ("light", "dark"):
        show_on(browser, 1280, scheme)
        backgrounds.append(browser.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert backgrounds == ["rgb(255, 255, 255)", "rgb(20, 23, 27)"]


@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLES)
def test_the_page_fits_and_can_be_read_on_every_screen_whatever_is_asked(browser, address, name):
    open_page(browser, address(name))
    check(browser)
    for text in TEXTS.values():
        posed = POSED.get(name, str)(text)
        ask(browser, posed, posed)
        browser.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        check(browser)
    browser.evaluate("document.getElementById('check').click()")
    browser.wait_for("!document.getElementById('check').disabled")
    check(browser)
    assert browser.errors == []


@pytest.mark.parametrize("name", ["labels", "tags"])
def test_the_report_fits_and_can_be_read_on_every_screen(browser, address, name):
    browser.open(f"{address(name)}report.html")
    browser.wait_for("document.readyState === 'complete'")
    browser.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    check(browser)


# The boxes of a panel's words that lie over each other, and those in small print.
CROWDED = """(() => {
  const words = [...document.querySelectorAll(".chart .name, .chart .lines span, .chart .head")]
    .filter((each) => each.getClientRects().length);
  const boxes = words.map((each) => {
    const range = document.createRange();
    range.selectNodeContents(each);
    return [each, range.getBoundingClientRect()];
  });
  const apart = (a, b) => a.right <= b.left || b.right <= a.left || a.bottom <= b.top + 4 || b.bottom <= a.top + 4;
  const over = boxes.flatMap(([one, a], place) =>
    boxes.slice(place + 1).filter(([, b]) => !apart(a, b)).map(([other]) => `${one.textContent} ${other.textContent}`));
  const size = (each) => parseFloat(getComputedStyle(each).fontSize);
  const small = words.filter((each) => size(each) < 12).map((each) => each.textContent);
  return { names: words.filter((each) => each.className === "name").length, over, small };
})()"""


def test_the_chart_has_room_for_all_names_and_numbers(browser, address):
    browser.open(f"{address('labels')}report.html")
    browser.wait_for("document.querySelector('.chart')")
    for width in (390, 1280):
        show_on(browser, width, "light")
        assert browser.evaluate(CROWDED) == {"names": len(VARIANTS), "over": [], "small": []}


def test_the_answer_stands_beside_the_text_and_on_a_phone_right_below(browser, address):
    open_page(browser, address("two labels"))
    ask(browser, "the film was great")
    place = "(() => { const r = document.getElementById('{}').getBoundingClientRect(); return [r.x, r.right, r.y]; })()"
    for width in (1280, 390):
        show_on(browser, width, "light")
        text, answer, more = (browser.evaluate(place.replace("{}", name)) for name in ("text", "result", "more"))
        if width == 1280:
            assert answer[0] > text[1]
            assert answer[2] == pytest.approx(text[2], abs=4)
        else:
            assert text[2] < answer[2] < more[2]


def test_of_many_labels_the_likeliest_are_shown_and_the_others_unfold(browser, address):
    open_page(browser, address("labels"))
    ask(browser, "the film was great")
    values = "[...document.querySelectorAll('meter')].map((each) => each.value)"
    found = browser.evaluate(values)
    assert found == sorted(found, reverse=True)
    assert len(found) == len(LABELS) == 40
    assert browser.evaluate("document.querySelector('#scores summary').textContent") == "32 more"
    assert browser.evaluate("document.querySelectorAll('#scores > ul meter').length") == 8
    best = browser.evaluate("document.querySelector('.best span').textContent")
    assert browser.evaluate("document.getElementById('answer').textContent") == best


def test_what_is_cut_off_is_counted(browser, address):
    open_page(browser, address("two labels"))
    ask(browser, "great " * 100)  # is read in windows
    assert "cut off" not in browser.evaluate("document.getElementById('timing').textContent")
    open_page(browser, address("embedding"))
    ask(browser, "the film was great")
    assert "cut off" not in browser.evaluate("document.getElementById('timing').textContent")
    ask(browser, "great " * 100)
    assert "48 tokens (54 more were cut off) in" in browser.evaluate("document.getElementById('timing').textContent")


BOXES = "[...document.querySelectorAll('textarea, select')].filter((e) => e.checkVisibility()).map((e) => e.id)"


@pytest.mark.parametrize(
    ("name", "boxes", "mediapipe"),
    [
        ("labels", ["field-text", "field-text_pair", "file"], ["field-text", "file"]),
        ("two labels", ["field-text", "file"], ["field-text", "file"]),
        ("tags", ["field-text", "file", "choice-aggregation"], None),
        ("questions", ["field-question", "field-context", "file"], None),
        ("masks", ["field-text", "file"], None),
        ("next", ["field-text", "field-text_pair", "file"], None),
        ("choices", ["field-prompt", "field-choices", "file"], None),
        ("embedding", ["field-text", "field-text_pair", "file"], ["field-text", "field-text_pair", "file"]),
        ("translation", ["field-source", "file"], None),
    ],
)
def test_there_is_no_box_that_the_model_or_the_file_cannot_use(browser, address, name, boxes, mediapipe):
    """MediaPipe takes no pairs; two texts whose vectors are compared are two questions."""
    open_page(browser, address(name))
    assert browser.evaluate(BOXES) == boxes
    examples = (
        "[...document.querySelectorAll('#examples button:not([hidden])')].filter((e) => e.example.text_pair).length"
    )
    assert (browser.evaluate(examples) > 0) == ("field-text_pair" in boxes)
    if mediapipe:
        ask(browser, "the film was great", "a very rude answer")
        browser.evaluate("""(() => {
            document.getElementById("file").value = "mediapipe";
            document.getElementById("file").onchange();
        })()""")
        browser.wait_for("/tokens and model/.test(document.getElementById('timing').textContent)")
        assert browser.evaluate(BOXES) == mediapipe
        assert (browser.evaluate(examples) > 0) == ("field-text_pair" in mediapipe)


FILES = "[...document.querySelectorAll('#file option')].map((each) => each.value.split('-')[0])"


@pytest.mark.parametrize(("name", "runs"), [("two labels", True), ("questions", False), ("choices", False)])
def test_mediapipe_runs_tasks_with_one_answer_per_text(browser, address, name, runs):
    open_page(browser, address(name))
    assert ("mediapipe" in browser.evaluate(FILES)) == runs


def test_choices_are_typed_line_by_line(browser, address):
    open_page(browser, address("choices"))
    for box, lines in (("field-choices", ["yes", "", " no "]), ("field-prompt", ["Is it?"])):
        browser.evaluate(f"document.getElementById('{box}').focus()")
        for line in lines:
            browser.call("Input.insertText", text=line)
            browser.press("Enter")
    browser.wait_for("document.getElementById('timing').textContent")
    assert browser.evaluate("document.getElementById('field-choices').value") == "yes\n\n no \n"
    assert sorted(browser.evaluate("[...document.querySelectorAll('meter')].map((each) => each.ariaLabel)")) == [
        "no",
        "yes",
    ]


def test_one_file_leaves_no_choice_of_files(browser, serving, tmp_path):
    tokenizer = WordPieceTokenizer(small_vocabulary())
    task, settings = BUNDLES["two labels"]
    with serving(pretend(tmp_path, task, tokenizer, files=["tflite"], max_length=48, **settings)) as address:
        open_page(browser, address)
        assert browser.evaluate(BOXES) == ["field-text"]


def test_it_is_used_with_the_keyboard_alone(browser, address):
    """Tab follows the eye: texts, button, the other labels, examples, files."""
    open_page(browser, address("labels"))
    show_on(browser, 1280, "light")
    browser.call("Input.insertText", text="the film was great")
    browser.press("Enter")
    browser.wait_for("document.getElementById('timing').textContent")
    active = """(() => {
        const { id, tagName, parentElement } = document.activeElement;
        return id || (tagName === "SUMMARY" ? "others" : parentElement.id);
    })()"""
    order = ["field-text"]
    while order[-1] != "file" and len(order) < 20:
        browser.press("Tab")
        order.append(browser.evaluate(active))
    assert list(dict.fromkeys(order)) == ["field-text", "field-text_pair", "ask", "others", "examples", "file"]
    assert "solid" in browser.evaluate("getComputedStyle(document.activeElement).outline")


def test_a_screen_reader_finds_names_headings_and_the_answer(browser, address):
    """Every control has a name, headings leave no level out, and the answer is read out when it changes."""
    for name in BUNDLES:
        open_page(browser, address(name))
        ask(browser, *map(POSED.get(name, str), ("the film was great", "a very rude answer")))
        nodes = browser.call("Accessibility.getFullAXTree")["nodes"]
        spoken = [
            (node["role"]["value"], node.get("name", {}).get("value", ""))
            for node in nodes
            if not node["ignored"] and "role" in node
        ]
        used = {"textbox", "combobox", "button", "meter", "link", "DisclosureTriangle"}
        assert [role for role, called in spoken if role in used and not called.strip()] == []
        assert {"textbox", "combobox", "button"} <= {role for role, _ in spoken}
        levels = browser.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((each) => each.tagName)")
        assert levels == ["H1", "H2", "H2"]
        live = browser.evaluate("document.getElementById('answer').closest('[aria-live=polite]').textContent")
        assert live
    browser.open(f"{address('labels')}report.html")
    browser.wait_for("document.querySelector('dl')")
    levels = browser.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((each) => each.tagName)")
    assert levels[0] == "H1"
    assert set(levels[1:]) == {"H2", "H3"}
