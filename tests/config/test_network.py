"""Endpoints, networks and host names."""

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.values import Endpoint, Endpoints, Hostname, Hostnames, Networks

TEXT = st.text(max_size=30) | st.text(alphabet="0123456789abcdef:.[]/%*,", max_size=40)


class EndpointTests(SynchronousTestCase):
    def test_what_is_bound(self) -> None:
        for text, (hosts, port) in {
            "143": (("::", "0.0.0.0"), 143),
            "*:143": (("::", "0.0.0.0"), 143),
            "[::]:143": (("::",), 143),
            "0.0.0.0:143": (("0.0.0.0",), 143),
            "127.0.0.1:143": (("127.0.0.1",), 143),
            "[::1]:143": (("::1",), 143),
            "[2001:DB8:0::7]:143": (("2001:db8::7",), 143),
            "[fe80::1%eth0]:143": (("fe80::1%eth0",), 143),
            "localhost:1143": (("::1", "127.0.0.1"), 1143),
            "127.0.0.1:0": (("127.0.0.1",), 0),
        }.items():
            endpoint = Endpoint.parse(text)
            self.assertEqual((endpoint.hosts, endpoint.port), (hosts, port), text)
            self.assertEqual(Endpoint.parse(str(endpoint)), endpoint)

    def test_a_unix_socket_is_near_the_ini_file(self) -> None:
        endpoint = Endpoint.parse("unix:run/imap").within(Path("/etc"))
        self.assertEqual(str(endpoint), "unix:/etc/run/imap")
        self.assertEqual(endpoint.hosts, ())

    def test_what_is_no_endpoint_is_refused(self) -> None:
        for text in (
            *("", ":", "imap", "-1", "65536", "143/tcp", "::1", "::1:143", "[::1]", "[::1", "[127.0.0.1]:1"),
            *("mail.example.org:143", "127.0.0.1", "1.2.3:143", "unix:", "٣", "[]:1", "0.0.0.0/0:1"),
        ):
            self.assertRaises(ValueError, Endpoint.parse, text)

    def test_several(self) -> None:
        endpoints = Endpoints.parse("[::1]:143,\n127.0.0.1:143")
        self.assertEqual(str(endpoints), "[::1]:143, 127.0.0.1:143")
        self.assertRaises(ValueError, Endpoints.parse, "143, *:143")

    def test_none_is_nowhere(self) -> None:
        self.assertEqual((Endpoints.parse("none"), str(Endpoints())), (Endpoints(), "none"))
        self.assertRaises(ValueError, Endpoints.parse, "none, 143")

    def test_any_free_port_may_be_asked_for_twice(self) -> None:
        self.assertEqual(len(Endpoints.parse("127.0.0.1:0, 127.0.0.1:0")), 2)

    @given(TEXT)
    def test_any_text_is_endpoints_or_a_value_error(self, text: str) -> None:
        try:
            endpoints = Endpoints.parse(text)
        except ValueError as error:
            self.assertTrue(str(error).isprintable())
        else:
            self.assertEqual(Endpoints.parse(str(endpoints)), endpoints)


class NetworksTests(SynchronousTestCase):
    def test_an_address_lies_in_a_network_or_not(self) -> None:
        networks = Networks.parse("10.0.0.0/8, 192.0.2.7\n2001:db8::/32, ::1")
        for address in (
            "10.255.0.1",
            "192.0.2.7",
            "2001:db8::7",
            "::1",
            "::ffff:10.1.1.1",
            "2001:db8::1%eth0",
        ):
            self.assertTrue(networks.contains(address), address)
        for address in (
            "11.0.0.1",
            "192.0.2.8",
            "::2",
            "::ffff:192.0.2.8",
            "",
            "x",
            "10.0.0",
            "10.0.0.1/8",
            "::10.0.0.1",
        ):
            self.assertFalse(networks.contains(address), address)

    def test_no_networks_contain_nothing(self) -> None:
        self.assertFalse(Networks().contains("127.0.0.1"))

    @given(TEXT)
    def test_any_text_is_networks_or_a_value_error(self, text: str) -> None:
        Networks.parse("::/0").contains(text)
        try:
            networks = Networks.parse(text)
        except ValueError as error:
            self.assertTrue(str(error).isprintable())
        else:
            self.assertEqual(Networks.parse(str(networks)), networks)


class HostnameTests(SynchronousTestCase):
    def test_names_are_lower_case_a_labels(self) -> None:
        for text, name in {
            "mail.example.org": "mail.example.org",
            "MAIL.Example.ORG.": "mail.example.org",
            "localhost": "localhost",
            "bücher.example": "xn--bcher-kva.example",
            "1and1.example": "1and1.example",
        }.items():
            self.assertEqual(Hostname.parse(text), name)

    def test_what_is_no_host_name_is_refused(self) -> None:
        for text in (
            "",
            ".",
            "a..b",
            "-a.example",
            "a_b",
            "a b",
            "192.0.2.1",
            "::1",
            "x" * 64,
            "a." * 127 + "a",
            "ä" * 300,
        ):
            self.assertRaises(ValueError, Hostname.parse, text)

    @given(TEXT)
    def test_any_text_is_host_names_or_a_value_error(self, text: str) -> None:
        try:
            names = Hostnames.parse(text)
        except ValueError as error:
            self.assertTrue(str(error).isprintable())
        else:
            self.assertEqual(Hostnames.parse(str(names)), names)
