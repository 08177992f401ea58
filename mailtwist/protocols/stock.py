"""What stays of a stock server, said out loud: the rest of it is closed.  rfc5321 rfc3501 rfc1939"""

from collections.abc import Callable, Iterator
from types import FunctionType
from typing import Any, Literal, TypeVar

C = TypeVar("C", bound=type)
Place = Literal["used", "overridable", "ours", "closed"]


class Closed(NotImplementedError):
    """A method of twisted.mail that mailtwist does not use; its docs say what to override instead."""


def keeps(stock: type, names: str, overridable: str = "") -> Callable[[C], C]:
    """Class decorator.  Of `stock`, only `names` stay, which we call, and `overridable`, which a third party
    may override as twisted.mail's documentation says.  Dispatch tables become None; calling what is neither
    kept nor overridden raises `Closed`."""
    used, open_ = set(names.split()), set(overridable.split())
    if unknown := (used | open_) - set(dir(stock)):
        raise TypeError(f"{stock.__name__} has no {' '.join(sorted(unknown))}")

    def close(ours: C) -> C:
        for name, value in _inherited(ours):
            if name not in used | open_:
                setattr(ours, name, _closed(name) if isinstance(value, FunctionType) else None)
        ours.__seam__ = (stock, used, open_)  # type: ignore[attr-defined]
        return ours

    return close


def seam(ours: type) -> dict[str, Place]:
    """Each method and dispatch table of the stock class, by name, and what became of it; the documentation's
    tables are made of it."""
    stock, used, open_ = ours.__seam__  # type: ignore[attr-defined]
    return {name: _place(ours, name, used, open_) for name in sorted({name for name, _ in _of(stock)})}


def _place(ours: type, name: str, used: set[str], open_: set[str]) -> Place:
    found = getattr(ours, name)
    if found is None or hasattr(found, "stock"):
        return "closed"
    if name in open_:
        return "overridable"
    return "used" if name in used else "ours"


def _of(stock: type) -> Iterator[tuple[str, Any]]:
    """Methods and dispatch tables (imap4's `auth_X = (do_X, arg_...)`) of twisted.mail's own classes."""
    for klass in stock.__mro__:
        if klass.__module__.startswith("twisted.mail"):
            for name, value in vars(klass).items():
                if not name.startswith("__") and _is_seam(value):
                    yield name, value


def _is_seam(value: object) -> bool:
    is_table = isinstance(value, tuple) and bool(value) and callable(value[0])
    return is_table or isinstance(value, FunctionType)


def _inherited(ours: type) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in _of(ours) if getattr(ours, name) is value]


def _closed(name: str) -> Callable[..., Any]:
    def method(self: object, *args: object, **kw: object) -> Any:
        raise Closed(f"twisted.mail's {name} is not used; see docs/extending/twisted-mail")

    method.__name__ = name
    method.stock = True  # type: ignore[attr-defined]
    return method
