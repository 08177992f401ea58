"""Hashes that other programs made."""

from argon2 import PasswordHasher
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.directories.hashes import UselessHash, in_the_same_form, verified, verifier, weaker
from mailtwist.auth.directories.passwords import Passwords
from mailtwist.testing.clock import ManualClock
from tests.peers.programs import needs, run

SECRET = "s\N{EURO SIGN}cret"
KNOWN = (
    # the first two are those of the specification of SHA-crypt, with "Hello world!"
    ("$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"),
    (
        "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        "Hello world!",
    ),
    ("$2y$05$FE./NiH.dOSo..LRpq.iRefjSJZ/9Lr1g2DDrdsGcefH5VlrTEg6G", SECRET),
    ("{BLF-CRYPT}$2y$05$FE./NiH.dOSo..LRpq.iRefjSJZ/9Lr1g2DDrdsGcefH5VlrTEg6G", SECRET),
    ("{CRYPT}$y$j9T$abcdefgh$IUWJt2doU4Kf6E/JP1UkAT3S5O3Q7SSA8SJirXIlEu9", "secret"),
    ("{SSHA}8ClNzKi3mOQ1AVKR1c5Fd2L24sdQ+MV1", SECRET),
    ("{ssha256}sOYZw/uVlMGuxWWLhl5ahsI/J1j7Jyf+tJItgVIi+7HGceEg", SECRET),
    (
        "{SSHA512}O6TzueH5kLfY5hxx/uVnj4S5y/3GYxtXBfqG68I3POM+q8rsoES0Ifm5zyDgCq06GfP6kv2RPg9EgGMhmwwNepysTp4=",
        SECRET,
    ),
    ("{PBKDF2}$1$bfFEAfXCS.Uqqdfp$5000$c4893b6f466c1c999de4cc006839632508a91a61", SECRET),
    # these three were made by libpass 1.9.4
    ("$pbkdf2-sha256$100$X.udc25N6f2/t7Z2zplzjg$4Ix5kF06jGpkqfWVQYTUFvFZKFr5LhX0U1P.skQ5vIA", SECRET),
    (
        "$pbkdf2-sha512$100$UMrZ./9/7/1fi1GK8b73ng$"
        "ZLM0HIDzNDoHQQBF4Sy2r9Nyd8r31igRWsd7jIqljIE/CCwNItVdvswM4AZIh/tp4lSKzo2D4E3ib7Kr2gKZ5g",
        SECRET,
    ),
    ("$pbkdf2$100$e08JoXTuHaO01ppTSqmVUg$eiY/ObcQ44WdnCryhYnMeOWxhVA", SECRET),
    # by libpass too, which has Django's
    ("$scrypt$ln=4,r=8,p=1$8x7DOMcYYywF4DynNMZ4bw$prFz5GMS211MLfcjb6yxLvmyeaagZdRo9oIK/HcJJzM", SECRET),
    ("pbkdf2_sha256$1000$salt$aAXRvkM9sliRJYI+OYTQViwG7pE+Ks9qhPJrRRjbhVc=", SECRET),
    ("pbkdf2_sha1$1000$salt$XQWQxom5iDLXzAoa8pOEk9dKrgU=", SECRET),
    # by perl's crypt
    ("$7$56..../....salt$4HpEu8QSj6v7dMquJr4CaRDWDn9OrHAjIkznNwJHDNA", SECRET),
    ("{PLAIN}" + SECRET, SECRET),
    ("{CLEARTEXT}" + SECRET, SECRET),
    ("{CLEAR}" + SECRET, SECRET),
    ("{SHA256-CRYPT}$5$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "Hello world!"),
    (
        "{SHA512-CRYPT}$6$saltstring$"
        "svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
        "Hello world!",
    ),
    (
        "argon2$argon2i$v=19$m=32768,t=4,p=1$0QsYJE7Qs+l6dGN1krDzRw$j6nA8vmFuXVwVQVkYAiWct2u9vW5Pfjqtyw6yH2tLI0",
        SECRET,
    ),
    ("{PLAIN.b64}c+KCrGNyZXQ=", SECRET),
    ("{plain.HEX}73e282ac63726574", SECRET),
    (
        "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$0QsYJE7Qs+l6dGN1krDzRw$j6nA8vmFuXVwVQVkYAiWct2u9vW5Pfjqtyw6yH2tLI0",
        SECRET,
    ),
)
WEAK = (
    ("$1$JYLKT68W$Xvtzrb7bZ.NqHEz1lPOFd0", "x"),
    ("{CRYPT}$1$JYLKT68W$Xvtzrb7bZ.NqHEz1lPOFd0", "x"),
    ("$apr1$YkOFiOJ9$K6CVug7QYqTOg9ove9djg1", SECRET),
    ("{SMD5}RuBUYSFdq4k203MP44dAMVR0OPA=", "x"),
    ("{SHA}EfatjsUqKYSrqv18O1FlA3hcIHI=", "x"),
    ("{SHA256}LXEWQrcmsEQBYnyp+6wy9chTD7GQPMTbAiWHF5IaSIE=", "x"),
    ("{SHA1}EfatjsUqKYSrqv18O1FlA3hcIHI=", "x"),
    (
        "{SHA512.hex}a4abd4448c49562d828115d13a1fccea927f52b4d5459297f8b43e42da89238b"
        "c13626e43dcb38ddb082488927ec904fb42057443983e88585179d50551afe62",
        "x",
    ),
    ("{MD5}$1$JYLKT68W$Xvtzrb7bZ.NqHEz1lPOFd0", "x"),
    ("{LDAP-MD5}ndTkYSaMgDT1yFZOFVxnpg==", "x"),
    ("{PLAIN-MD5}9dd4e461268c8034f5c8564e155c67a6", "x"),
)
USELESS = (
    ("", "there is no password"),
    ("{PLAIN}", "there is no password"),
    ("secret", "plain text is written {PLAIN}"),
    ("abJnggxhB/yWI", "too weak"),
    ("$1$adg5fZ//$/d5Csy0cvDPpXEtGxhj6n1", "too weak"),
    ("$apr1$WUoXlqUf$MYKD90G.VGBu/xmkyaU9y.", "too weak"),
    ("{SHA}axMDDOr6I42PVFBINF1FzhYbEas=", "{SHA} is too weak"),
    ("{NTLM}31d6cfe0d16ae931b73c59d7e0c089c0", "{NTLM} is not known here; known are: ARGON2"),
    ("{SSHA.rot13}8ClNzKi3mOQ1AVKR1c5Fd2L24sdQ", "another encoding"),
    ("{SSHA.hex}8ClNzKi3mOQ1AVKR1c5Fd2L24sdQ", 'no "hex"'),
    ("{SHA512-CRYPT.b64}/////w==", 'no "b64"'),
    ("{CRYPT}$1$adg5fZ//$/d5Csy0cvDPpXEtGxhj6n1", "too weak"),
    ("{MD5-CRYPT}$1$adg5fZ//$/d5Csy0cvDPpXEtGxhj6n1", "too weak"),
    ("{CRYPT}abJnggxhB/yWI", "no whole hash"),
    ("$6$saltstring$svn8UoSVapNtMuq1ukKS4t", "no whole hash"),
    ("$5$rounds=99999999$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "cost"),
    ("$2y$31$FE./NiH.dOSo..LRpq.iRefjSJZ/9Lr1g2DDrdsGcefH5VlrTEg6G", "cost"),
    ("{SSHA}axMDDOr6I42PVFBINF1FzhYbEas=", "no salt"),
    ("{SSHA}!!", "no base64"),
    ("{PBKDF2}$1$salt$0$c4893b6f466c1c999de4cc006839632508a91a61", "cannot be meant"),
    ("{PBKDF2}$1$salt$99999999$c4893b6f466c1c999de4cc006839632508a91a61", "cannot be meant"),
    ("{PBKDF2}nothing", "no hash of PBKDF2"),
    ("pbkdf2_sha256$99999999$salt$aAXRvkM9sliRJYI+OYTQViwG7pE+Ks9qhPJrRRjbhVc=", "cannot be meant"),
    ("pbkdf2_sha256$1000$salt$aAXRvkM9sliRJYI+OYTQViwG", "cut off"),
    ("$scrypt$ln=40,r=8,p=1$8x7DOMcYYywF4DynNMZ4bw$prFz5GMS211MLfcjb6yxLvmyeaagZdRo9oIK/HcJJzM", "cost"),
    ("$scrypt$ln=16,r=8,p=999$8x7DOMcYYywF4DynNMZ4bw$prFz5GMS211MLfcjb6yxLvmyeaagZdRo9oIK/HcJJzM", "cost"),
    ("$scrypt$ln=0,r=8,p=1$8x7DOMcYYywF4DynNMZ4bw$prFz5GMS211MLfcjb6yxLvmyeaagZdRo9oIK/HcJJzM", "cost"),
    ("scrypt$salt$16383$8$1$prFz5GMS211MLfcjb6yxLvmyeaagZdRo9oIK/HcJJzM=", "cost"),
    ("scrypt$salt$16384", "no hash of scrypt"),
    ("$7$zzzzzzzzzzz3MXxi2iW$3MXxi2iW5vXrch9ViE5/Nelp0RH.13gbjTgX6UKt5A4", "cost"),
    ("$7$G6..../....salt$3MXxi2iW5vXrch9ViE5", "no whole hash"),
    ("{PLAIN}" + "x" * 5000, "too long"),
    ("$argon2id$", "no hash of argon2"),
    ("$argon2id$v=19$m=8388608,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2hzb21laGFzaA", "cost"),
    ("$argon2id$v=19$m=64,t=100000,p=1$c29tZXNhbHQ$c29tZWhhc2hzb21laGFzaA", "cost"),
    ("$argon2id$v=19$m=524288,t=1,p=65$c29tZXNhbHQ$c29tZWhhc2hzb21laGFzaA", "cost"),
    ("$7$56..../....salt$" + "\u00e9" * 43, "no whole hash"),
    ("$y$jMT$abcdefgh$IUWJt2doU4Kf6E/JP1UkAT3S5O3Q7SSA8SJirXIlEu9", "cost"),
    ("$y$j9zz$abcdefgh$IUWJt2doU4Kf6E/JP1UkAT3S5O3Q7SSA8SJirXIlEu9", "cost"),
)


@needs("doveadm", "openssl")
class HashTests(SynchronousTestCase):
    def test_the_right_password_is_right_and_no_other(self) -> None:
        for stored, secret in KNOWN:
            right = secret.encode()
            verify = verifier(stored)
            self.assertIs(verify(right), True, stored)
            for other in (right + b"x", right[:-1], right.upper(), b"", right + b"\0", b"\xff" * 65536):
                self.assertIs(verify(other), False, (stored, other[:40]))

    def test_what_cannot_be_used_is_told_and_not_repeated(self) -> None:
        for stored, words in USELESS:
            with self.assertRaises(UselessHash) as useless:
                verifier(stored)
            self.assertIn(words, str(useless.exception))
            self.assertTrue(len(stored) < 10 or stored[8:] not in str(useless.exception), stored)

    def test_a_hash_of_argon2_may_turn_out_useless_when_it_is_asked(self) -> None:
        with self.assertRaises(UselessHash):
            verified("$argon2id$v=19$m=8,t=1,p=1$!$!", b"secret")

    def test_weak_ones_count_where_that_is_said(self) -> None:
        for stored, secret in WEAK:
            with self.assertRaises(UselessHash):
                verifier(stored)
            verify = verifier(stored, weak=True)
            self.assertIs(verify(secret.encode()), True, stored)
            for other in (secret.encode() + b"x", b"", b"X", secret.encode() + b"\0", b"\xff" * 65536):
                self.assertIs(verify(other), False, stored)
        for stored, words in (("abJnggxhB/yWI", "too weak"), ("{CRYPT}abJnggxhB/yWI", "no whole hash")):
            with self.assertRaises(UselessHash) as useless:
                verifier(stored, weak=True)
            self.assertIn(words, str(useless.exception))

    def test_which_hashes_protect_less_than_todays(self) -> None:
        made = PasswordHasher(time_cost=2, memory_cost=1024, parallelism=1).hash("x")
        for stored, memory, passes, worse in (
            (made, 1 << 20, 2, False),
            ("{ARGON2ID}" + made, 1 << 19, 3, False),
            (made, 1 << 20, 3, True),
            (made, 1 << 21, 2, True),
            (made.replace("argon2id", "argon2i"), 1, 1, True),
            *((stored, 1, 1, True) for stored, _ in (*KNOWN[:-1], *WEAK)),
            ("hunter2", 1, 1, True),
        ):
            self.assertIs(weaker(stored, memory, passes), worse, stored)
        self.assertEqual(in_the_same_form(made, "{SHA}x"), "{ARGON2ID}" + made)
        self.assertEqual(in_the_same_form(made, "$1$x"), made)

    def test_a_hash_that_we_did_not_make_is_outdated(self) -> None:
        passwords = Passwords(ManualClock(), 1 << 20, 2, 0)
        for stored, _ in KNOWN:
            self.assertIs(passwords.outdated(stored), True)

    def test_hashes_that_dovecot_makes(self) -> None:
        strong = (
            "ARGON2ID SHA256-CRYPT SHA512-CRYPT BLF-CRYPT SSHA SSHA512 PBKDF2 SSHA512.hex SHA512-CRYPT.b64"
        )
        weak = "SMD5 SHA SHA256.hex SHA512 MD5-CRYPT PLAIN-MD5 SHA1.b64"
        for scheme in (*strong.split(), *weak.split()):
            stored = run("doveadm", "pw", "-s", scheme, "-p", SECRET).stdout.decode().strip()
            for password, right in ((SECRET.encode(), True), (b"secret", False)):
                self.assertIs(verified(stored, password, weak=scheme in weak), right, stored)

    def test_hashes_that_openssl_makes(self) -> None:
        for option in ("-apr1", "-1", "-5", "-6"):
            for secret in ("x", SECRET, "fifteen octets.", "and more than sixteen octets of it"):
                stored = run("openssl", "passwd", option, secret).stdout.decode().strip()
                self.assertIs(verified(stored, secret.encode(), weak=True), True, stored)
                self.assertIs(verified(stored, b"secret", weak=True), False, stored)
