"""A client for tests of FETCH and SEARCH: says a command, hears the whole answer, reads it."""

import re
from collections.abc import Iterable, Iterator
from typing import Any

from mailtwist.testing.wire import Wire
from tests.protocols.imap.scene import Scene, now

_LITERAL = re.compile(rb"\{(\d+)\}\r\n")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*)"', re.DOTALL)
_ATOM = re.compile(rb'[^ ()"{\r\n]+')
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)

Tree = bytes | None | int | list["Tree"]


class Client:
    """Ann, with a mailbox selected that holds `messages`."""

    def __init__(
        self, messages: Iterable[bytes] = (), *, select: bytes = b"SELECT", scene: Scene | None = None
    ) -> None:
        self.scene = scene or Scene()
        if scene is None:
            now(self._fill(messages))
        self.mailbox: Any = self.scene.account.get("Box")
        self.wire: Wire = self.scene.logged_in(b"s " + select + b" Box")
        self._tag = 0

    async def _fill(self, messages: Iterable[bytes]) -> None:
        await self.scene.account.create("Box")
        for message in messages:
            upload = self.scene.account.upload("Box")
            await upload.write(message)
            await upload.commit()

    def say(self, command: bytes) -> bytes:
        """The tag under which the answer will come."""
        self._tag += 1
        tag = b"t%d" % self._tag
        self.wire.send(tag + b" " + command + b"\r\n")
        return tag

    def ask(self, command: bytes) -> bytes:
        """All that is said up to the tagged answer, that one included."""
        tag, heard = self.say(command), b""
        for _ in range(5000):
            heard += self.wire.read()
            last = heard[:-2].rpartition(b"\r\n")[2]
            if heard.endswith(b"\r\n") and last.startswith(tag + b" "):
                return heard
            self.scene.clock.advance(0)
        raise AssertionError(f"no answer to {command!r}, only {heard[-300:]!r}")

    def fetch(self, what: bytes, number: int = 1) -> Tree:
        """The one thing that is fetched of a message, read."""
        (answer,) = answers(self.ask(b"FETCH %d %b" % (number, what)))
        return next(iter(answer[1].values()))

    def search(self, keys: bytes) -> list[int]:
        heard = self.ask(b"SEARCH " + keys)
        found = re.match(rb"\* SEARCH((?: \d+)*)\r\n", heard)
        if found is None:
            raise AssertionError(heard)
        return [int(number) for number in found[1].split()]


def answers(heard: bytes) -> list[tuple[int, dict[bytes, Tree]]]:
    """(number, item -> value) of each FETCH answer, in order."""
    found, at = [], 0
    start = re.compile(rb"\* (\d+) FETCH ")
    while (one := start.match(heard, at)) is not None:
        inside, at = _value(heard, one.end())
        assert isinstance(inside, list) and heard.startswith(b"\r\n", at), heard[at:]
        at += 2
        pairs = iter(inside)
        found.append((int(one[1]), dict(zip(map(_label, pairs), pairs, strict=True))))
    return found


def _label(item: Tree) -> bytes:
    assert isinstance(item, bytes)
    return item


def _value(text: bytes, at: int) -> tuple[Tree, int]:
    """A list, a string, NIL (None) or an atom; labels of sections count as atoms."""
    if text.startswith(b"(", at):
        return _list(text, at + 1)
    if (found := _LITERAL.match(text, at)) is not None:
        end = found.end() + int(found[1])
        return text[found.end() : end], end
    if (found := _QUOTED.match(text, at)) is not None:
        return _ESCAPED.sub(rb"\1", found[1]), found.end()
    found = _ATOM.match(text, at)
    assert found is not None, text[at:]
    end = found.end()
    if b"[" in found[0] and b"]" not in found[0]:  # BODY[HEADER.FIELDS (A B)]
        end = text.index(b"]", end) + 1
        partial = re.compile(rb"<\d+>").match(text, end)
        end = end if partial is None else partial.end()
    word = text[at:end]
    return (None if word == b"NIL" else int(word) if word.isdigit() else word), end


def _list(text: bytes, at: int) -> tuple[Tree, int]:
    found: list[Tree] = []
    while not text.startswith(b")", at):
        if text.startswith(b" ", at):
            at += 1
        else:
            one, at = _value(text, at)
            found.append(one)
    return found, at + 1


def leaves(tree: Tree) -> Iterator[Tree]:
    if isinstance(tree, list):
        for one in tree:
            yield from leaves(one)
    else:
        yield tree
