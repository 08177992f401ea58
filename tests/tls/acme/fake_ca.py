"""A small, strict authority in the test's own process, for what pebble does not know: ARI, profiles, limits,
dns-persist-01, and everything that an authority can do wrong.  rfc8555"""

import secrets
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import josepy
from cryptography import x509
from twisted.internet.defer import Deferred

from tests.tls.acme.chains import verified
from tests.tls.acme.clerks import Accounts, Certificates, Judge, Orders, Texts
from tests.tls.acme.desk import Answer, Asked, Desk, Seen
from tests.tls.acme.faults import Fault, Problem
from tests.tls.acme.held import Account, Authorization, Leaf, Order, Proof
from tests.tls.acme.signed import Nonces, Signed, signed

NINETY_DAYS = 90 * 86400.0


async def fake_ca(case: Any, **how: Any) -> "FakeCA":
    """One for this test."""
    made = FakeCA(**how)
    case.addCleanup(lambda: Deferred.fromCoroutine(made.close()))
    return made


class FakeCA:
    """An authority.  `life` of its certificates in seconds, by profile if there are `lives`; the attributes
    below may be changed at any time."""

    def __init__(
        self,
        *,
        now: Callable[[], float] = time.time,
        life: float = NINETY_DAYS,
        kinds: Sequence[str] = ("http-01", "tls-alpn-01", "dns-01"),
        eab: Mapping[str, str] | None = None,
        profiles: Mapping[str, str] | None = None,
        lives: Mapping[str, float] | None = None,
        ari: bool = True,
        issuers: Sequence[str] = ("fake.test",),
        alternates: int = 0,
        name: str = "Fake",
    ) -> None:
        self.now, self.life, self.kinds, self.issuers = now, life, tuple(kinds), tuple(issuers)
        self.eab, self.profiles, self.lives, self.ari = eab, profiles or {}, lives or {}, ari
        self.bad_nonces = 0
        self.polls, self.poll_after = 0, ""
        self.refuses: dict[str, str] = {}
        self.wrong = ""
        """`key`, `names`, `expired`, `chain`: what is wrong with the certificates."""
        self.windows: dict[str, tuple[float, float]] = {}
        self.window = (2 / 3, 5 / 6)
        """Fractions of the life, for certificates of which `windows` says nothing."""
        self.explanation, self.renewal_after = "", "21600"
        self.reuse = False
        self.judge: Judge | None = None
        self.txt: Texts | None = None
        self.seen: list[Seen] = []
        self.issued: list[Leaf] = []
        self._faults: dict[str, list[Fault]] = {}
        self._lasting: dict[str, Fault] = {}
        self._nonces = Nonces()
        self.held: dict[str, Any] = {}
        self._accounts, self._orders = Accounts(self), Orders(self)
        self._certificates = Certificates(self, name, 1 + alternates)
        self._folder = tempfile.TemporaryDirectory(prefix="fake-ca-")
        self._desk = Desk(Path(self._folder.name), self._serve, self._headers)
        self._fixed = {
            "/directory": ("directory", self._accounts.directory),
            "/nonce": ("nonce", lambda _: Answer()),
            "/account": ("account", self._accounts.register),
            "/order": ("order", self._orders.order),
            "/key-change": ("key-change", self._accounts.change_key),
            "/revoke": ("revoke", self._certificates.revoke),
        }

    # -- for tests
    @property
    def directory(self) -> str:
        return self.url("/directory")

    @property
    def roots(self) -> Path:
        """By which its HTTPS is known."""
        return self._desk.roots

    @property
    def open(self) -> int:
        """How many connections it has."""
        return self._desk.open

    def url(self, path: str) -> str:
        return self.base + path

    @property
    def base(self) -> str:
        return self._desk.url

    def root(self, number: int = 0) -> x509.Certificate:
        """Of its certificates."""
        return self._certificates.issuer.roots[number]

    def verified(self, pem: bytes, *names: str, root: int = 0) -> x509.Certificate:
        """The leaf of a chain; AssertionError unless it ends at this root and is for all of `names`."""
        return verified(pem, self.root(root), *names, at=datetime.fromtimestamp(self.now(), UTC))

    def once(self, step: str, fault: Fault, times: int = 1) -> None:
        """The next `times` requests of this step fare so."""
        self._faults.setdefault(step, []).extend([fault] * times)

    def always(self, step: str, fault: Fault) -> None:
        self._lasting[step] = fault

    def mend(self, *steps: str) -> None:
        """Nothing is wrong with these steps any more; none: with all."""
        for step in steps or (*self._lasting, *self._faults):
            self._lasting.pop(step, None)
            self._faults.pop(step, None)

    def count(self, step: str) -> int:
        return sum(one.step == step for one in self.seen)

    def steps(self) -> list[str]:
        return [one.step for one in self.seen]

    def accounts(self) -> list[Account]:
        return [one for one in self.held.values() if isinstance(one, Account)]

    async def close(self) -> None:
        await self._desk.close()
        self._folder.cleanup()

    # -- one request
    def _serve(self, asked: Asked) -> tuple[Fault | None, Callable[[], Answer]]:
        if not asked.agent:
            raise Problem("malformed", "who are you?")
        step, work = self._place(asked.path)
        if step in ("directory", "nonce", "renewal"):
            return self._fault(step, asked, "", None), partial(work, None)
        if asked.method != "POST":
            raise Problem("malformed", f"no {asked.method} here", 405)
        came = self._signed(asked)
        self._whose(step, asked.path, came)
        return self._fault(step, asked, came.kid, came.payload), partial(work, came)

    def _signed(self, asked: Asked) -> Signed:
        if asked.content_type != "application/jose+json":
            raise Problem("malformed", asked.content_type, 415)
        if self.bad_nonces:
            self.bad_nonces -= 1
            raise Problem("badNonce", "so wants the test")
        came = signed(asked.body, self.url(asked.path), self._nonces, self.key_of)
        by_key = asked.path in ("/account", "/revoke")
        if not came.kid and not by_key:
            raise Problem("malformed", "a key where an account is asked for")
        if came.kid and asked.path == "/account":
            raise Problem("malformed", "an account where a key is asked for")
        return came

    def _whose(self, step: str, path: str, came: Signed) -> None:
        held = self.held.get(path.removesuffix("/finalize").partition("/certificate")[0])
        owner = held.of.account if isinstance(held, Proof) else getattr(held, "account", held)
        if isinstance(owner, Account) and owner.url != came.kid:
            raise Problem("unauthorized", "not yours", 403)
        reading = ("read-order", "authorization", "certificate", "orders")
        if step in reading and came.payload is not None and step != "authorization":
            raise Problem("malformed", "POST-as-GET has an empty payload")

    def _place(self, path: str) -> tuple[str, Callable[[Any], Answer]]:
        if path in self._fixed:
            return self._fixed[path]
        if path.startswith("/renewal/") and self.ari:
            return "renewal", partial(self._certificates.renewal, path.removeprefix("/renewal/"))
        whole, _, tail = path.partition("/certificate")
        held = self.held.get(whole.removesuffix("/finalize"))
        if isinstance(held, Order):
            if path.endswith("/finalize"):
                return "finalize", partial(self._certificates.finalize, held)
            if whole != path:
                return "certificate", partial(self._certificates.certificate, held, tail)
            return "read-order", partial(self._orders.read_order, held)
        works: dict[type, tuple[str, Any]] = {
            Account: ("existing", self._accounts.existing),
            Authorization: ("authorization", self._orders.read_authorization),
            Proof: ("challenge", self._orders.challenge),
        }
        if type(held) not in works:
            raise Problem("malformed", f"nothing is at {path}", 404)
        step, work = works[type(held)]
        return step, partial(work, held)

    def _fault(self, step: str, asked: Asked, account: str, payload: Any) -> Fault | None:
        self.seen.append(Seen(step, self.url(asked.path), account, payload, self.now()))
        waiting = self._faults.get(step)
        return waiting.pop(0) if waiting else self._lasting.get(step)

    def _headers(self, method: str) -> list[tuple[str, str]]:
        index = ("Link", f'<{self.directory}>;rel="index"')
        return [index] if method == "GET" else [index, ("Replay-Nonce", self._nonces.new())]

    def key_of(self, url: str) -> josepy.JWK:
        held = self.held.get(str(url).removeprefix(self.base))
        if not isinstance(held, Account):
            raise Problem("accountDoesNotExist", status=400)
        if held.status != "valid":
            raise Problem("unauthorized", f"that account is {held.status}", 403)
        return held.key

    def account(self, came: Signed) -> Account:
        """Whose request it is."""
        found = self.held[came.kid.removeprefix(self.base)]
        assert isinstance(found, Account)
        return found

    def wait(self, status: str) -> list[tuple[str, str]]:
        """The header that says when to ask again."""
        waits = status in ("pending", "processing") and self.poll_after
        return [("Retry-After", self.poll_after)] if waits else []

    def keep(self, kind: str, make: Callable[[str], Any]) -> Any:
        path = f"/{kind}/{secrets.token_hex(6)}"
        held = self.held[path] = make(self.url(path))
        return held
