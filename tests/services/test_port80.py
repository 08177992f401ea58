"""A port for authorities: there when a source wants it, once, and never a reason not to serve mail."""

import socket
from pathlib import Path

from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.config.network import Endpoints
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.lock import alone
from mailtwist.services.port80 import Port80, not_free, port_80
from mailtwist.services.sites import Sites, the_sites
from mailtwist.testing.assembly import OnePart
from mailtwist.web.choosing import site
from mailtwist.web.site import Site
from tests.hearing import heard
from tests.services.test_web import talk

TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr_oA"
ASK = f"GET /.well-known/acme-challenge/{TOKEN} HTTP/1.0\r\nHost: mail.example.org\r\n\r\n".encode()


class Source:
    bundles = ()

    def __init__(self, listen: str, proof: bytes | None = None) -> None:
        self.http_listen = Endpoints.parse(listen) if listen else Endpoints()
        self.proof = proof

    async def http_proof(self, token: str) -> bytes | None:
        return self.proof if token == TOKEN else None


class PortTests(TestCase):
    def made(self, **sources) -> OnePart:
        one = OnePart(
            Path(self.mktemp()), parts={"tls": sources, "page": {}}, clock=SystemClock(), name="port_80"
        )
        self.addCleanup(one.stop)
        return one

    async def started(self, port: Port80) -> list[int]:
        port.bind()
        await port.start()
        self.addCleanup(port.stop)
        return [int(place.rpartition(":")[2]) for place in port.places]

    def free(self) -> int:
        with socket.create_server(("127.0.0.1", 0)) as s:
            return s.getsockname()[1]

    async def test_without_such_sources_there_is_no_port(self) -> None:
        self.assertEqual(await self.started(port_80(self.made(main=Source("")))), [])
        self.assertEqual(await self.started(port_80(self.made(files=object()))), [])

    async def test_two_sources_share_one_port_and_each_is_asked(self) -> None:
        place = f"127.0.0.1:{self.free()}"
        (port,) = await self.started(port_80(self.made(a=Source(place), b=Source(place, b"the proof"))))
        said = await deferToThread(talk, port, ASK)
        self.assertTrue(said.startswith(b"HTTP/1.1 200 OK\r\n"), said)
        self.assertTrue(said.endswith(b"\r\n\r\nthe proof"), said)

    async def test_everything_else_is_sent_to_https_and_no_other_page_is_there(self) -> None:
        (port,) = await self.started(port_80(self.made(a=Source(f"127.0.0.1:{self.free()}"))))
        for path in (b"/", b"/health", b"/metrics"):
            said = await deferToThread(
                talk, port, b"GET %s HTTP/1.0\r\nHost: mail.example.org\r\n\r\n" % path
            )
            self.assertIn(b"\r\nLocation: https://mail.example.org%s\r\n" % path, said)

    def test_a_site_that_only_this_machine_can_see_is_none_for_authorities(self) -> None:
        for site_listens, wanted, is_met in (
            ("80", "80", True),
            ("192.0.2.1:80", "80", True),
            ("127.0.0.1:80", "80", False),
            ("localhost:80", "192.0.2.1:80", False),
            ("127.0.0.1:80, 192.0.2.1:80", "80", True),
            ("127.0.0.1:80", "127.0.0.1:80", True),
            ("80", "81", False),
            ("127.0.0.1:0", "127.0.0.1:0", False),
        ):
            sites = Sites()
            sites.add("web", Endpoints.parse(site_listens), Site([]))
            (place,) = Endpoints.parse(wanted)
            self.assertEqual(bool(list(sites.instead_of(place))), is_met, site_listens)

    async def test_a_port_that_is_taken_is_told_and_the_others_serve(self) -> None:
        taken, free = socket.create_server(("127.0.0.1", 0)), self.free()
        self.addCleanup(taken.close)
        events = heard(self)
        places = f"127.0.0.1:{taken.getsockname()[1]}, 127.0.0.1:{free}"
        self.assertEqual(await self.started(port_80(self.made(a=Source(places, b"x")))), [free])
        (told,) = [one for one in events if one["event_id"] == "web.port_not_bound"]
        self.assertIn("cannot listen on 127.0.0.1", told["error"])
        self.assertIn(b"200 OK", await deferToThread(talk, free, ASK))

    async def test_a_site_of_ours_on_the_port_answers_and_nothing_is_bound_twice(self) -> None:
        one = self.made(a=Source(":8080"))
        one.one(the_sites).add("web", Endpoints.parse("192.0.2.1:8080"), site(["acme_challenge"], one))
        self.assertEqual(await self.started(port_80(one)), [])

    async def test_a_site_of_ours_without_proofs_is_a_sentence(self) -> None:
        one = self.made(main=Source(":8080"))
        one.one(the_sites).add("web", Endpoints.parse("8080"), site(["redirect"], one))
        with self.assertRaisesRegex(ValueError, r"\[service:web\] listens on port 8080.*\[tls:main\]"):
            port_80(one)

    async def test_who_only_looks_learns_which_place_is_taken_and_binds_none(self) -> None:
        taken, free = socket.create_server(("127.0.0.1", 0)), self.free()
        self.addCleanup(taken.close)
        place = f"127.0.0.1:{taken.getsockname()[1]}"
        one = self.made(a=Source(place), b=Source(f"127.0.0.1:{free}, {place}"))
        ((source, words),) = not_free(one)
        self.assertEqual(source, "a")
        self.assertIn(f"cannot listen on {place}: Address already in use; authorities cannot ask", words)
        self.assertEqual(await self.started(port_80(one)), [free])

    async def test_what_a_running_server_has_is_its_own(self) -> None:
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        one = self.made(a=Source(f"127.0.0.1:{taken.getsockname()[1]}"))
        self.assertEqual(len(not_free(one)), 1)
        one.folder.mkdir(parents=True, exist_ok=True)
        with alone(one.folder / "lock", 1):
            self.assertEqual(list(not_free(one)), [])

    async def test_in_another_process_it_has_the_queues_that_the_first_has_bound(self) -> None:
        taken, free = socket.create_server(("127.0.0.1", 0)), self.free()
        self.addCleanup(taken.close)
        places = f"127.0.0.1:{taken.getsockname()[1]}, 127.0.0.1:{free}"
        first, second = (port_80(self.made(a=Source(places, b"x"))) for _ in range(2))
        first.bind(1)
        second.adopt(first, 1)
        await second.start()
        self.addCleanup(second.stop)
        self.assertEqual(second.places, [f"127.0.0.1:{free}"])
        self.assertIn(b"200 OK", await deferToThread(talk, free, ASK))
        first.withdraw()
