"""Hashes that other programs made."""

import subprocess

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.directories.hashes import UselessHash, verified, verifier

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
    ("{PLAIN}" + SECRET, SECRET),
    (
        "{ARGON2I}$argon2i$v=19$m=32768,t=4,p=1$0QsYJE7Qs+l6dGN1krDzRw$j6nA8vmFuXVwVQVkYAiWct2u9vW5Pfjqtyw6yH2tLI0",
        SECRET,
    ),
)
USELESS = (
    ("", "there is no password"),
    ("{PLAIN}", "there is no password"),
    ("secret", "plain text is written {PLAIN}"),
    ("abJnggxhB/yWI", "too weak"),
    ("$1$adg5fZ//$/d5Csy0cvDPpXEtGxhj6n1", "too weak"),
    ("$apr1$WUoXlqUf$MYKD90G.VGBu/xmkyaU9y.", "too weak"),
    ("{SHA}axMDDOr6I42PVFBINF1FzhYbEas=", "{SHA} is not known here; known are: ARGON2I"),
    ("{MD5-CRYPT}$1$adg5fZ//$/d5Csy0cvDPpXEtGxhj6n1", "not known here"),
    ("{CRYPT}abJnggxhB/yWI", "no whole hash"),
    ("$6$saltstring$svn8UoSVapNtMuq1ukKS4t", "no whole hash"),
    ("$5$rounds=99999999$saltstring$5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5", "cost"),
    ("$2y$31$FE./NiH.dOSo..LRpq.iRefjSJZ/9Lr1g2DDrdsGcefH5VlrTEg6G", "cost"),
    ("{SSHA}axMDDOr6I42PVFBINF1FzhYbEas=", "no salt"),
    ("{SSHA}!!", "no base64"),
    ("{PBKDF2}$1$salt$0$c4893b6f466c1c999de4cc006839632508a91a61", "cannot be meant"),
    ("{PBKDF2}$1$salt$99999999$c4893b6f466c1c999de4cc006839632508a91a61", "cannot be meant"),
    ("{PBKDF2}nothing", "no hash of PBKDF2"),
    ("$argon2id$", "no hash of argon2"),
    ("$argon2id$v=19$m=8388608,t=1,p=1$c29tZXNhbHQ$c29tZWhhc2hzb21laGFzaA", "cost"),
    ("$argon2id$v=19$m=64,t=100000,p=1$c29tZXNhbHQ$c29tZWhhc2hzb21laGFzaA", "cost"),
    ("$y$jMT$abcdefgh$IUWJt2doU4Kf6E/JP1UkAT3S5O3Q7SSA8SJirXIlEu9", "cost"),
    ("$y$j9zz$abcdefgh$IUWJt2doU4Kf6E/JP1UkAT3S5O3Q7SSA8SJirXIlEu9", "cost"),
)


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

    def test_hashes_that_dovecot_makes(self) -> None:
        for scheme in ("ARGON2ID", "SHA256-CRYPT", "SHA512-CRYPT", "BLF-CRYPT", "SSHA", "SSHA512", "PBKDF2"):
            made = subprocess.run(
                ["doveadm", "pw", "-s", scheme, "-p", SECRET], capture_output=True, check=True
            )
            stored = made.stdout.decode().strip()
            self.assertIs(verified(stored, SECRET.encode()), True, stored)
            self.assertIs(verified(stored, b"secret"), False, stored)
