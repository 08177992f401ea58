"""A client of a site in memory: it sends octets and reads answers."""

from twisted.internet.defer import Deferred

from mailtwist.kit.trouble import Trouble
from mailtwist.testing.clock import ManualClock
from mailtwist.testing.wire import Wire
from mailtwist.web.api import Answer, Page, said
from mailtwist.web.channel import Channel
from mailtwist.web.site import Site


class Said:
    """One answer, taken apart."""

    def __init__(self, text: bytes) -> None:
        head, _, rest = text.partition(b"\r\n\r\n")
        first, *lines = head.decode("ascii").split("\r\n")
        self.version, status, self.reason = first.split(" ", 2)
        self.status = int(status)
        self.headers = {}
        for line in lines:
            name, value = line.split(": ", 1)
            assert name.lower() not in self.headers, f"{name} twice"
            self.headers[name.lower()] = value
        self.body, self.rest = rest, b""

    def cut(self) -> None:
        length = int(self.headers.get("content-length", 0))
        self.body, self.rest = self.body[:length], self.body[length:]


def answers(text: bytes, heads: int = 0) -> list[Said]:
    """All answers in `text`; the first `heads` of them have no body."""
    found = []
    while text:
        one = Said(text)
        if len(found) < heads:
            one.rest, one.body = one.body, b""
        else:
            one.cut()
        found.append(one)
        text = one.rest
    return found


class Pages:
    """A page that waits, one that echoes, one that fails in several ways."""

    def __init__(self) -> None:
        self.asked = []
        self.waiting: Deferred[Answer] | None = None
        self.cancelled = 0

    def site(self) -> Site:
        return Site(
            [
                Page("echo", ("/echo",), self.echo, methods=("POST", "PUT"), largest=10_000),
                Page("folder", ("/folder/",), self.plain),
                Page("deep", ("/folder/deep/",), self.plain),
                Page("plain", ("/plain",), self.plain),
                Page("clear", ("/clear",), self.plain, clear_only=True),
                Page("wait", ("/wait",), self.wait, seconds=20),
                Page("trouble", ("/trouble",), self.trouble),
                Page("bug", ("/bug",), self.bug),
                Page("big", ("/big",), self.big),
                Page("quiet", ("/quiet",), self.plain, quiet=True),
                Page("nothing", ("/nothing",), self.nothing),
            ]
        )

    async def plain(self, asked):
        self.asked.append(asked)
        return said(200, "plain")

    async def echo(self, asked):
        self.asked.append(asked)
        return Answer(200, asked.body, "application/octet-stream")

    async def wait(self, asked):
        self.asked.append(asked)
        self.waiting = Deferred(lambda _: setattr(self, "cancelled", self.cancelled + 1))
        return await self.waiting

    async def trouble(self, asked):
        raise Trouble("4.3.0" if asked.query == "now" else "5.3.0", "not possible", "the disk is full")

    async def bug(self, asked):
        raise RuntimeError("a bug with a secret in it")

    async def big(self, asked):
        return Answer(200, b"x" * 1_000_000)

    async def nothing(self, asked):
        return Answer(204)


class Talk:
    """One connection."""

    def __init__(self, *, tls: bool = False, address: str = "192.0.2.1") -> None:
        self.clock = ManualClock()
        self.pages = Pages()
        self.channel = Channel()
        self.channel.site, self.channel.clock = self.pages.site(), self.clock
        self.channel.address, self.channel.service = address, "web"
        self.wire = Wire(self.channel, address=address, tls=tls)

    def send(self, text: bytes) -> list[Said]:
        self.wire.send(text)
        return answers(self.wire.read())

    def get(self, path: str = "/plain", *lines: str, method: str = "GET", body: bytes = b"") -> Said:
        (one,) = answers(self.raw(path, *lines, method=method, body=body), heads=method == "HEAD")
        return one

    def raw(self, path: str = "/plain", *lines: str, method: str = "GET", body: bytes = b"") -> bytes:
        head = "".join(f"{line}\r\n" for line in (f"{method} {path} HTTP/1.1", "Host: here", *lines, ""))
        self.wire.send(head.encode("latin-1") + body)
        return self.wire.read()

    def hang_up(self) -> None:
        self.wire.hang_up()

    @property
    def closing(self) -> bool:
        return self.wire.disconnecting
