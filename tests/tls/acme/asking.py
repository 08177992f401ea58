"""`Asks` in memory: answers as a test has written them, one after the other, and what was asked."""

import json
from base64 import urlsafe_b64decode
from collections.abc import Callable, Mapping
from typing import Any

from mailtwist.tls.https import Answer, NoAnswer

HOST = "https://ca.example"


def answer(
    status: int = 200, body: Any = None, nonce: str = "", url: str = "", **headers: str
) -> Callable[[str], Answer | NoAnswer]:
    """`body` in JSON, unless it is octets."""
    octets = body if isinstance(body, bytes) else json.dumps({} if body is None else body).encode()
    known = {name.replace("_", "-"): (value,) for name, value in headers.items()}
    known |= {"replay-nonce": (nonce,)} if nonce else {}
    return lambda asked: Answer(url or asked, status, known, octets)


def problem(kind: str, status: int = 400, **more: Any) -> Callable[[str], Answer | NoAnswer]:
    return answer(status, {"type": f"urn:ietf:params:acme:error:{kind}", "detail": f"no: {kind}"}, **more)


def lost(url: str) -> NoAnswer:
    return NoAnswer("ca.example: the connection was closed", lost=True)


def away(url: str) -> NoAnswer:
    return NoAnswer("ca.example did not answer in 30 s")


class Asked:
    """One request; of a POST `header` and `payload` are what was signed."""

    def __init__(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> None:
        self.method, self.url, self.headers = method, url, headers
        self.header: dict[str, Any] = {}
        self.payload: Any = None
        if body:
            said = json.loads(body)
            self.header = json.loads(_unpacked(said["protected"]))
            payload = _unpacked(said["payload"])
            self.payload = json.loads(payload) if payload else b""

    def __repr__(self) -> str:
        return f"{self.method} {self.url} {self.payload}"


class InMemory:
    """HEAD gives fresh nonces by itself: fresh-1, fresh-2, ..."""

    def __init__(self, *answers: Callable[[str], Answer | NoAnswer]) -> None:
        self.answers = list(answers)
        self.asked: list[Asked] = []
        self.fresh = 0
        self.busy = self.most = 0

    async def ask(
        self, method: str, url: str, headers: Mapping[str, str] = {}, body: bytes = b"", redirects: int = 0
    ) -> Answer:
        self.asked.append(Asked(method, url, headers, body))
        if method == "HEAD":
            self.fresh += 1
            made = answer(nonce=f"fresh-{self.fresh}")(url)
        else:
            made = self.answers.pop(0)(url)
        if isinstance(made, NoAnswer):
            raise made
        return made

    def nonces(self) -> list[str]:
        return [one.header["nonce"] for one in self.asked if one.method == "POST"]


def _unpacked(text: str) -> bytes:
    return urlsafe_b64decode(text + "=" * (-len(text) % 4))
