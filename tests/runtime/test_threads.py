"""Many threads and one pipeline."""

import itertools
import os
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kerasbert.runtime import load, onnx
from kerasbert.runtime.parallel import Pool, in_threads

TEXTS = ("the film is good", "a dull and rude hotel " * 3, "lovely", "it was " * 9 + "not good", "bad")
FILES = ("tflite", "tflite-int8", "onnx", "onnx-int8")
THREADS = 8


def together(function) -> None:
    """Calls `function(number)` in `THREADS` threads that start at the same time."""
    gate = threading.Barrier(THREADS)

    def one(number):
        gate.wait(timeout=60)
        function(number)

    with ThreadPoolExecutor(THREADS) as executor:
        list(executor.map(one, range(THREADS)))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("file", FILES)
def test_threads_that_share_a_pipeline_get_the_answers_of_one_thread(tiny_bundle, file, threads):
    wanted = {text: load(tiny_bundle, file=file, threads=1).predict_logits([text]) for text in TEXTS}
    shared = load(tiny_bundle, file=file, threads=threads)

    def ask(number):
        for turn in range(60):
            text = TEXTS[(number + 3 * turn) % len(TEXTS)]
            np.testing.assert_allclose(shared.predict_logits([text]), wanted[text], atol=1e-4)

    together(ask)


@pytest.mark.parametrize("file", FILES[:3])
def test_threads_that_ask_many_texts_get_the_answers_of_one_thread(tiny_bundle, file):
    texts = list(TEXTS) * 30
    wanted = load(tiny_bundle, file=file, threads=1).predict_logits(texts)
    shared = load(tiny_bundle, file=file, threads=2)
    together(lambda number: np.testing.assert_allclose(shared.predict_logits(texts), wanted, atol=1e-4))


@pytest.mark.parametrize("file", FILES[:2])
def test_first_calls_at_the_same_time_leave_stderr_alone(tiny_bundle, file, capfd):
    for _ in range(5):
        answers = [load(tiny_bundle, file=file, threads=1, check=False) for _ in range(THREADS)]
        together(lambda number, answers=answers: answers[number](TEXTS[0]))
    capfd.readouterr()
    os.write(2, b"still here")
    assert capfd.readouterr().err == "still here"


def test_a_pool_lends_each_interpreter_to_one_caller_and_makes_few():
    made, busy = itertools.count(), set()
    pool = Pool("first", lambda: f"further {next(made)}", beside=3)

    def use(number):
        for turn in range(20):
            with pool.lent(alone=turn % 2 == 0) as lent:
                assert lent not in busy
                busy.add(lent)
                time.sleep(0.0005)
                busy.remove(lent)

    together(use)
    assert next(made) == 3
    with pool.lent(alone=True) as lent:
        assert lent == "first"
        with pool.lent(alone=True) as second, pool.lent(alone=False) as third:
            assert len({lent, second, third}) == 3
    with pool.lent(alone=False) as lent:
        assert lent != "first"


def test_a_pool_of_one_lends_it_for_any_number_of_rows():
    pool = Pool("only", None, beside=0)
    for alone in (True, False, True):
        with pool.lent(alone=alone) as lent:
            assert lent == "only"


def test_a_further_interpreter_that_cannot_be_made_leaves_its_place():
    def fail():
        raise ValueError("broken")

    pool = Pool("first", fail, beside=1)
    for _ in range(3):
        with pytest.raises(ValueError, match=r"^broken$"), pool.lent(alone=False):
            pass


def test_a_large_onnx_file_has_one_session(tiny_bundle, monkeypatch):
    texts = TEXTS * 60  # several pieces
    wanted, opened = load(tiny_bundle, file="onnx", threads=2).predict_logits(texts), []
    session = onnx._session
    monkeypatch.setattr(onnx, "_session", lambda *given: opened.append(given) or session(*given))
    for limit, sessions in ((onnx.OPENED_ONCE, [2, 1]), (1000, [2])):
        monkeypatch.setattr(onnx, "OPENED_ONCE", limit)
        opened.clear()
        np.testing.assert_allclose(load(tiny_bundle, file="onnx", threads=2).predict_logits(texts), wanted, atol=1e-5)
        assert [threads for _, threads in opened] == sessions


@pytest.mark.parametrize("threads", [1, 2, 9])
def test_parts_keep_their_order_and_errors_pass_through(threads):
    assert in_threads(lambda part: part * part, range(7), threads) == [0, 1, 4, 9, 16, 25, 36]
    assert in_threads(abs, [], threads) == []
    with pytest.raises(ZeroDivisionError):
        in_threads(lambda part: 1 // part, [2, 1, 0], threads)


def test_no_more_threads_than_asked_for_work_at_once():
    seen, lock, working = [], threading.Lock(), []

    def work(part):
        with lock:
            working.append(part)
            seen.append(len(working))
        time.sleep(0.002)
        with lock:
            working.remove(part)

    in_threads(work, range(30), 3)
    assert max(seen) <= 3
