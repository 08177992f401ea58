"""Defects of what is done with a name, a password, a code: nothing is cut, guessed at, or shown around."""

import hmac

from mailtwist.auth.directories.cred import checker_of
from mailtwist.config.values import Hostname
from mailtwist.kit.spawn import started
from mailtwist.testing.factor import about
from tests.auth.house import AWAY, NAME, House

DOMAIN = "bugaosuni.com"


class InputDefects(House):
    def test_defect_17_no_empty_password_is_left_over(self) -> None:
        """Not of a string that passed before its account had a code, nor of nothing but a code."""
        self.build(enrolled=False, factor="optional")
        self.accepted(b"nothing to split", user=self.known(b"nothing to split"))
        self.enroll()
        code = self.code().encode()
        for secret in (b"@" + code, b"@", b"@@" + code[:5], b"nothing to split"):
            self.assertIn(self.refused(secret), ("no-code", "no-password"))
        self.assertEqual([password for _, password in self.directory.asked], [b"nothing to split"])

    def known(self, password: bytes) -> str:
        self.directory.add(NAME, password, "a1")
        return NAME

    def test_defect_23_the_end_of_a_password_is_nobodys_code(self) -> None:
        """Who forgets the code, and has the separator in the password: nothing of it goes anywhere."""
        for password in (b"Sup3r@Secret", b"a@12345", b"a@1234567", b"a@123456x", b"a@1234 56"):
            self.directory.add(NAME, password, "a1")
            self.assertEqual(self.refused(password, AWAY), "no-code")
        self.assertEqual((self.totp.asked, self.directory.asked), ([], []))

    def test_defect_30_passwords_arrive_octet_by_octet(self) -> None:
        for password in (
            b"a b",
            b"100%",
            b"%20",
            b"%25%0d%0a",
            b"+",
            b"&code=1",
            b"#",
            b"?",
            b"{key}",
            b"\\",
        ):
            self.directory.add(NAME, password, "a1")
            self.clock.advance(30)
            self.accepted(password + b"@" + self.code().encode())
            self.assertEqual(self.directory.asked[-1], (NAME, password))

    def test_defect_31_a_domain_is_cut_off_nowhere(self) -> None:
        """Names that only begin, or end, like ours are somebody else's."""
        self.build(default_domain=Hostname(DOMAIN), enrolled=False, factor="optional")
        accounts = {}
        for name in (
            *(f"alice@{DOMAIN}m", f"x@{DOMAIN}.evil", f"al@{DOMAIN[:-1]}ice", f"alice@{DOMAIN}"),
            *("alicem@bugaosuni.com", "x.evil@bugaosuni.com", "bob@example.org", f"alice@x.{DOMAIN}"),
        ):
            self.directory.add(name, name.encode(), f"id of {name}")
            accounts[name] = self.accepted(name.encode(), user=name).account
        self.assertEqual(accounts, {name: f"id of {name}" for name in accounts})
        for spelled in ("alice", "ALICE", "CORP\\alice", f"alice@{DOMAIN.upper()}", f"Alice@{DOMAIN}."):
            self.assertEqual(
                self.accepted(b"alice@" + DOMAIN.encode(), user=spelled).account, f"id of alice@{DOMAIN}"
            )

    def test_defect_31_who_spells_a_name_in_many_ways_guesses_no_more(self) -> None:
        self.build(default_domain=Hostname("example.org"))
        spelled = ["ann", "ANN", "CORP\\Ann", "X\\ann@example.org", "Ann@EXAMPLE.ORG", "ann@example.org."]
        wide = "".join(chr(ord(letter) + 0xFEE0) for letter in "ann")
        for n in range(40):
            user = [*spelled, wide][n % 7]
            waiting = self.begin(b"guess@%06d" % n, AWAY, user)
            waiting.addErrback(lambda failure: None)
            self.clock.advance(2)
        self.assertEqual(len(self.totp.asked), 6)

    def test_defect_33_what_hides_the_password_is_no_login(self) -> None:
        """A digest or a certificate is not taken for a password: a checker of those alone is refused."""
        with self.assertRaisesRegex(ValueError, "IUsernamePassword"):
            checker_of("tests.auth.directories.test_cred:ChallengesOnly")

    def test_defect_36_a_fault_is_a_temporary_answer_and_a_line_in_the_log(self) -> None:
        async def fails(*_: object) -> None:
            raise ZeroDivisionError

        for part, method in ((self.directory, "find"), (self.totp, "verify"), (self.durable, "last_step")):
            kept = getattr(part, method)
            setattr(part, method, fails)
            self.unavailable(self.right())
            setattr(part, method, kept)
            self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.accepted(self.right())

    def test_defect_37_a_name_that_nobody_has_costs_what_a_real_one_costs(self) -> None:
        """The same questions, the same limits; the log knows which was which."""
        asked = {}
        for user in (NAME, "nobody@example.org"):
            self.totp.asked.clear()
            for n in range(9):
                waiting = self.begin(b"x@%06d" % n, AWAY if user == NAME else "198.18.0.1", user)
                self.clock.advance(2)
                waiting.addErrback(lambda failure: None)
            asked[user] = len(self.totp.asked)
        self.assertEqual(asked, {NAME: 6, "nobody@example.org": 6})
        self.assertEqual({line["reason"] for line in self.told("login.refused")}, {"wrong-code", "unknown"})

    def test_defect_21_all_steps_are_compared_however_soon_one_fits(self) -> None:
        compared: list[int] = []
        real = hmac.compare_digest

        def watched(first: bytes, second: bytes) -> bool:
            compared.append(1)
            return real(first, second)

        self.patch(hmac, "compare_digest", watched)
        counts = set()
        for code in (self.code(-1), self.code(0), self.code(1), "000000"):
            compared.clear()
            self.successResultOf(started(self.totp.verify(about("a1"), code)))
            counts.add(len(compared))
        self.assertEqual(len(counts), 1)
