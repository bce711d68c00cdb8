"""Dataclasses from JSON: what is right is read, what is wrong is named with its place."""

import json
import re
from dataclasses import dataclass, field

import pytest

from kerasbert.schema import from_json


@dataclass(frozen=True)
class Inner:
    size: int
    name: str = "none"


@dataclass(frozen=True)
class Outer:
    inner: Inner
    several: tuple[Inner, ...] = ()
    by_name: dict[str, Inner] = field(default_factory=dict)
    numbers: list[int] = field(default_factory=list)
    share: float = 0.5
    wanted: bool = False
    limit: int | None = None
    free: dict = field(default_factory=dict)
    anything: object = None


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ({"inner": {"size": 1}}, Outer(Inner(1))),
        ({"inner": {"size": -(10**30), "name": ""}}, Outer(Inner(-(10**30), ""))),
        ({"inner": {"size": 1}, "several": [{"size": 2}, {"size": 3}]}, Outer(Inner(1), (Inner(2), Inner(3)))),
        ({"inner": {"size": 1}, "by_name": {"é": {"size": 2}}}, Outer(Inner(1), by_name={"é": Inner(2)})),
        ({"inner": {"size": 1}, "numbers": []}, Outer(Inner(1), numbers=[])),
        ({"inner": {"size": 1}, "share": 1, "wanted": True}, Outer(Inner(1), share=1.0, wanted=True)),
        ({"inner": {"size": 1}, "limit": None}, Outer(Inner(1))),
        ({"inner": {"size": 1}, "limit": 7}, Outer(Inner(1), limit=7)),
        (
            {"inner": {"size": 1}, "free": {"a": [1, {}]}, "anything": [True]},
            Outer(Inner(1), free={"a": [1, {}]}, anything=[True]),
        ),
    ],
)
def test_what_fits_is_read(value, wanted):
    found = from_json(Outer, json.loads(json.dumps(value)))
    assert found == wanted
    assert type(found.share) is float
    assert type(found.several) is tuple
    assert type(found.numbers) is list


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"inner": None}, "inner is None, not an object"),
        ({"inner": []}, "inner is [], not an object"),
        ({"inner": {}}, "no key 'inner.size'"),
        ({"inner": {"size": 1, "colour": "red"}}, "unknown key 'inner.colour'; expected size, name"),
        ({"inner": {"size": "1"}}, "inner.size is '1', not a whole number"),
        ({"inner": {"size": 1.0}}, "inner.size is 1.0, not a whole number"),
        ({"inner": {"size": True}}, "inner.size is True, not a whole number"),
        ({"inner": {"size": None}}, "inner.size is None, not a whole number"),
        ({"inner": {"size": 1, "name": 2}}, "inner.name is 2, not text"),
        ({"inner": {"size": 1, "name": None}}, "inner.name is None, not text"),
        ({"several": {}}, "several is {}, not a list"),
        ({"several": "ab"}, "several is 'ab', not a list"),
        ({"several": [{"size": 1}, {"size": []}]}, "several[1].size is [], not a whole number"),
        ({"several": [{"size": 1}, {}]}, "no key 'several[1].size'"),
        ({"by_name": []}, "by_name is [], not an object"),
        ({"by_name": {"a": {"size": 1}, "b": {"size": False}}}, "by_name.b.size is False, not a whole number"),
        ({"by_name": {"a": {"odd": 1}}}, "unknown key 'by_name.a.odd'; expected size, name"),
        ({"numbers": [1, "2"]}, "numbers[1] is '2', not a whole number"),
        ({"numbers": [True]}, "numbers[0] is True, not a whole number"),
        ({"share": "0.5"}, "share is '0.5', not a number"),
        ({"share": True}, "share is True, not a number"),
        ({"wanted": 1}, "wanted is 1, not true or false"),
        ({"wanted": "true"}, "wanted is 'true', not true or false"),
        ({"limit": "7"}, "limit is '7', not a whole number"),
        ({"limit": False}, "limit is False, not a whole number"),
        ({"free": []}, "free is [], not an object"),
        ({"inners": {}}, "unknown key 'inners'; expected " + ", ".join(Outer.__dataclass_fields__)),
    ],
)
def test_what_does_not_fit_is_named_with_its_place(changes, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        from_json(Outer, {"inner": {"size": 1}, **changes})
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("value", "message"),
    [([], "the value is [], not an object"), (None, "the value is None, not an object"), ({}, "no key 'inner'")],
)
def test_a_value_without_a_place_is_the_value(value, message):
    with pytest.raises(ValueError) as caught:  # noqa: PT011 - the whole message is compared
        from_json(Outer, value)
    assert str(caught.value) == message


def test_the_place_that_is_given_comes_first_and_long_values_are_cut():
    with pytest.raises(ValueError, match=r"^settings.inner.size is '(x){1,59}, not a whole number$"):
        from_json(Outer, {"inner": {"size": "x" * 1000}}, "settings")


@pytest.mark.parametrize(
    ("value", "missing"),
    [
        ({"size": 1}, "inner.name"),
        ({"name": "a"}, "inner.size"),
    ],
)
def test_of_what_is_whole_not_even_a_key_with_a_default_may_be_missing(value, missing):
    rest = {name: json.loads(json.dumps(getattr(Outer(None), name))) for name in Outer.__dataclass_fields__}
    with pytest.raises(ValueError, match=rf"^no key '{missing}'$"):
        from_json(Outer, {**rest, "inner": value}, whole=True)
    inner = {"size": 1, "name": "a"}
    for place, wrong in (("several[0]", {"several": [{"size": 1}]}), ("by_name.a", {"by_name": {"a": {"size": 1}}})):
        with pytest.raises(ValueError, match=re.escape(f"no key '{place}.name'")):
            from_json(Outer, {**rest, "inner": inner, **wrong}, whole=True)
    assert from_json(Outer, {**rest, "inner": inner}, whole=True) == Outer(Inner(1, "a"))
    with pytest.raises(ValueError, match=r"^no key 'limit'$"):
        from_json(
            Outer, {name: value for name, value in {**rest, "inner": inner}.items() if name != "limit"}, whole=True
        )
