"""Messages: ours as others read them, and theirs, whatever they are."""

from hypothesis import example, given
from hypothesis import strategies as some
from pyasn1.codec.ber import decoder, encoder
from pyasn1_modules import rfc2251
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.directories.ldap import messages
from mailtwist.auth.directories.ldap.filters import Filter, tlv
from mailtwist.auth.directories.ldap.messages import LARGEST, Entry, Garbage, Result


def understood(octets: bytes) -> rfc2251.LDAPMessage:
    read, rest = decoder.decode(octets, asn1Spec=rfc2251.LDAPMessage())
    assert not rest
    return read


def done(kind: int, code: int, words: bytes = b"", controls: bytes = b"", number: int = 1) -> bytes:
    """The answer of a server: `kind` is its tag."""
    body = tlv(10, bytes([code])) + tlv(4, b"") + tlv(4, words)
    return tlv(0x30, tlv(2, bytes([number])) + tlv(kind, body) + controls)


def policy(answer: bytes) -> bytes:
    return tlv(0xA0, tlv(0x30, tlv(4, messages.POLICY.encode()) + tlv(4, answer)))


class OursTests(SynchronousTestCase):
    def test_a_bind_has_the_octets_of_the_password(self) -> None:
        read = understood(messages.bind(7, "cn=\N{GREEK SMALL LETTER ALPHA}", b"a\0\xff"))
        bind = read["protocolOp"]["bindRequest"]
        self.assertEqual((int(read["messageID"]), int(bind["version"])), (7, 3))
        self.assertEqual(bytes(bind["authentication"]["simple"]), b"a\0\xff")
        self.assertEqual(bytes(bind["name"]).decode(), "cn=\N{GREEK SMALL LETTER ALPHA}")

    def test_a_search_says_what_it_wants(self) -> None:
        wanted = Filter.parse("(uid=a)").encoded()
        read = understood(messages.search(300, "dc=x", "one", wanted, ("mail", "cn"), 2, 200))
        its = read["protocolOp"]["searchRequest"]
        self.assertEqual(int(read["messageID"]), 300)
        numbers = [
            int(its[name]) for name in ("scope", "derefAliases", "sizeLimit", "timeLimit", "typesOnly")
        ]
        self.assertEqual(numbers, [1, 0, 2, 200, 0])
        self.assertEqual([bytes(name) for name in its["attributes"]], [b"mail", b"cn"])

    def test_the_others_are_what_they_are(self) -> None:
        read = understood(messages.start_tls(1))["protocolOp"]["extendedReq"]
        self.assertEqual(bytes(read["requestName"]), messages.START_TLS.encode())
        self.assertEqual(understood(messages.unbind(2))["protocolOp"].getName(), "unbindRequest")


