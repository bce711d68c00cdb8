"""Reads the pickles that torch writes, without running code: an interpreter of our own for a part of pickle's language.

A pickle is a program. This one can make numbers, texts, lists, tuples and dicts, and call the few functions of `CALLS`,
which are ours. Every other instruction and every other name is refused by its name. What it makes is never walked
through or written out, so a list of lists that repeat each other costs no more than its bytes. Only a call may copy
what it is given; the sum of that is limited.
"""

import io
import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass

MOST_BYTES = 1 << 24
"""The longest pickle that is read; that of BERT-large has 60,000 bytes."""

MOST_PARTS = 1 << 20
"""The most parts of lists, tuples and dicts that all calls of a pickle are given; those of BERT-large get 10,000."""


class Refused(Exception):
    """An instruction or a name that no file of weights needs."""


@dataclass(frozen=True)
class Name:
    """What a pickle names, before it is called: `module.name`."""

    text: str


MARK = object()


class Reader:
    """Runs one pickle.

    Args:
        calls: name -> the function of ours that is called for it.
        names: names that are only referred to, such as the types of storages.
        persistent: makes the object of a persistent id.
    """

    def __init__(self, calls: Mapping[str, Callable], names, persistent: Callable):
        self.calls, self.names, self.persistent = calls, names, persistent
        self.stack, self.memo, self.parts = [], {}, 0  # of the pickle that is read

    def read(self, stream: io.BytesIO):
        """Runs the pickle at the stream's position, and leaves the stream behind it.

        Returns:
            The object that it makes.

        Raises:
            Refused: see the class.
            ValueError: it is no pickle, or is cut off.
        """
        self.stack, self.memo, self.parts = [], {}, 0
        try:
            for opcode, value, _ in pickletools.genops(stream):
                name = opcode.name
                if name == "STOP":
                    return self.stack.pop()
                if name in _CONSTANTS:
                    self.stack.append(_CONSTANTS[name]())
                elif name in _VALUES:
                    self.stack.append(value)
                elif name in _STEPS:
                    _STEPS[name](self, value)
                elif name not in _IGNORED:
                    raise Refused(f"the instruction {name}")
        except (IndexError, KeyError, TypeError, AttributeError, RecursionError, OverflowError) as error:
            raise ValueError(f"no pickle of torch ({type(error).__name__})") from None
        raise ValueError("a pickle without an end")

    def since_mark(self) -> list:
        """Takes what was made since the last mark from the stack, with the mark."""
        at = len(self.stack) - 1
        while self.stack[at] is not MARK:
            at -= 1
            if at < 0:
                raise ValueError("a mark is missing")
        found = self.stack[at + 1 :]
        del self.stack[at:]
        return found

    def pop(self, count: int) -> list:
        if count > len(self.stack):
            raise ValueError("too few values")
        found = self.stack[len(self.stack) - count :]
        del self.stack[len(self.stack) - count :]
        return found

    def name(self, module: str, name: str) -> None:
        text = f"{module}.{name}"
        if text not in self.calls and text not in self.names:
            raise Refused(f"the name {text[:80]!r}")
        self.stack.append(Name(text))

    def store(self, pairs: list) -> None:
        """Puts keys and values into the dict on the stack."""
        target = self.stack[-1]
        if not isinstance(target, dict) or len(pairs) % 2:
            raise ValueError("a dict is missing")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not isinstance(key, str):  # a tuple of tuples may take for ever to hash
                raise Refused(f"a key of the type {type(key).__name__}")
            target[key] = value

    def extend(self, values: list) -> None:
        if not isinstance(self.stack[-1], list):
            raise ValueError("a list is missing")
        self.stack[-1].extend(values)

    def reduce(self) -> None:
        function, arguments = self.pop(2)
        if not isinstance(function, Name) or not isinstance(arguments, tuple) or function.text not in self.calls:
            raise Refused(f"a call of {function.text if isinstance(function, Name) else type(function).__name__}")
        self.parts += len(arguments) + sum(len(each) for each in arguments if isinstance(each, list | tuple | dict))
        if self.parts > MOST_PARTS:
            raise ValueError(f"its calls are given more than {MOST_PARTS} parts")
        self.stack.append(self.calls[function.text](*arguments))

    def build(self) -> None:
        """Leaves out the attributes of a dict: torch keeps the versions of its layers there."""
        target, _ = self.pop(2)
        if not isinstance(target, dict):
            raise Refused(f"the state of a {type(target).__name__}")
        self.stack.append(target)

    def persist(self) -> None:
        self.stack.append(self.persistent(*self.pop(1)))

    def stack_name(self) -> None:
        module, name = self.pop(2)
        if not isinstance(module, str) or not isinstance(name, str):
            raise Refused("a name that is no text")
        self.name(module, name)


_CONSTANTS = {
    "NONE": lambda: None,
    "NEWTRUE": lambda: True,
    "NEWFALSE": lambda: False,
    "EMPTY_TUPLE": tuple,
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "MARK": lambda: MARK,
}
_VALUES = frozenset(
    """
    INT BININT BININT1 BININT2 LONG LONG1 LONG4 FLOAT BINFLOAT STRING BINSTRING SHORT_BINSTRING UNICODE
    SHORT_BINUNICODE BINUNICODE BINUNICODE8
    """.split()  # noqa: SIM905 - a word list reads best as words
)
_IGNORED = frozenset(("PROTO", "FRAME"))
_STEPS: Mapping[str, Callable[[Reader, object], object]] = {
    "TUPLE": lambda reader, _: reader.stack.append(tuple(reader.since_mark())),
    "TUPLE1": lambda reader, _: reader.stack.append(tuple(reader.pop(1))),
    "TUPLE2": lambda reader, _: reader.stack.append(tuple(reader.pop(2))),
    "TUPLE3": lambda reader, _: reader.stack.append(tuple(reader.pop(3))),
    "LIST": lambda reader, _: reader.stack.append(reader.since_mark()),
    "APPEND": lambda reader, _: reader.extend(reader.pop(1)),
    "APPENDS": lambda reader, _: reader.extend(reader.since_mark()),
    "SETITEM": lambda reader, _: reader.store(reader.pop(2)),
    "SETITEMS": lambda reader, _: reader.store(reader.since_mark()),
    "BINPUT": lambda reader, index: reader.memo.__setitem__(index, reader.stack[-1]),
    "LONG_BINPUT": lambda reader, index: reader.memo.__setitem__(index, reader.stack[-1]),
    "MEMOIZE": lambda reader, _: reader.memo.__setitem__(len(reader.memo), reader.stack[-1]),
    "BINGET": lambda reader, index: reader.stack.append(reader.memo[index]),
    "LONG_BINGET": lambda reader, index: reader.stack.append(reader.memo[index]),
    "GLOBAL": lambda reader, names: reader.name(*names.split(" ", 1)),
    "STACK_GLOBAL": lambda reader, _: reader.stack_name(),
    "REDUCE": lambda reader, _: reader.reduce(),
    "BUILD": lambda reader, _: reader.build(),
    "BINPERSID": lambda reader, _: reader.persist(),
}
