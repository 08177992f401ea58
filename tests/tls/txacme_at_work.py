"""Runs where txacme is installed: its service issues for two names, and stores of its own are read."""

import json
import os
import sys
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding
from twisted.internet import reactor
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater, react
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.python.filepath import FilePath
from twisted.web.resource import Resource
from twisted.web.server import NOT_DONE_YET, Site
from txacme.store import DirectoryStore

from mailtwist.config.authority import AuthoritySettings, HttpsUrl
from mailtwist.config.network import Endpoints
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.spawn import spawn, started
from mailtwist.kit.within import within
from mailtwist.services.hello import HelloDoor
from mailtwist.services.sockets import TlsFactory
from mailtwist.testing.assembly import OnePart
from mailtwist.tls.listener import Policy
from mailtwist.tls.names import ServerNames
from mailtwist.tls.sources.txacme import Settings, TxacmeCertificates

STORES: dict[str, Any] = {}


class Proofs(Resource):
    """What a site of ours does."""

    isLeaf = True

    def __init__(self, certificates: TxacmeCertificates) -> None:
        Resource.__init__(self)
        self._certificates = certificates

    def render_GET(self, request: Any) -> Any:
        spawn(self._answer(request), "an answer")
        return NOT_DONE_YET

    async def _answer(self, request: Any) -> None:
        proof = await self._certificates.http_proof(request.path.decode().rpartition("/")[2])
        request.setResponseCode(200 if proof else 404)
        request.write(proof or b"")
        request.finish()


def store() -> Any:
    """`txacme_at_work:store` in a config."""
    return STORES["theirs"]


def told(certificates: TxacmeCertificates) -> dict[str, Any]:
    return {
        name: {
            "pem": b"".join(one.public_bytes(Encoding.PEM) for one in (bundle.leaf, *bundle.chain)).decode(),
            "bootstrap": bundle.bootstrap,
            "key": bundle.key_kind,
        }
        for bundle in certificates.bundles
        for name in bundle.names
    }


def modes(folder: Path) -> dict[str, str]:
    return {path.name: oct(path.stat().st_mode & 0o777) for path in folder.iterdir()}


async def worked(said: dict[str, Any]) -> dict[str, Any]:
    folder = Path(said["folder"])
    authority = AuthoritySettings(directory=HttpsUrl(said["directory"]), roots=Path(said["roots"]))
    house = OnePart(
        folder, clock=SystemClock(), named={AuthoritySettings: {"pebble": authority}}, name="main"
    )
    settings = Settings(
        names=ServerNames(said["names"]),
        authority="pebble",
        agree_to_terms=True,
        email="postmaster@example.org",
        challenge=said["challenge"],
        http_listen=Endpoints(),
    )
    result: dict[str, Any] = {}
    one = TxacmeCertificates(settings, house)
    port = reactor.listenTCP(said["port"], listening(one, said["challenge"]), interface="127.0.0.1")
    await one.start()
    result["first"] = told(one)
    await one._issuing._issuing.checked()
    while any(bundle.bootstrap for bundle in one.bundles):
        await deferLater(reactor, 0.05)
    result["issued"] = told(one)
    result["private"] = modes(folder / "txacme")
    service = one._issuing._issuing._service
    await service.issue_cert(said["names"][0])
    while told(one)[said["names"][0]] == result["issued"][said["names"][0]]:
        await deferLater(reactor, 0.05)
    result["again"] = told(one)
    await one.stop()
    await port.stopListening()

    # literally theirs
    theirs = folder / "theirs"
    theirs.mkdir()
    STORES["theirs"] = DirectoryStore(FilePath(str(theirs)))
    objects = await one._store.get(said["names"][0])
    await STORES["theirs"].store(said["names"][0], objects)
    result["theirs"] = modes(theirs)
    sys.modules["txacme_at_work"] = sys.modules["__main__"]
    for name, text in (("object", "txacme_at_work:store"), ("folder", str(theirs))):
        other = TxacmeCertificates(Settings(store=text), house)
        await other.start()
        result[name] = told(other)
        await other.stop()
    house.threads.stop()
    return result


def listening(one: TxacmeCertificates, challenge: str) -> Any:
    if challenge == "http-01":
        site = Site(Proofs(one))
        site.noisy = False
        return site
    listener = one.listener(Policy())
    return HelloDoor(TlsFactory(listener, False, Factory.forProtocol(Protocol)), listener, SystemClock())


async def main(said: dict[str, Any]) -> None:
    print(json.dumps(await within(SystemClock(), 60, worked(said))))


if __name__ == "__main__":
    os.umask(0)
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    react(lambda _, text: started(main(json.loads(text))), sys.argv[1:])
