"""Ports are bound first and served later; addresses have one spelling."""

import os
import socket
import stat

from twisted.internet.protocol import Protocol, ServerFactory
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from mailtwist.config.network import Endpoint
from mailtwist.config.places import File
from mailtwist.services.listen import CannotListen, bind, plain, serve, spoken


def at(host: str = "127.0.0.1", port: int = 0, path: str = "") -> Endpoint:
    return Endpoint(host, port, File(path) if path else None)


class Hello(Protocol):
    def connectionMade(self) -> None:
        self.transport.write(b"hello\r\n")
        self.transport.loseConnection()


def heard(family: int, address: object) -> bytes:
    with socket.socket(family) as client:
        client.settimeout(10)
        client.connect(address)
        return client.makefile("rb").readline()


def has_ipv6_loopback() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return socket.has_dualstack_ipv6()


class Listening(TestCase):
    def bound(self, place: Endpoint) -> list[socket.socket]:
        made = bind(place)
        for one in made:
            self.addCleanup(one.close)
        return made

    async def served(self, place: Endpoint) -> bytes:
        (one,) = self.bound(place)
        family, address = one.family, one.getsockname()
        factory = ServerFactory.forProtocol(Hello)
        factory.noisy = False
        port = serve(one, factory)
        self.addCleanup(port.stopListening)
        return await deferToThread(heard, family, address)

    async def test_a_connection_that_came_early_waits_for_its_greeting(self) -> None:
        (one,) = self.bound(at())
        with socket.create_connection(one.getsockname()) as early:
            factory = ServerFactory.forProtocol(Hello)
            factory.noisy = False
            port = serve(one, factory)
            self.addCleanup(port.stopListening)
            early.settimeout(10)
            self.assertEqual(await deferToThread(early.recv, 100), b"hello\r\n")

    async def test_unix_sockets_are_places_too(self) -> None:
        path = os.path.join(os.path.relpath(self.mktemp_folder()), "s")
        self.assertEqual(await self.served(at(path=path)), b"hello\r\n")

    async def test_who_may_open_a_unix_socket_is_said_once_and_stays_so(self) -> None:
        path = os.path.join(os.path.relpath(self.mktemp_folder()), "s")
        for mode in (0o600, 0o660):
            (one,) = bind(at(path=path), mode)
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), mode)
            port = serve(one, ServerFactory.forProtocol(Hello))
            self.assertEqual(stat.S_IMODE(os.stat(path).st_mode), mode)
            self.assertEqual(await deferToThread(heard, socket.AF_UNIX, path), b"hello\r\n")
            await port.stopListening()
            self.assertFalse(os.path.exists(path))

    async def test_a_unix_socket_that_somebody_removed_is_no_reason_to_fail(self) -> None:
        path = os.path.join(os.path.relpath(self.mktemp_folder()), "s")
        (one,) = bind(at(path=path))
        port = serve(one, ServerFactory.forProtocol(Hello))
        os.unlink(path)
        await port.stopListening()

    async def test_a_dead_unix_socket_is_replaced_and_a_living_one_is_not(self) -> None:
        path = os.path.join(os.path.relpath(self.mktemp_folder()), "s")
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(path)
        self.bound(at(path=path))
        error = self.assertRaises(CannotListen, bind, at(path=path))
        self.assertIn("in use", str(error))

    def mktemp_folder(self) -> str:
        folder = self.mktemp()
        os.makedirs(folder)
        return folder

    def test_a_taken_port_is_said_in_a_sentence(self) -> None:
        (one,) = self.bound(at())
        port = one.getsockname()[1]
        error = self.assertRaises(CannotListen, bind, at(port=port))
        self.assertEqual(str(error), f"cannot listen on 127.0.0.1:{port}: Address already in use")

    def test_no_host_means_both_families(self) -> None:
        one, *_ = self.bound(at(host=""))
        hosts = {socket.AF_INET: "127.0.0.1"}
        if has_ipv6_loopback():
            hosts[socket.AF_INET6] = "::1"
        for family, host in hosts.items():
            with socket.socket(family) as client:
                client.connect((host, one.getsockname()[1]))

    def test_the_real_port_is_told(self) -> None:
        made = self.bound(at())
        self.assertEqual(spoken(made), [f"127.0.0.1:{made[0].getsockname()[1]}"])

    def test_addresses_have_one_spelling(self) -> None:
        self.assertEqual(plain("::ffff:192.0.2.7"), "192.0.2.7")
        self.assertEqual(plain("2001:DB8:0::1"), "2001:db8::1")
        self.assertEqual(plain("fe80::1%eth0"), "fe80::1")
        self.assertEqual(plain(""), "")
