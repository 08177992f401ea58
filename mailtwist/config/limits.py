"""The section [limits]: how many wrong logins there may be, for all services together."""

from dataclasses import dataclass
from typing import Annotated

from mailtwist.config.rate import Rate
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, Names

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True)
class LimitsSettings:
    """How many wrong logins there may be, for all services together; beyond that the answer is a temporary
    one. What a mail program has saved (a remembered string, an app password) is not limited where it was used
    last. The section may be left out."""

    address: Rate = setting(
        Rate(20, 15 * MINUTE),
        words="Wrong secrets from one IPv4 address or IPv6 /64, for all accounts together.",
    )
    address_long: Rate = setting(
        Rate(100, DAY), words="The same over a longer time, against those who are patient."
    )
    network: Rate = setting(
        Rate(30, HOUR),
        words="Accounts with wrong secrets from one IPv4 /24 or IPv6 /48; logins from where the account was"
        " before are not counted.",
    )
    account_address: Rate = setting(
        Rate(6, 15 * MINUTE),
        words="Wrong secrets for one account from one address from which it was never used.",
    )
    account: Rate = setting(
        Rate(20, HOUR),
        words="Wrong secrets for one account from all addresses together from which it was never used.",
    )
    account_long: Rate = setting(
        Rate(100, 30 * DAY),
        words="The same over a long time. Beyond that a login from a new place needs a device code: this is"
        " what keeps whoever knows the password from guessing the code in the end.",
    )
    known: Rate = setting(
        Rate(30, HOUR), words="Wrong secrets for one account from networks from which it was used before."
    )
    known_long: Rate = setting(
        Rate(100, 30 * DAY),
        words="The same over a long time. So many different ones are looked up in a network, too;"
        " beyond that a saved `password@123456` works there at its last address only, and is not guessed.",
    )
    device_code: Rate = setting(
        Rate(300, HOUR),
        words="Wrong device codes for one account. They cannot be guessed; this bounds the work.",
    )
    recovery: Rate = setting(Rate(100, HOUR), words="Wrong recovery codes for one account.")
    token: Rate = setting(
        Rate(100, HOUR),
        words="Wrong access tokens for one account. They cannot be guessed; this bounds the work.",
    )
    approval: Rate = setting(
        Rate(20, DAY),
        words="Wrong passwords for one account where a password alone leads to a prompt on its owner's phone:"
        " the directory is asked about these without a code. They are counted apart from all others, so"
        " that nobody is kept from logging in with a code by them.",
    )
    prompts: Rate = setting(
        Rate(5, 10 * MINUTE),
        words="Prompts on the phone of one person, for a login with the right password, that were not"
        " answered by yes.",
    )
    prompts_long: Rate = setting(
        Rate(20, DAY), words="The same over a longer time. Codes work on, whatever became of prompts."
    )
    spray: Rate = setting(
        Rate(10, HOUR),
        words="Accounts for which one and the same password was tried in vain, from new places; from then on"
        " it is called hot, and costs more.",
    )
    spray_cost: Annotated[int, AtLeast(1), AtMost(1000)] = setting(
        10, words="As how many wrong secrets of its address and network one with a hot password counts."
    )
    alarm: Annotated[int, AtLeast(2), AtMost(1000)] = setting(
        5,
        words="How many times the failures of a usual minute (of the last 7 days) are an attack: it is told"
        " in the log, and new places have half the limits while it lasts.",
    )
    alarm_least: Annotated[int, AtLeast(1)] = setting(
        60, words="Failures in a minute that are never an attack, however quiet it was before."
    )
    in_flight: Annotated[int, AtLeast(1), AtMost(1000)] = setting(
        20, words="Logins of one address that are decided at the same time; others wait in line."
    )
    waiting: Annotated[int, AtLeast(0), AtMost(10_000)] = setting(500, words="How many may wait in one line.")
    longest_wait: Annotated[Duration, AtMost(8, "mail servers that ask us wait no longer")] = setting(
        Duration(8), words="How long one waits in line before it is told to come back later."
    )
    honeypots: Names = setting(
        Names(("admin", "administrator", "root", "test", "guest")),
        words="Names that only attackers try; those without a domain count in each. Names that somebody has"
        " are none.",
    )
    honeypot_cost: Annotated[int, AtLeast(1), AtMost(1000)] = setting(
        5, words="As how many wrong secrets of its address a try of such a name counts."
    )
