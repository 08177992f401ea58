"""Logins by an access token: whose it is, whether it is enough, and what it costs when it is wrong."""

from dataclasses import replace
from math import inf
from typing import Any

from mailtwist.auth.api import Accepted, Bearer, EncryptionRequired, LoginRefused, LoginUnavailable, Person
from mailtwist.auth.explaining import steps
from mailtwist.config.limits import LimitsSettings
from mailtwist.config.rate import Rate
from mailtwist.kit.spawn import started
from mailtwist.state.records import Ban
from mailtwist.testing.directory import MemoryDirectory
from tests.auth.house import AWAY, NAME, PASSWORD, House
from tests.auth.test_behind import Backend

TOKEN, OVER, HERS, ALIEN = b"a.right.token", b"a.token.of.before", b"a.token.of.zoe", b"a.token.of.nobody"
ZOE = "zoe@example.org"


class Issuer(MemoryDirectory):
    """Knows nobody by a password; `tokens` are what it takes."""

    def __init__(self) -> None:
        super().__init__()
        self.tokens: dict[bytes, Bearer] = {}
        self.names: list[str] = []
        self.away = False

    async def bearer(self, name: str, token: bytes) -> Bearer | None:
        self.names.append(name)
        if self.away:
            raise LoginUnavailable("away")
        return self.tokens.get(token)


class BearerHouse(House):
    def setUp(self) -> None:
        self.issuer = Issuer()
        super().setUp()

    def build(self, **how: Any) -> None:
        people = MemoryDirectory()
        how.setdefault("directories", {"people": people, "issuer": self.issuer})
        super().build(**how)
        self.people = people
        self.people.add(NAME, PASSWORD, "a1")
        self.people.add(ZOE, b"other", "z1")
        now = self.clock.now()
        for token, name, expires in ((TOKEN, NAME, now + 3600), (OVER, NAME, now), (HERS, ZOE, inf)):
            self.issuer.tokens[token] = Bearer(Person("?", name), True, expires)

    def comes(self, token: bytes, user: str = NAME, **more: Any) -> Accepted:
        return self.accepted(token, user=user, bearer=True, **more)

    def fails(self, token: bytes, user: str = NAME, **more: Any) -> str:
        return self.refused(token, user=user, bearer=True, **more)

    def without_factor(self) -> None:
        self.issuer.tokens[TOKEN] = replace(self.issuer.tokens[TOKEN], factor=False)


class WhoseItIs(BearerHouse):
    def test_the_account_is_that_of_a_login_by_password(self) -> None:
        by_token = self.comes(TOKEN)
        by_password = self.accepted(self.right())
        self.assertEqual((by_token.account, by_token.name), (by_password.account, by_password.name))
        self.assertEqual((by_token.password, by_token.device, by_token.until), (b"", "", 0.0))

    def test_the_name_may_come_with_the_token_alone(self) -> None:
        self.assertEqual(self.comes(TOKEN, "").account, "a1")
        self.assertEqual(self.comes(HERS, "").account, "z1")
        self.assertEqual(self.issuer.names, ["", ""])

    def test_a_name_is_canonical_before_anybody_hears_it(self) -> None:
        self.assertEqual(self.comes(TOKEN, "ANN@Example.ORG").account, "a1")
        self.assertEqual(self.issuer.names, [NAME])

    def test_somebody_elses_token_is_wrong(self) -> None:
        self.assertEqual(self.fails(HERS), "others-token")
        self.assertEqual(self.fails(TOKEN, ZOE), "others-token")

    def test_a_stranger_is_refused_like_anybody_after_the_same_question(self) -> None:
        self.assertEqual(self.fails(TOKEN, "nobody@example.org"), "unknown")
        self.assertEqual(self.fails(ALIEN, "nobody@example.org"), "unknown")
        self.assertEqual(len(self.issuer.names), 2)

    def test_a_person_whom_only_the_issuer_knows_has_to_be_known_by_some_directory(self) -> None:
        self.issuer.tokens[ALIEN] = Bearer(Person("?", "new@example.org"), True, inf)
        self.assertEqual(self.fails(ALIEN, ""), "unknown")
        self.issuer.add("new@example.org", b"", "n1")
        self.clock.advance(61)
        self.assertEqual(self.comes(ALIEN, "").account, "n1")

    def test_who_is_disabled_is(self) -> None:
        self.people.add(NAME, PASSWORD, "a1", enabled=False)
        for user in (NAME, ""):
            self.assertEqual(self.fails(TOKEN, user), "disabled")

    def test_the_first_issuer_that_knows_a_token_decides_and_one_that_is_away_only_if_none_does(self) -> None:
        absent, other = Issuer(), Issuer()
        absent.away = True
        self.build(directories={"people": self.people, "absent": absent, "other": other})
        self.people.add(NAME, PASSWORD, "a1")
        other.tokens[TOKEN] = Bearer(Person("?", NAME), True, inf)
        people = self.assembly.parts("directory")["people"]
        people.add(NAME, PASSWORD, "a1")
        self.assertEqual(self.comes(TOKEN).account, "a1")
        self.unavailable(ALIEN, bearer=True)


