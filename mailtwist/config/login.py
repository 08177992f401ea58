"""The section [login]: how the decision decides, for all services."""

from dataclasses import dataclass
from typing import Annotated, Literal

from mailtwist.config.domain import CODE_WORDS, DIGITS_WORDS, SEPARATOR_WORDS, Separator
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, Hostname

HOUR, DAY = 3600.0, 86400.0


@dataclass(frozen=True)
class LoginSettings:
    """Who may log in, for all services.  The section may be left out."""

    factor: Literal["required", "optional"] = setting(
        "required",
        words="Whether an account needs a second factor; with `optional`, one that has enrolled none logs in"
        " by its password alone.",
    )
    separator: Separator = setting(Separator("@"), words=SEPARATOR_WORDS)
    code: Literal["after", "before"] = setting("after", words=CODE_WORDS)
    digits: Literal[6, 8] = setting(6, words=DIGITS_WORDS)
    default_domain: Hostname | None = setting(
        None,
        words="The domain of a login name that is written without one.",
        example="example.org",
    )
    remember: Annotated[Duration, AtMost(365 * DAY, "a static suffix has a bounded life")] = setting(
        Duration(90 * DAY),
        words="How long a saved `password@code` goes on working in its network, also one that is saved"
        " already; 0 remembers nothing.",
    )
    approved: Annotated[Duration, AtMost(30 * DAY, "a password alone is no second factor")] = setting(
        Duration(12 * HOUR),
        words="How long a password alone goes on working in a network for which its owner has said yes on"
        " his phone; 0 asks him each time.",
    )
    idle: Annotated[Duration, AtLeast(HOUR)] = setting(
        Duration(30 * DAY), words="A saved `password@code` that was not used for so long is forgotten."
    )
    devices: Annotated[int, AtLeast(1), AtMost(64)] = setting(
        8, words="Saved strings per account; beyond that the one that was idle for longest is revoked."
    )
    code_strings: Literal["standard", "strict", "open"] = setting(
        "standard",
        words="Where a saved `password@123456` works: `standard` in the networks from which the account has"
        " logged in with a fresh code, `strict` only where it was saved itself, `open` everywhere.",
    )
    device_codes: Literal["open", "standard", "strict"] = setting(
        "open",
        words="The same for a saved password with a device code or a recovery code, which nobody guesses.",
    )
    app_passwords: Annotated[Duration, AtLeast(HOUR), AtMost(730 * DAY)] = setting(
        Duration(365 * DAY), words="How long an app password works at most."
    )
    app_password_idle: Annotated[Duration, AtLeast(HOUR)] = setting(
        Duration(90 * DAY), words="An app password that was not used for so long is over."
    )
    join: Annotated[Duration, AtMost(30)] = setting(
        Duration(20),
        words="How long other connections from the same address may use the code that the first one used,"
        " with the same string: mail programs open several at once.",
    )
    refusal: Annotated[Duration, AtMost(8)] = setting(
        Duration(2), words="A failed login is answered no sooner than this, whatever was wrong."
    )
    quantum: Annotated[Duration, AtLeast(0.05), AtMost(4)] = setting(
        Duration(0.5), words="After that, at the next multiple of this: time tells nothing about the reason."
    )
    directory_troubles: Annotated[int, AtLeast(1), AtMost(1000)] = setting(
        3,
        words="To how many different clients within a minute a directory may fail to answer until it is left"
        " alone for a while; whoever logs in meanwhile is told to come again.",
    )
    directory_pause: Annotated[Duration, AtLeast(0.5), AtMost(60)] = setting(
        Duration(5), words="How long it is left alone at first; doubled each time, up to a minute."
    )