class TheirsTests(SynchronousTestCase):
    def test_a_result_has_code_and_words(self) -> None:
        what = messages.read(done(0x61, 49, b"80090308: LdapErr: DSID-0C, data 52e, v4563")).what
        assert isinstance(what, Result)
        self.assertEqual((what.kind, what.code), ("bindResponse", 49))
        self.assertIn("data 52e", what.words)

    def test_lengths_may_be_longer_than_they_need(self) -> None:
        """As Active Directory writes them."""
        inner = done(0x65, 0)[2:]
        what = messages.read(b"\x30\x84" + len(inner).to_bytes(4) + inner).what
        assert isinstance(what, Result)
        self.assertEqual(what.kind, "searchResDone")

    def test_what_policy_says_is_heard(self) -> None:
        answers = {
            tlv(0x30, tlv(0x81, b"\x02")): "must-change",
            tlv(0x30, tlv(0x81, b"\x00")): "password-expired",
            tlv(0x30, tlv(0xA0, tlv(0x80, b"\x05"))): "",
            tlv(0x30, tlv(0xA0, tlv(0x81, b"\x05")) + tlv(0x81, b"\x01")): "account-locked",
            tlv(0x30, tlv(0x81, b"\x07")): "policy-7",
            tlv(0x30, b""): "",
        }
        for answer, said in answers.items():
            what = messages.read(done(0x61, 0, controls=policy(answer))).what
            assert isinstance(what, Result)
            self.assertEqual(what.policy, said, answer.hex())

    def test_an_entry_has_all_values_whatever_the_case_of_its_names(self) -> None:
        message = rfc2251.LDAPMessage()
        message["messageID"] = 1
        entry = rfc2251.SearchResultEntry()
        entry["objectName"] = "cn=a"
        for number, (name, value) in enumerate((("Mail", b"a"), ("mail;lang-de", b"b"), ("CN", b"\xff"))):
            entry["attributes"][number]["type"] = name
            entry["attributes"][number]["vals"][0] = value
        message["protocolOp"]["searchResEntry"] = entry
        what = messages.read(encoder.encode(message)).what
        self.assertEqual(what, Entry("cn=a", {"mail": (b"a", b"b"), "cn": (b"\xff",)}))

    def test_the_size_of_a_message_is_known_early(self) -> None:
        whole = done(0x61, 49, b"x" * 300)
        for end in range(4):
            self.assertEqual(messages.size(whole[:end]), 0)
        self.assertEqual(messages.size(whole[:4]), len(whole))
        self.assertEqual(messages.size(whole + b"more"), len(whole))

    def test_no_message_is_endless(self) -> None:
        broken = (b"HTTP/1.1", b"\x30\x80", b"\x30\x85", b"\x30\xff", b"\x30\x84\xff\xff\xff\xff")
        for octets in (*broken, b"\x30\x84" + (LARGEST + 1).to_bytes(4)):
            with self.assertRaises(Garbage, msg=octets):
                messages.size(octets)

    @example(done(0x61, 0, controls=policy(b"\x30\x03\x81")))
    @example(tlv(0x30, tlv(2, b"\1") + tlv(0x61, b"")))
    @example(tlv(0x30, tlv(2, b"\1") + b"\x61\x80" * 50))
    @given(some.binary(max_size=120))
    def test_any_octets_are_a_message_or_garbage(self, octets: bytes) -> None:
        for one in (octets, tlv(0x30, octets), tlv(0x30, tlv(2, b"\1") + octets)):
            try:
                messages.read(one)
            except Garbage:
                continue

    @given(some.binary(max_size=120))
    def test_any_octets_have_a_weight_or_are_garbage(self, octets: bytes) -> None:
        try:
            self.assertLessEqual(messages.weighed([octets]), len(octets))
        except Garbage:
            pass

    def test_the_parts_of_a_message_are_counted(self) -> None:
        self.assertEqual(messages.weighed([done(0x61, 49), done(0x65, 0)]), 12)
        self.assertEqual(
            messages.weighed([done(0x61, 49, b"words", policy(tlv(0x30, tlv(0x81, b"\2"))))]), 10
        )

    def test_what_ldap_has_not_is_not_taken_apart(self) -> None:
        """It would take quadratic time, or mean success where nothing is said."""
        pieces = tlv(0x64, tlv(0x24, b"\4\1a" * 9) + tlv(0x30, b""))
        for operation in (
            pieces,
            b"\x61\x80\0\0",
            tlv(0x61, b"\x0a\x00\x04\x00\x04\x00"),
            tlv(0x61, b"\x0a\x05\0\0\0\0\0\x04\x00\x04\x00"),
            tlv(0x61, b"\x04\x02a"),
            tlv(0x61, b"\x04\x84\xff\xff\xff\xff"),
            tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, tlv(0x30, b"")))))))),
        ):
            with self.assertRaises(Garbage):
                messages.read_all([tlv(0x30, tlv(2, b"\1") + operation)])

    def test_many_parts_in_few_octets_are_too_much(self) -> None:
        values = tlv(0x31, b"\4\0" * messages.HEAVIEST)
        attribute = tlv(0x30, tlv(4, b"mail") + values)
        heavy = tlv(0x30, tlv(2, b"\1") + tlv(0x64, tlv(4, b"cn=a") + tlv(0x30, attribute)))
        with self.assertRaisesRegex(Garbage, "parts"):
            messages.read_all([heavy])

    @given(some.data())
    def test_a_message_with_octets_changed_is_one_or_garbage(self, data: some.DataObject) -> None:
        octets = bytearray(done(0x61, 49, b"words", policy(tlv(0x30, tlv(0x81, b"\x02")))))
        for _ in range(data.draw(some.integers(1, 4))):
            octets[data.draw(some.integers(0, len(octets) - 1))] = data.draw(some.integers(0, 255))
        try:
            messages.read(bytes(octets))
        except Garbage:
            pass
