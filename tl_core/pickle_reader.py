"""Read a pickle as data, without Python's unpickler.

A pickle is a program. Even if it may call nothing, a short one can take any amount of memory, or
take for ever: a memo index of four billion, a key of tuples that contain each other twice. This
reader runs the few operations that numbers, text, lists, tuples and dictionaries take, and calls
the functions that its caller names. What it costs grows with the length of the pickle alone.

Values may contain each other many times. Never print, compare or walk one that wasn't checked.
"""

from __future__ import annotations

import pickletools
from typing import TYPE_CHECKING

from tl_core.errors import line_of

if TYPE_CHECKING:
    import io
    from collections.abc import Callable, Mapping

#: The most operations of a pickle; a batch file of CIFAR-10 has about 40,000.
OPERATIONS = 1_000_000
#: Bits of an integer; PyTorch's magic number has 77.
INTEGER_BITS = 128
#: Dimensions of an array, NumPy's own limit.
DIMENSIONS = 64
#: Characters of a pickle's text in an error.
SHOWN = 100

_VALUES = frozenset(
    {
        *("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG1", "LONG4", "FLOAT", "BINFLOAT"),
        *("UNICODE", "BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8"),
        *("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"),
    }
)
_PYTHON2_TEXT = frozenset({"STRING", "BINSTRING", "SHORT_BINSTRING"})
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False}
_EMPTY: dict[str, Callable[[], object]] = {
    "EMPTY_LIST": list,
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_IGNORED = frozenset({"PROTO", "FRAME"})


class PickleError(ValueError):
    """A pickle that is damaged, or asks for what it may not; the text is one short line."""


def read_pickle(
    stream: io.BytesIO,
    names: Mapping[tuple[str, str], object],
    *,
    text: Callable[[bytes], object] = bytes,
    outside: Callable[[object], object] | None = None,
) -> object:
    """The object of a pickle of any protocol; the stream is left behind its end.

    Args:
        stream: The pickle, and perhaps what follows it.
        names: What stands for a module's function or class. Those that the pickle calls must be
            callable, and bear any arguments. An object that the pickle sets the state of has a
            method ``__setstate__``, or is a dictionary, whose attributes are dropped.
        text: Turns Python 2's text into a value.
        outside: Gives the object of a persistent ID; None refuses them.

    Raises:
        PickleError: Damaged, above ``OPERATIONS``, or it asks for anything else.
    """
    machine = _Machine(names, text, outside)
    try:
        for count, (operation, argument, _position) in enumerate(pickletools.genops(stream)):
            if count >= OPERATIONS:
                raise PickleError(f"more than {OPERATIONS:,} operations")
            if operation.name == "STOP":
                return machine.pop()
            machine.run(operation.name, argument)
    except PickleError:
        raise
    except Exception as error:  # a damaged pickle can raise anything
        raise PickleError(line_of(error, SHOWN)) from error
    raise PickleError("without end")


def is_shape(value: object) -> bool:
    """Whether a value of a pickle is a tuple of at most ``DIMENSIONS`` integers from 0."""
    return (
        type(value) is tuple
        and len(value) <= DIMENSIONS
        and all(type(number) is int and number >= 0 for number in value)
    )


class _Machine:
    """The stack and the memo of a pickle, and what its operations do to them."""

    def __init__(
        self,
        names: Mapping[tuple[str, str], object],
        text: Callable[[bytes], object],
        outside: Callable[[object], object] | None,
    ) -> None:
        self._names, self._text, self._outside = names, text, outside
        self._stack: list[object] = []
        self._marks: list[int] = []
        self._memo: dict[object, object] = {}

    def run(self, name: str, argument: object) -> None:
        """Run one operation by pickletools' name; PickleError for one that isn't known."""
        if name in _VALUES:
            self._stack.append(_checked(argument))
        elif name in _PYTHON2_TEXT:
            self._stack.append(self._text(str(argument).encode("latin1")))
        elif name in _CONSTANTS:
            self._stack.append(_CONSTANTS[name])
        elif name in _EMPTY:
            self._stack.append(_EMPTY[name]())
        elif name in _TUPLES:
            items = [self.pop() for _ in range(_TUPLES[name])]
            self._stack.append(tuple(reversed(items)))
        elif name in _OPERATIONS:
            _OPERATIONS[name](self, argument)
        elif name not in _IGNORED:
            raise PickleError(f"it asks for the operation {name}")

    def pop(self) -> object:
        """Take the top of the stack."""
        return self._stack.pop()

    def _marked(self) -> list[object]:
        """Take everything above the last mark."""
        start = self._marks.pop()
        items = self._stack[start:]
        del self._stack[start:]
        return items

    def mark(self, _argument: object) -> None:
        self._marks.append(len(self._stack))

    def tuple_(self, _argument: object) -> None:
        self._stack.append(tuple(self._marked()))

    def list_(self, _argument: object) -> None:
        self._stack.append(self._marked())

    def dict_(self, _argument: object) -> None:
        items = self._marked()
        self._stack.append({})
        self._set(items)

    def append(self, _argument: object) -> None:
        self._extend([self.pop()])

    def appends(self, _argument: object) -> None:
        self._extend(self._marked())

    def _extend(self, items: list[object]) -> None:
        target = self._stack[-1]
        if not isinstance(target, list):
            raise PickleError(f"a {type(target).__name__} instead of a list")
        target.extend(items)

    def setitem(self, _argument: object) -> None:
        value, key = self.pop(), self.pop()
        self._set([key, value])

    def setitems(self, _argument: object) -> None:
        self._set(self._marked())

    def _set(self, items: list[object]) -> None:
        target = self._stack[-1]
        if not isinstance(target, dict):
            raise PickleError(f"a {type(target).__name__} instead of a dictionary")
        for key, value in zip(items[::2], items[1::2], strict=True):
            # Text alone: hashing a tuple walks it, and integers can be made to collide.
            if not isinstance(key, (str, bytes)):
                raise PickleError(f"a key of type {type(key).__name__} instead of text")
            target[key] = value

    def put(self, argument: object) -> None:
        self._memo[argument] = self._stack[-1]

    def memoize(self, _argument: object) -> None:
        self.put(len(self._memo))

    def get(self, argument: object) -> None:
        self._stack.append(self._memo[argument])

    def global_(self, argument: object) -> None:
        module, _, name = str(argument).partition(" ")
        self._name(module, name)

    def stack_global(self, _argument: object) -> None:
        name, module = self.pop(), self.pop()
        if not (isinstance(name, str) and isinstance(module, str)):
            raise PickleError("a name that isn't text")
        self._name(module, name)

    def _name(self, module: str, name: str) -> None:
        if (module, name) not in self._names:
            raise PickleError(f"it asks for {f'{module}.{name}'[:SHOWN]!a}")
        self._stack.append(self._names[module, name])

    def reduce(self, _argument: object) -> None:
        arguments, function = self.pop(), self.pop()
        if not callable(function) or not isinstance(arguments, tuple):
            raise PickleError(f"it calls a {type(function).__name__}")
        self._stack.append(function(*arguments))

    def build(self, _argument: object) -> None:
        state, target = self.pop(), self._stack[-1]
        setstate = getattr(type(target), "__setstate__", None)
        if setstate is not None:
            setstate(target, state)
        elif not isinstance(target, dict):
            raise PickleError(f"it sets the state of a {type(target).__name__}")

    def persistent_id(self, argument: object) -> None:
        pid = self.pop() if argument is None else argument
        if self._outside is None:
            raise PickleError("it asks for an outside object")
        self._stack.append(self._outside(pid))


_OPERATIONS: dict[str, Callable[[_Machine, object], None]] = {
    "MARK": _Machine.mark,
    "TUPLE": _Machine.tuple_,
    "LIST": _Machine.list_,
    "DICT": _Machine.dict_,
    "APPEND": _Machine.append,
    "APPENDS": _Machine.appends,
    "SETITEM": _Machine.setitem,
    "SETITEMS": _Machine.setitems,
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT"), _Machine.put),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _Machine.get),
    "MEMOIZE": _Machine.memoize,
    "GLOBAL": _Machine.global_,
    "STACK_GLOBAL": _Machine.stack_global,
    "REDUCE": _Machine.reduce,
    "BUILD": _Machine.build,
    "PERSID": _Machine.persistent_id,
    "BINPERSID": _Machine.persistent_id,
}


def _checked(value: object) -> object:
    if isinstance(value, int) and value.bit_length() > INTEGER_BITS:
        raise PickleError(f"an integer of more than {INTEGER_BITS} bits")
    return value
