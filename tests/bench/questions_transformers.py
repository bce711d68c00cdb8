"""Fine-tunes question answering with transformers and PyTorch, for `questions.py`, which compares it with ours.

    python tests/bench/questions_transformers.py --model FOLDER --train FILE --test FILE --seed 0 --out FILE

It runs in an environment that has torch and transformers, and reads SQuAD's JSON. It does what transformers' example
`run_qa.py` does: windows with a stride, [CLS] for windows without the answer, AdamW, a rate that falls linearly to 0,
clipping at norm 1; the answer is the best span of the 20 best starts and ends, at most 30 tokens. Writes JSON: the
answer to each question of the test file, and the CPU seconds of training.
"""

import argparse
import json
import random
import time
from pathlib import Path

import numpy as np
import torch
from transformers import AutoModelForQuestionAnswering, AutoTokenizer


def read_squad(path):
    """Question, context, and the first answer with its place."""
    content = json.loads(Path(path).read_text(encoding="utf-8"))
    return [
        (question["question"], paragraph["context"], question["answers"][0])
        for article in content["data"]
        for paragraph in article["paragraphs"]
        for question in paragraph["qas"]
    ]


def windows(tokenizer, question, context, given):
    return tokenizer(
        question,
        context,
        truncation="only_second",
        max_length=given.length,
        stride=given.stride,
        return_overflowing_tokens=True,
        return_offsets_mapping=True,
    )


def places_of(made, window, answer):
    """The first and the last token of the answer; both 0 if the window does not hold it."""
    offsets, sequences = made["offset_mapping"][window], made.sequence_ids(window)
    start, end = answer["answer_start"], answer["answer_start"] + len(answer["text"])
    inside = [i for i, sequence in enumerate(sequences) if sequence == 1]
    if not inside or offsets[inside[0]][0] > start or offsets[inside[-1]][1] < end:
        return 0, 0
    held = [i for i in inside if offsets[i][1] > start and offsets[i][0] < end]
    return held[0], held[-1]


def padded(rows, filler):
    longest = max(map(len, rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])


def batch_of(tokenizer, rows):
    names = [name for name in ("input_ids", "token_type_ids", "attention_mask") if name in rows[0]]
    fillers = {"input_ids": tokenizer.pad_token_id}
    return {name: padded([row[name] for row in rows], fillers.get(name, 0)) for name in names}


def by_window(made):
    names = [name for name in ("input_ids", "token_type_ids", "attention_mask") if name in made]
    return [{name: made[name][i] for name in names} for i in range(len(made["input_ids"]))]


def train(model, tokenizer, examples, given):
    """Goes on from FILE.pt of the results if a run was stopped. Returns the CPU seconds."""
    cpu = time.process_time()
    rows = []
    for question, context, answer in examples:
        made = windows(tokenizer, question, context, given)
        rows += [(row, places_of(made, i, answer)) for i, row in enumerate(by_window(made))]
    each = -(-len(rows) // given.batch)
    steps = given.epochs * each
    optimizer = torch.optim.AdamW(model.parameters(), lr=given.rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / steps)
    model.train()
    saved, spent, made = Path(f"{given.out}.pt"), 0.0, 0
    if saved.exists():
        state = torch.load(saved)
        made, spent = state["made"], state["cpu"]
        for part, each_part in (("model", model), ("optimizer", optimizer), ("schedule", schedule)):
            each_part.load_state_dict(state[part])
        torch.set_rng_state(state["random"])
    for epoch in range(given.epochs):
        for step, part in enumerate(batches(rows, given.batch)):
            if epoch * each + step < made:
                continue
            first, last = (torch.tensor([places[i] for _, places in part]) for i in (0, 1))
            loss = model(
                **batch_of(tokenizer, [row for row, _ in part]), start_positions=first, end_positions=last
            ).loss
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            if step % 100 == 99:
                print(f"epoch {epoch + 1}, step {step + 1} of {each}: {loss.item():.4f}", flush=True)
                state = {"made": epoch * each + step + 1, "cpu": spent + time.process_time() - cpu}
                state |= {"model": model.state_dict(), "optimizer": optimizer.state_dict()}
                torch.save(state | {"schedule": schedule.state_dict(), "random": torch.get_rng_state()}, saved)
    saved.unlink(missing_ok=True)
    return {"cpu": spent + time.process_time() - cpu}


def batches(rows, size):
    """Shuffled batches of rows of similar length, as transformers' `group_by_length` makes them."""
    random.shuffle(rows)
    windows = [
        sorted(rows[i : i + 50 * size], key=lambda row: len(row[0]["input_ids"]))
        for i in range(0, len(rows), 50 * size)
    ]
    made = [window[i : i + size] for window in windows for i in range(0, len(window), size)]
    random.shuffle(made)
    return made


def best_answer(start, end, made, window):
    """Score and text of the best span of a window."""
    offsets, sequences = made["offset_mapping"][window], made.sequence_ids(window)
    best = (-np.inf, 0, 0)
    for first in np.argsort(-start)[:20]:
        for last in np.argsort(-end)[:20]:
            held = first < len(sequences) and last < len(sequences) and sequences[first] == sequences[last] == 1
            if held and 0 <= last - first < 30 and start[first] + end[last] > best[0]:
                best = (start[first] + end[last], offsets[first][0], offsets[last][1])
    return best


def predict(model, tokenizer, examples, given):
    """The answer to each question."""
    model.eval()
    found = []
    for question, context, _ in examples:
        made = windows(tokenizer, question, context, given)
        with torch.no_grad():
            output = model(**batch_of(tokenizer, by_window(made)))
        start, end = output.start_logits.numpy(), output.end_logits.numpy()
        best = max(best_answer(start[i], end[i], made, i) for i in range(len(start)))
        found.append(context[best[1] : best[2]])
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "train", "test", "out"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rate", type=float, default=1e-4)
    parser.add_argument("--length", type=int, default=256)
    parser.add_argument("--stride", type=int, default=64)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()

    torch.set_num_threads(given.threads)
    torch.manual_seed(given.seed)
    random.seed(given.seed)
    tokenizer = AutoTokenizer.from_pretrained(given.model)
    model = AutoModelForQuestionAnswering.from_pretrained(given.model)
    cost = train(model, tokenizer, read_squad(given.train), given)
    answers = predict(model, tokenizer, read_squad(given.test), given)
    Path(given.out).write_text(json.dumps({"cost": cost, "answers": answers}), encoding="utf-8")


if __name__ == "__main__":
    main()