class WhetherItIsEnough(BearerHouse):
    def test_it_stands_for_both_factors_where_the_issuer_says_so(self) -> None:
        accepted = self.comes(TOKEN)
        self.assertEqual(accepted.account, "a1")
        (told,) = self.told("login.accepted")
        self.assertEqual((told["how"], told["factor"], told["rule"]), ("token", "token", "login"))

    def test_without_that_a_code_is_missing(self) -> None:
        self.without_factor()
        self.assertEqual(self.fails(TOKEN), "token-without-factor")

    def test_where_none_is_needed_it_is_like_a_password_alone(self) -> None:
        self.build(enrolled=False, factor="optional")
        self.without_factor()
        self.assertEqual(self.comes(TOKEN).account, "a1")

    def test_who_has_enrolled_needs_one_all_the_same(self) -> None:
        self.build(factor="optional")
        self.without_factor()
        self.assertEqual(self.fails(TOKEN), "token-without-factor")

    def test_nothing_is_remembered_of_it(self) -> None:
        self.comes(TOKEN)
        self.assertEqual(self.successResultOf(started(self.durable.devices("a1"))), [])

    def test_a_code_behind_it_means_nothing(self) -> None:
        self.without_factor()
        self.assertEqual(self.fails(TOKEN + b"@" + self.code().encode()), "bad-token")
        self.assertEqual(self.totp.asked, [])

    def test_a_token_is_no_password_and_a_password_no_token(self) -> None:
        self.assertEqual(self.refused(TOKEN), "no-code")
        self.assertEqual(self.fails(self.right()), "bad-token")

    def test_in_clear_it_is_not_looked_at_wherever_it_comes_from(self) -> None:
        request = replace(self.request(TOKEN, bearer=True), tls=False, trusted=True)
        self.failureResultOf(started(self.decision.decide(request)), EncryptionRequired)
        self.assertEqual(self.issuer.names, [])

    def test_the_session_ends_with_it_where_that_is_wanted(self) -> None:
        self.issuer.tokens[TOKEN] = replace(self.issuer.tokens[TOKEN], ends=True)
        self.assertEqual(self.comes(TOKEN).until, self.issuer.tokens[TOKEN].expires)

    def test_a_long_one_is_looked_at_and_one_that_is_longer_is_not(self) -> None:
        token = b"x" * 9216
        self.issuer.tokens[token] = self.issuer.tokens[TOKEN]
        self.assertEqual(self.comes(token).account, "a1")
        self.assertEqual(self.fails(token + b"x"), "bad-octets")

    def test_the_owner_is_told_of_a_new_network(self) -> None:
        for user in (NAME, NAME, "", ""):
            self.comes(TOKEN, user, address=AWAY)
            self.clock.advance(5)
        now = self.clock.now()
        notices = self.successResultOf(started(self.durable.notices(now + 1, now + 2, 100)))
        self.assertEqual([one.kind for one in notices], ["new-network"])

    def test_explain_has_words_for_it(self) -> None:
        self.comes(TOKEN)
        self.clock.advance(5)
        (record,) = self.successResultOf(started(self.durable.history("a1", 10)))
        self.assertIn("An access token was right", " ".join(step.words for step in steps(record)))


