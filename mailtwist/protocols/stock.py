"""What stays of a stock server, said out loud: the rest of it is closed.  rfc5321 rfc3501 rfc1939"""

from collections.abc import Callable
from types import FunctionType
from typing import Any, TypeVar

C = TypeVar("C", bound=type)


class Closed(NotImplementedError):
    """A method of twisted.mail that mailtwist does not use; its docs say what to override instead."""


def _closed(name: str) -> Callable[..., Any]:
    def method(self: object, *args: object, **kw: object) -> Any:
        raise Closed(f"twisted.mail's {name} is not used; see docs/extending/twisted-mail")

    method.__name__ = name
    method.stock = True  # type: ignore[attr-defined]
    return method


def keeps(stock: type, names: str) -> Callable[[C], C]:
    """Class decorator: of `stock`, only `names` stay; dispatch tables go, handlers raise `Closed`."""

    def close(ours: C) -> C:
        kept = set(names.split())
        unknown = kept - set(dir(stock))
        if unknown:
            raise TypeError(f"{stock.__name__} has no {unknown}")
        for klass in stock.__mro__:
            if not klass.__module__.startswith("twisted.mail"):
                continue
            for name, value in vars(klass).items():
                if name in kept or name.startswith("__") or getattr(ours, name) is not value:
                    continue
                if isinstance(value, FunctionType):
                    setattr(ours, name, _closed(name))
                elif isinstance(value, tuple) and value and callable(value[0]):
                    setattr(ours, name, None)  # imap4's auth_X = (do_X, arg_...)
        return ours

    return close
