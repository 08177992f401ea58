"""What stock twisted.mail gets wrong in POP3, each by its name: the same input is right here."""

import math

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.pop3.delays import Delays
from mailtwist.store.memory import MemoryMailbox
from tests.protocols.pop3.scene import LOGIN, UTF8, Scene

CHUNK = 65536


class Faults(SynchronousTestCase):
    def answer(self, data: bytes, *, messages: tuple[bytes, ...] = (), **how: object) -> bytes:
        wire = Scene(messages=messages).logged_in(**how)
        wire.send(data)
        return wire.read()

    def test_the_token_is_pipelining(self) -> None:
        tokens = self.answer(b"CAPA\r\n").split(b"\r\n")
        self.assertIn(b"PIPELINING", tokens)
        for made_up in (b"PIPELINE", b"CELERITY", b"AUSPEX", b"POTENCE"):
            self.assertNotIn(made_up, tokens)

    def test_stls_is_there(self) -> None:
        wire = Scene().greeted(tls=False)
        wire.send(b"CAPA\r\n")
        self.assertIn(b"\r\nSTLS\r\n", wire.read())
        wire.send(b"STLS\r\n")
        self.assertEqual((wire.read(), len(wire.secured)), (b"+OK Begin TLS\r\n", 1))

    def test_sasl_is_not_for_cram_alone(self) -> None:
        for dialogue in (
            b"AUTH PLAIN\r\nAGFubgBzZWMgcmV0IA==\r\n",
            b"AUTH LOGIN\r\nYW5u\r\nc2VjIHJldCA=\r\n",
            b"AUTH LOGIN YW5u\r\nc2VjIHJldCA=\r\n",
        ):
            wire = Scene().greeted()
            wire.send(b"AUTH PLAIN =\r\n" + dialogue + b"STAT\r\n")
            self.assertTrue(wire.read().endswith(b"\r\n+OK Logged in\r\n+OK 3 140\r\n"), dialogue)

    def test_sasl_takes_an_initial_response_and_a_star(self) -> None:
        wire = Scene().greeted()
        wire.send(b"AUTH PLAIN\r\n*\r\nAUTH PLAIN AGFubgBzZWMgcmV0IA==\r\n")
        self.assertEqual(wire.read(), b"+ \r\n-ERR Authentication cancelled\r\n+OK Logged in\r\n")

    def test_resp_codes_are_told_and_used(self) -> None:
        wire = Scene().greeted()
        wire.send(b"CAPA\r\nUSER ann\r\nPASS x\r\n")
        answer = wire.read()
        self.assertIn(b"\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\n", answer)
        self.assertIn(b"-ERR [AUTH] ", answer)

    def test_utf8_is_there(self) -> None:
        wire = Scene(messages=(UTF8,)).greeted()
        wire.send(b"CAPA\r\nUTF8\r\n" + LOGIN + b"RETR 1\r\n")
        answer = wire.read()
        self.assertIn(b"\r\nUTF8 USER\r\n", answer)
        self.assertTrue(answer.endswith(b"\r\n+OK 109 octets\r\n" + UTF8 + b".\r\n"), answer)

    def test_lang_is_there(self) -> None:
        answer = self.answer(b"CAPA\r\nLANG\r\nLANG en\r\n")
        self.assertIn(b"\r\nLANG\r\n", answer)
        self.assertIn(b"\r\nen English\r\n", answer)
        self.assertTrue(answer.endswith(b"\r\n+OK en Language changed\r\n"), answer)

    def test_expire_and_login_delay_are_told_where_they_are_true(self) -> None:
        self.assertIn(b"\r\nEXPIRE NEVER\r\n", self.answer(b"CAPA\r\n", retention=math.inf))
        told = self.answer(b"CAPA\r\n", retention=36 * 3600.0, delays=Delays(0.5))
        self.assertIn(b"\r\nEXPIRE 1\r\n", told)
        self.assertIn(b"\r\nLOGIN-DELAY 1\r\n", told)
        told = self.answer(b"CAPA\r\n")
        for token in (b"EXPIRE", b"LOGIN-DELAY"):
            self.assertNotIn(token, told)

    def test_uidl_of_one_message_tells_its_number(self) -> None:
        self.assertEqual(self.answer(b"UIDL 1\r\n", messages=(b"x",)), b"+OK 1 1800000000.1\r\n")

    def test_top_of_a_chunk_without_a_newline_is_not_cut_short(self) -> None:
        body = b"x" * (3 * CHUNK) + b"\r\nsecond\r\nthird\r\n"
        answer = self.answer(b"TOP 1 2\r\n", messages=(b"S: long\r\n\r\n" + body,))
        self.assertTrue(answer.endswith(b"x\r\nsecond\r\n.\r\n"))
        self.assertEqual(answer.count(b"x"), 3 * CHUNK)

    def test_a_header_longer_than_a_chunk_is_told_whole_by_top(self) -> None:
        head = b"X: " + b"y" * (2 * CHUNK) + b"\r\n\r\n"
        self.assertEqual(
            self.answer(b"TOP 1 0\r\n", messages=(head + b"body\r\n",)),
            b"+OK Top of message follows\r\n" + head + b".\r\n",
        )

    def test_a_dot_at_the_border_of_a_chunk_ends_nothing(self) -> None:
        for shift in range(-4, 5):
            head = b"x" * (CHUNK - 2 + shift) + b"\r\n"
            message = head + b".\r\nDELE 1\r\n"
            answer = self.answer(b"RETR 1\r\n", messages=(message,))
            wanted = b"+OK %d octets\r\n" % len(message) + head + b"..\r\nDELE 1\r\n.\r\n"
            self.assertEqual(answer, wanted, shift)

    def test_line_ends_are_sent_as_they_are_stored(self) -> None:
        answer = self.answer(b"RETR 1\r\n", messages=(b"a\r\nb\r\n",))
        self.assertEqual(answer, b"+OK 6 octets\r\na\r\nb\r\n.\r\n")

    def test_nothing_that_a_stranger_says_raises(self) -> None:
        scene = Scene()
        for line in (
            b"USER",
            b"APOP x",
            b"AUTH a b",
            b"DELE x",
            b"AUTH\xff",
            b"\xff",
            b"",
            b"RETR",
            b"TOP x",
        ):
            wire = scene.greeted()
            wire.send(line + b"\r\n")
            self.assertRegex(wire.read(), rb"\A-ERR [ -~]+\r\n\Z", line)
            self.assertFalse(wire.disconnecting)

    def test_quit_is_answered_when_the_deletions_are_done(self) -> None:
        scene = Scene()
        wire = scene.logged_in()
        wire.send(b"DELE 1\r\nDELE 3\r\n")
        wire.read()
        self.assertEqual(scene.uids(), [1, 2, 3])
        wire.send(b"QUIT\r\n")
        self.assertEqual((wire.read(), scene.uids()), (b"+OK Bye\r\n", [2]))

    def test_a_quit_that_removed_less_says_so(self) -> None:
        scene = Scene()

        async def remove(box: object, uids: object) -> list[int]:
            return []

        self.patch(MemoryMailbox, "remove", remove)
        wire = scene.logged_in()
        wire.send(b"DELE 1\r\nQUIT\r\n")
        self.assertTrue(
            wire.read().endswith(b"\r\n-ERR [SYS/TEMP] Some deleted messages were not removed\r\n")
        )
        self.assertTrue(wire.disconnecting)

    def test_who_leaves_without_quit_has_deleted_nothing(self) -> None:
        scene = Scene()
        wire = scene.logged_in()
        wire.send(b"DELE 1\r\n")
        wire.hang_up()
        self.assertEqual(scene.uids(), [1, 2, 3])

    def test_the_maildrop_is_locked(self) -> None:
        scene = Scene()
        scene.logged_in()
        other = scene.greeted()
        other.send(b"USER ann\r\nPASS sec ret \r\n")
        self.assertEqual(other.read(), b"+OK Send PASS\r\n-ERR [IN-USE] The mailbox is in use\r\n")

    def test_a_password_in_clear_is_refused(self) -> None:
        scene = Scene()
        wire = scene.greeted(tls=False)
        wire.send(b"USER ann\r\nPASS sec ret \r\n")
        self.assertEqual(wire.read(), b"-ERR [AUTH] TLS required\r\n" * 2)
        self.assertEqual(scene.checker.requests, [])