class WhatItCosts(BearerHouse):
    FEW = LimitsSettings(token=Rate(3, 3600), account_address=Rate(1000, 60), address=Rate(1000, 60))

    def test_the_same_wrong_one_is_one_guess_however_often_it_comes(self) -> None:
        self.build(once=[self.FEW])
        for _ in range(10):
            self.assertIn(self.fails(ALIEN), ("bad-token", "refused-before"))
            self.clock.advance(40)
        self.assertEqual(self.comes(TOKEN).account, "a1")
        counted = [one["counted"] for one in self.told("login.refused")]
        self.assertEqual(counted.count(True), 1)

    def test_it_is_looked_at_again_after_a_minute(self) -> None:
        self.assertEqual(self.fails(ALIEN), "bad-token")
        self.assertEqual(self.fails(ALIEN), "refused-before")
        self.issuer.tokens[ALIEN] = self.issuer.tokens[TOKEN]
        self.clock.advance(60)
        self.assertEqual(self.comes(ALIEN).account, "a1")

    def test_one_that_is_over_is_no_guess(self) -> None:
        self.build(once=[self.FEW])
        for number in range(20):
            token = OVER + b"%d" % number
            self.issuer.tokens[token] = self.issuer.tokens[OVER]
            self.assertEqual(self.fails(token), "expired-token")
        self.assertEqual(self.comes(TOKEN).account, "a1")
        self.assertEqual({one["counted"] for one in self.told("login.refused")}, {False})

    def test_wrong_ones_use_up_a_budget_of_their_own(self) -> None:
        self.build(once=[self.FEW])
        for number in range(3):
            self.assertEqual(self.fails(b"wrong%d" % number), "bad-token")
        self.unavailable(TOKEN, bearer=True)
        self.assertEqual(self.accepted(self.right()).account, "a1")

    def test_wrong_ones_without_a_name_cost_their_address(self) -> None:
        self.build(once=[LimitsSettings(address=Rate(3, 900))])
        for number in range(3):
            self.assertEqual(self.fails(b"wrong%d" % number, ""), "bad-token")
        self.unavailable(TOKEN, bearer=True)
        self.assertEqual(self.comes(TOKEN, address=AWAY).account, "a1")

    def test_an_issuer_that_is_away_is_temporary_trouble_and_no_guess(self) -> None:
        self.build(once=[self.FEW])
        self.issuer.away = True
        for number in range(10):
            self.unavailable(b"any%d" % number, bearer=True)
        self.issuer.away = False
        self.assertEqual(self.comes(TOKEN).account, "a1")

    def test_a_program_of_somebody_who_is_disabled_costs_nobody_anything(self) -> None:
        self.build(once=[LimitsSettings(token=Rate(3, 3600), address=Rate(3, 900))])
        self.people.add(NAME, PASSWORD, "a1", enabled=False)
        for _ in range(10):
            for user in (NAME, ""):
                self.assertEqual(self.fails(TOKEN, user), "disabled")
        self.assertEqual(self.comes(HERS, ZOE).account, "z1")

    def test_a_ban_holds_for_tokens_with_and_without_a_name(self) -> None:
        work = self.durable.ban(Ban("account a1", "by hand", self.clock.now() + 3600))
        self.successResultOf(started(work))
        for user in (NAME, ""):
            self.unavailable(TOKEN, user=user, bearer=True)


class Behind(BearerHouse):
    """What a server behind us makes of it."""

    def test_it_is_opened_without_a_password(self) -> None:
        backend = Backend(b"")
        self.assertEqual(self.comes(TOKEN, behind=backend).account, "a1")
        (asked,) = backend.asked
        self.assertEqual((asked.password, asked.vault, asked.account), (b"", False, "a1"))

    def test_one_that_wants_a_password_refuses(self) -> None:
        backend = Backend(b"a password")
        backend.raises = LoginRefused("no-vault")
        self.assertEqual(self.fails(TOKEN, behind=backend), "no-vault")

    def test_nobody_is_asked_behind_before_the_token_is_right(self) -> None:
        backend = Backend(b"")
        for token in (ALIEN, OVER, HERS):
            self.fails(token, behind=backend)
        self.assertEqual(backend.asked, [])

    def test_one_that_is_away_is_temporary_trouble(self) -> None:
        backend = Backend(b"")
        backend.raises = LoginUnavailable("away")
        self.unavailable(TOKEN, bearer=True, behind=backend)
