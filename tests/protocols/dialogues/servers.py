"""Servers that are made up: they read what a dialogue says, octet by octet, by their own small grammar."""

import base64
import re
from typing import Any

from twisted.internet.testing import StringTransport

from mailtwist.protocols.client import Call
from mailtwist.testing.clock import ManualClock


class Made(Call):
    """A call whose other side is `heard`.  `logins` are (user, secret, authzid) as it has understood them;
    `refusals` are said in the place of the next successes, `takes` are its mechanisms, upper case."""

    def __init__(self, takes: tuple[str, ...] = ("PLAIN", "LOGIN"), refusals: tuple[bytes, ...] = ()) -> None:
        super().__init__("made.up:1", clock=ManualClock())
        self.takes = takes
        self.refusals = list(refusals)
        self.logins: list[tuple[bytes, bytes, bytes]] = []
        self.said: list[bytes] = []
        self._rest = b""
        self._running: Any = None
        self.makeConnection(StringTransport())
        self._session = self.session()
        next(self._session)

    def session(self) -> Any:
        """A generator: `yield` gives the next line, `yield n` so many octets."""
        raise NotImplementedError

    def write(self, data: bytes) -> None:
        self.said.append(data)
        self._rest += data
        while True:
            wanted = self._running
            if wanted is None:
                line, end, rest = self._rest.partition(b"\r\n")
                if not end:
                    return
                piece, self._rest = line, rest
            elif len(self._rest) < wanted:
                return
            else:
                piece, self._rest = self._rest[:wanted], self._rest[wanted:]
            self._running = self._session.send(piece)

    def say(self, line: bytes) -> None:
        self.dataReceived(line + b"\r\n")

    def refusal(self) -> bytes:
        return self.refusals.pop(0) if self.refusals else b""

    def plain(self, word: bytes) -> None:
        authzid, user, secret = base64.b64decode(word, validate=True).split(b"\0")
        self.logins.append((user, secret, authzid))


class ImapMade(Made):
    literals = b""
    initial = False

    @property
    def offer(self) -> tuple[str, ...]:
        more = [self.literals.decode()] if self.literals else []
        more += ["SASL-IR"] if self.initial else []
        return ("IMAP4rev1", *more, *(f"AUTH={name}" for name in self.takes))

    def session(self) -> Any:
        while True:
            line = yield
            tag, command, *rest = line.split(b" ", 2)
            words = rest[0] if rest else b""
            if command == b"CAPABILITY":
                self.say(b"* CAPABILITY IMAP4rev1 LATE")
                self.say(tag + b" OK done")
            elif command == b"LOGIN":
                user, words = yield from self.string(words + b"")
                secret, words = yield from self.string(words.removeprefix(b" "))
                assert not words, words
                self.logins.append((user, secret, b""))
                self.say(tag + b" " + (self.refusal() or b"OK in"))
            else:
                yield from self.authenticate(tag, words)

    def string(self, words: bytes) -> Any:
        """A quoted string or a literal at the beginning; what follows it."""
        if found := re.match(rb'"((?:[^"\\\r\n\x80-\xff]|\\["\\])*)"', words):
            return re.sub(rb"\\(.)", rb"\1", found[1]), words[found.end() :]
        found = re.fullmatch(rb"\{(\d+)(\+?)\}", words)
        assert found, words
        if found[2]:
            assert self.literals == b"LITERAL+" or (self.literals and int(found[1]) <= 4096)
        else:
            self.say(b"+ go on")
        octets = yield int(found[1])
        rest = yield
        return octets, rest

    def authenticate(self, tag: bytes, words: bytes) -> Any:
        name, _, initial = words.partition(b" ")
        assert not initial or self.initial
        if name == b"PLAIN":
            if not initial:
                self.say(b"+ ")
                initial = yield
            self.plain(initial)
        else:
            said = []
            for prompt in (b"User Name\0", b"Password\0"):
                self.say(b"+ " + base64.b64encode(prompt))
                answer = yield
                said.append(base64.b64decode(answer, validate=True))
            self.logins.append((said[0], said[1], b""))
        self.say(tag + b" " + (self.refusal() or b"OK [CAPABILITY IMAP4rev1 LATE] in"))


class PopMade(Made):
    user_too = True

    @property
    def offer(self) -> tuple[str, ...]:
        return (*(["USER"] if self.user_too else []), "SASL " + " ".join(self.takes), "UIDL")

    def session(self) -> Any:
        user = b""
        while True:
            line = yield
            command, _, words = line.partition(b" ")
            assert command == b"PASS" or len(line) + 2 <= 255 + len(user) or command == b"USER", line
            if command == b"CAPA":
                for one in (b"+OK", b"UIDL", b"."):
                    self.say(one)
            elif command == b"USER":
                user = words
                self.say(b"+OK")
            elif command == b"PASS":
                self.logins.append((user, words, b""))
                self.say(self.refusal() or b"+OK in")
            else:
                yield from self.auth(words)

    def auth(self, words: bytes) -> Any:
        name, _, initial = words.partition(b" ")
        if name == b"PLAIN":
            if not initial:
                self.say(b"+ ")
                initial = yield
            self.plain(initial)
        else:
            said = []
            for _ in range(2):
                self.say(b"+ ")
                answer = yield
                said.append(base64.b64decode(answer, validate=True))
            self.logins.append((said[0], said[1], b""))
        self.say(self.refusal() or b"+OK in")


class SmtpMade(Made):
    @property
    def offer(self) -> tuple[str, ...]:
        return ("AUTH " + " ".join(self.takes), "SIZE 1000")

    def session(self) -> Any:
        while True:
            line = yield
            assert len(line) + 2 <= 512, line
            command, name, *initial = line.split(b" ")
            assert command == b"AUTH"
            said = list(initial)
            prompts = [b""] if name == b"PLAIN" else [b"Username:", b"Password:"]
            for prompt in prompts[len(said) :]:
                self.say(b"334 " + base64.b64encode(prompt))
                said.append((yield))
            if name == b"PLAIN":
                self.plain(said[0])
            else:
                user, secret = (base64.b64decode(word, validate=True) for word in said)
                self.logins.append((user, secret, b""))
            self.say(self.refusal() or b"235 2.7.0 in")


class SieveMade(Made):
    @property
    def offer(self) -> tuple[str, ...]:
        return ("IMPLEMENTATION made up", "SASL " + " ".join(self.takes))

    def session(self) -> Any:
        while True:
            line = yield
            if line == b"CAPABILITY":
                self.say(b'"SIEVE" "fileinto"')
                self.say(b"OK")
                continue
            found = re.fullmatch(rb'AUTHENTICATE "(PLAIN|LOGIN)"(?: (.*))?', line)
            assert found, line
            if found[1] == b"PLAIN":
                word = yield from self.string(found[2])
                self.plain(word)
            else:
                said = []
                for _ in range(2):
                    self.say(b'""')
                    word = yield from self.string((yield))
                    said.append(base64.b64decode(word, validate=True))
                self.logins.append((said[0], said[1], b""))
            self.say(self.refusal() or b"OK")

    def string(self, words: bytes) -> Any:
        if found := re.fullmatch(rb'"([^"]{0,1024})"', words):
            return found[1]
        found = re.fullmatch(rb"\{(\d+)\+\}", words)
        assert found, words
        octets = yield int(found[1])
        rest = yield
        assert not rest
        return octets
