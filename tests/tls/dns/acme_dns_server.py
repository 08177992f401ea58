"""An acme-dns server as its manual says: /register, /update, two values of each subdomain."""

import json
from typing import Any
from uuid import uuid4

from twisted.internet import reactor
from twisted.web.resource import Resource
from twisted.web.server import Site

DOMAIN = "auth.example.test"


class AcmeDnsServer(Resource):
    """`texts` are what its DNS would answer, by subdomain, the oldest first."""

    isLeaf = True

    def __init__(self, case: Any) -> None:
        super().__init__()
        self.accounts: dict[str, dict[str, str]] = {}
        self.texts: dict[str, list[str]] = {}
        self.answers: list[tuple[int, bytes]] = []
        self.updates = 0
        self._port: Any = reactor.listenTCP(0, Site(self), interface="127.0.0.1")
        self.url = f"http://127.0.0.1:{self._port.getHost().port}"
        case.addCleanup(self.stop)

    async def stop(self) -> None:
        if self._port is not None:
            port, self._port = self._port, None
            await port.stopListening()

    def register(self) -> dict[str, str]:
        """What /register answers."""
        subdomain = str(uuid4())
        account = {
            "username": str(uuid4()),
            "password": "htB9mR9DYgcu9bX_afHF62erXaH2TS7bg9KW3F7Z",
            "fulldomain": f"{subdomain}.{DOMAIN}",
            "subdomain": subdomain,
            "allowfrom": "",
        }
        self.accounts[subdomain] = account
        self.texts[subdomain] = []
        return account

    def render_POST(self, request: Any) -> bytes:
        code, body = self._answer(request)
        request.setResponseCode(code)
        request.setHeader("content-type", "application/json")
        return body

    def _answer(self, request: Any) -> tuple[int, bytes]:
        if self.answers:
            return self.answers.pop(0)
        if request.path == b"/register":
            return 201, json.dumps(self.register()).encode()
        if request.path != b"/update":
            return 404, b"404 page not found\n"
        try:
            told = json.loads(request.content.read())
        except ValueError:
            return 400, b'{"error": "malformed_json_payload"}'
        return self._updated(request, told)

    def _updated(self, request: Any, told: dict[str, str]) -> tuple[int, bytes]:
        user, key = (request.getHeader(name) for name in ("x-api-user", "x-api-key"))
        account = self.accounts.get(told["subdomain"])
        if account is None or (account["username"], account["password"]) != (user, key):
            return 401, b'{"error": "forbidden"}'
        if len(told["txt"]) != 43:
            return 400, b'{"error": "bad_txt"}'
        self.updates += 1
        texts = self.texts[told["subdomain"]]
        texts.append(told["txt"])
        del texts[:-2]
        return 200, json.dumps({"txt": told["txt"]}).encode()
