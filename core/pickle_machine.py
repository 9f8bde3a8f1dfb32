"""A pickle's instructions carried out on plain values: nothing that it names is imported or called.

A pickle is a program for a machine with a stack and numbered places. Python's own machine imports
what is named, calls it, and changes what it finds; it takes gigabytes for the place number 2**28,
and it ends the process where a key is nested deeply enough. Here names are answered with stand-ins,
only these are called, only what they made is given a state, and places, instructions and lengths
are bounded by the file. The instructions are those of `pickletools`.
"""

from __future__ import annotations

import codecs
import pickle
import struct
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

_MOST_STEPS = 500_000  # models take a few thousand
_NEWEST = 5  # protocol


class RefusedPickle(pickle.UnpicklingError):
    """The pickle holds something that is no part of what is read here."""


class StandIn:
    """What a name in a pickle becomes: something that can be called, and only that.

    Args:
        make: called in place of what was named; what it returns is kept as it is.
    """

    def __init__(self, make: Callable[..., object]) -> None:
        self.make = make


@runtime_checkable
class TakesState(Protocol):
    """What a stand-in may return to be given a state."""

    def set_state(self, state: object) -> None:
        """Keep a state."""
        ...


def refuse_outside(pid: object) -> object:
    """What a pickle keeps outside itself is not looked for."""
    raise RefusedPickle("an object outside the pickle")


