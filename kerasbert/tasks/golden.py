"""Texts that tokenizers and engines easily treat differently. Every export of a task on texts is checked on them."""

from kerasbert.tasks.task import Example

TEXTS = (
    "",
    "Good.",
    "a lovely film",
    "The room was clean, the staff were kind, and breakfast was served until eleven.",
    "I would not buy this again, even at half the price!",
    'He said: "it\'s 3.5 times better" (and it cost $1,299.00).',
    "UPPER CASE and lower case, don't-you-think?",
    "Café Müller, naïve façade, Ångström, piñata, Đà Nẵng",
    "Не стоит тратить на это время.",
    "这家餐厅的菜很好吃，服务也不错。",
    "駅の近くに静かな公園があります。",
    "الخدمة كانت ممتازة",
    "정말 즐거운 하루였다",
    "tabs\tand\nnew lines   and \u00a0 odd\u200b spaces",
    "emoji 😀👍🏽 and symbols ½ × √2 ≈ 1.414",
    "supercalifragilisticexpialidocious antidisestablishmentarianism",
    " ".join(
        ["A sentence that goes on, well beyond what a phone would show, to fill every position of the model;"] * 40
    ),
    " ".join(f"word{number}" for number in range(300)),
)
PAIRS = (
    ("Is the shop open on Sunday?", "It is open every day from nine to five."),
    ("A short first text.", TEXTS[-2]),
    (TEXTS[-2], "A short second text."),
)
CALIBRATION = tuple(Example({"text": text}) for text in (*TEXTS, *(text for pair in PAIRS for text in pair)))
"""Every text on its own, including both texts of each pair."""
EXAMPLES = (
    *(Example({"text": text}) for text in TEXTS),
    *(Example({"text": text, "text_pair": pair}) for text, pair in PAIRS),
)