class PickleMachine:
    """Carries out pickles that lie one behind the other.

    Args:
        content: the bytes of the file.
        find: the stand-in for module and name; raises `RefusedPickle` for unknown ones.
        outside: the value that stands for an identifier of an object outside the pickle.
    """

    def __init__(
        self,
        content: bytes,
        find: Callable[[str, str], StandIn],
        outside: Callable[[object], object] = refuse_outside,
    ) -> None:
        self.content, self.at = content, 0
        self._find, self._outside = find, outside
        self._stack: list[Any] = []
        self._marks: list[int] = []
        self._places: dict[int, object] = {}
        self._steps = 0

    def load(self) -> object:
        """The value of the next pickle; the position after it is `at`.

        Text of Python 2 is read as latin-1.

        Raises:
            RefusedPickle: it names or does what is not known here.
            ValueError, IndexError, KeyError, TypeError, struct.error: it is damaged.
        """
        self._stack, self._marks, self._places = [], [], {}
        while True:
            code = self._take(1)
            if code == pickle.STOP:
                return self._stack.pop()
            self._steps += 1
            if self._steps > _MOST_STEPS:
                raise RefusedPickle(f"more than {_MOST_STEPS:,} instructions")
            step = _STEPS.get(code)
            if step is None:
                raise RefusedPickle(f"the instruction {code!r}")
            step(self)

    def _take(self, count: int) -> bytes:
        end = self.at + count
        if count < 0 or end > len(self.content):
            raise EOFError(f"it ends after {len(self.content):,} bytes, {end:,} are needed")
        part = self.content[self.at : end]
        self.at = end
        return part

    def _counted(self, layout: str) -> bytes:
        return self._take(self._number(layout))

    def _number(self, layout: str) -> int:
        return int(struct.unpack("<" + layout, self._take(struct.calcsize("<" + layout)))[0])

    def _line(self) -> bytes:
        end = self.content.find(b"\n", self.at)
        if end < 0:
            raise EOFError("it ends within a line")
        line = self.content[self.at : end]
        self.at = end + 1
        return line

    def _push(self, value: object) -> None:
        self._stack.append(value)

    def _pop(self) -> Any:  # noqa: ANN401
        if self._marks and len(self._stack) <= self._marks[-1]:
            raise IndexError("it takes more than it holds")
        return self._stack.pop()

    def _drop(self) -> None:
        """POP takes a mark away where nothing lies above it."""
        if self._marks and len(self._stack) == self._marks[-1]:
            self._marks.pop()
        else:
            self._pop()

    def _since_mark(self) -> list[Any]:
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def _proto(self) -> None:
        if self._take(1)[0] > _NEWEST:
            raise RefusedPickle("a newer protocol")

    def _text_line(self) -> None:
        quoted = self._line()
        if len(quoted) < 2 or quoted[:1] != quoted[-1:] or quoted[:1] not in (b'"', b"'"):
            raise ValueError("text without quotes")
        plain = codecs.escape_decode(quoted[1:-1])[0]
        self._push(plain.decode("latin1"))

    def _int_line(self) -> None:
        line = self._line()
        self._push(line == b"01" if line in (b"00", b"01") else int(line))

    def _long(self, layout: str) -> None:
        self._push(int.from_bytes(self._counted(layout), "little", signed=True))

    def _fill(self, items: list[Any], target: dict[Any, Any]) -> None:
        if len(items) % 2:
            raise ValueError("a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if key is not None and not isinstance(key, str | bytes | int | float):
                raise RefusedPickle(f"a key that is a {type(key).__name__}")
            target[key] = value

    def _new_dict(self) -> None:
        made: dict[Any, Any] = {}
        self._fill(self._since_mark(), made)
        self._push(made)

    def _set_items(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise RefusedPickle(f"items for a {type(target).__name__}")
        self._fill(items, target)

    def _append(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise RefusedPickle(f"items for a {type(target).__name__}")
        target.extend(items)

    def _tuple(self, count: int) -> None:
        items = tuple(self._pop() for _ in range(count))
        self._push(items[::-1])

    def _put(self, place: int) -> None:
        if not 0 <= place <= len(self.content):
            raise RefusedPickle(f"the place {place:,} in a file of {len(self.content):,} bytes")
        self._places[place] = self._stack[-1]

    def _name(self, module: object, name: object) -> None:
        if not isinstance(module, str) or not isinstance(name, str):
            raise ValueError("a name that is no text")
        self._push(self._find(module, name))

    def _name_of_stack(self) -> None:
        name, module = self._pop(), self._pop()
        self._name(module, name)

    def _call(self, function: object, arguments: object) -> None:
        if not isinstance(function, StandIn) or not isinstance(arguments, tuple):
            raise RefusedPickle("a call of what is no name")
        self._push(function.make(*arguments))

    def _reduce(self) -> None:
        arguments, function = self._pop(), self._pop()
        self._call(function, arguments)

    def _new_with_words(self) -> None:
        words, arguments, function = self._pop(), self._pop(), self._pop()
        if words != {}:
            raise RefusedPickle("a call with named arguments")
        self._call(function, arguments)

    def _old_object(self) -> None:
        function, *arguments = self._since_mark()
        self._call(function, tuple(arguments))

    def _old_instance(self) -> None:
        self._name(self._line().decode("utf-8"), self._line().decode("utf-8"))
        function = self._pop()
        self._call(function, tuple(self._since_mark()))

    def _build(self) -> None:
        state, target = self._pop(), self._stack[-1]
        if not isinstance(target, TakesState):
            raise RefusedPickle("a state for what has none")
        target.set_state(state)


_Step = Callable[[PickleMachine], object]


def _text(layout: str, encoding: str) -> _Step:
    """The instruction that pushes text with its length before it."""
    errors = "surrogatepass" if encoding == "utf-8" else "strict"
    return lambda m: m._push(m._counted(layout).decode(encoding, errors))


def _bytes(layout: str) -> _Step:
    return lambda m: m._push(m._counted(layout))


def _constant(make: Callable[[], object]) -> _Step:
    return lambda m: m._push(make())


def _int(layout: str) -> _Step:
    return lambda m: m._push(m._number(layout))


_STEPS: dict[bytes, _Step] = {
    pickle.PROTO: PickleMachine._proto,
    pickle.FRAME: lambda m: m._take(8),
    pickle.NONE: _constant(lambda: None),
    pickle.NEWTRUE: _constant(lambda: True),
    pickle.NEWFALSE: _constant(lambda: False),
    pickle.EMPTY_LIST: _constant(list),
    pickle.EMPTY_DICT: _constant(dict),
    pickle.EMPTY_TUPLE: _constant(tuple),
    pickle.INT: PickleMachine._int_line,
    pickle.LONG: lambda m: m._push(int(m._line().removesuffix(b"L"))),
    pickle.BININT: _int("i"),
    pickle.BININT1: _int("B"),
    pickle.BININT2: _int("H"),
    pickle.LONG1: lambda m: m._long("B"),
    pickle.LONG4: lambda m: m._long("i"),
    pickle.FLOAT: lambda m: m._push(float(m._line())),
    pickle.BINFLOAT: lambda m: m._push(struct.unpack(">d", m._take(8))[0]),
    pickle.STRING: PickleMachine._text_line,
    pickle.BINSTRING: _text("i", "latin1"),
    pickle.SHORT_BINSTRING: _text("B", "latin1"),
    pickle.UNICODE: lambda m: m._push(m._line().decode("raw-unicode-escape")),
    pickle.BINUNICODE: _text("I", "utf-8"),
    pickle.SHORT_BINUNICODE: _text("B", "utf-8"),
    pickle.BINUNICODE8: _text("Q", "utf-8"),
    pickle.BINBYTES: _bytes("I"),
    pickle.SHORT_BINBYTES: _bytes("B"),
    pickle.BINBYTES8: _bytes("Q"),
    pickle.BYTEARRAY8: _bytes("Q"),
    pickle.MARK: lambda m: m._marks.append(len(m._stack)),
    pickle.POP: PickleMachine._drop,
    pickle.POP_MARK: PickleMachine._since_mark,
    pickle.DUP: lambda m: m._push(m._stack[-1]),
    pickle.LIST: lambda m: m._push(m._since_mark()),
    pickle.TUPLE: lambda m: m._push(tuple(m._since_mark())),
    pickle.TUPLE1: lambda m: m._tuple(1),
    pickle.TUPLE2: lambda m: m._tuple(2),
    pickle.TUPLE3: lambda m: m._tuple(3),
    pickle.DICT: PickleMachine._new_dict,
    pickle.APPEND: lambda m: m._append([m._pop()]),
    pickle.APPENDS: lambda m: m._append(m._since_mark()),
    pickle.SETITEM: lambda m: m._set_items([m._pop(), m._pop()][::-1]),
    pickle.SETITEMS: lambda m: m._set_items(m._since_mark()),
    pickle.PUT: lambda m: m._put(int(m._line())),
    pickle.BINPUT: lambda m: m._put(m._number("B")),
    pickle.LONG_BINPUT: lambda m: m._put(m._number("I")),
    pickle.MEMOIZE: lambda m: m._put(len(m._places)),
    pickle.GET: lambda m: m._push(m._places[int(m._line())]),
    pickle.BINGET: lambda m: m._push(m._places[m._number("B")]),
    pickle.LONG_BINGET: lambda m: m._push(m._places[m._number("I")]),
    pickle.GLOBAL: lambda m: m._name(m._line().decode("utf-8"), m._line().decode("utf-8")),
    pickle.STACK_GLOBAL: PickleMachine._name_of_stack,
    pickle.REDUCE: PickleMachine._reduce,
    pickle.NEWOBJ: PickleMachine._reduce,
    pickle.NEWOBJ_EX: PickleMachine._new_with_words,
    pickle.OBJ: PickleMachine._old_object,
    pickle.INST: PickleMachine._old_instance,
    pickle.BUILD: PickleMachine._build,
    pickle.PERSID: lambda m: m._push(m._outside(m._line().decode("utf-8"))),
    pickle.BINPERSID: lambda m: m._push(m._outside(m._pop())),
}
