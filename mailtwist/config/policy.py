"""The sections [policy:...]: who needs a second factor, where, and from when on."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, ClassVar, Literal, Self

from mailtwist.config.problems import Sentence
from mailtwist.config.settings import setting
from mailtwist.config.values import AtMost, Duration, Hostnames, Names, Networks

NOT_A_DAY = Sentence("day", '"{text}" is not a day; write year, month and day: "2027-01-31"')
NOT_A_PROTOCOL = Sentence("protocol", '"{text}" is not a protocol; there are: {known}')
TWO_ENDS = Sentence("policy-ends", "`until` is not after `from`; such a rule never counts")

PROTOCOLS = ("imap", "pop3", "smtp", "sieve", "http", "other")


class Day(date):
    """A day; it begins at midnight UTC."""

    kind: ClassVar[str] = "a day"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        try:
            if len(text) != 10:  # fromisoformat knows weeks and more
                raise ValueError
            return cls.fromisoformat(text)
        except ValueError:
            raise NOT_A_DAY.wrong(text=text) from None

    @property
    def begins(self) -> float:
        """Seconds since 1970."""
        return datetime(self.year, self.month, self.day, tzinfo=UTC).timestamp()


class Protocols(Names):
    """Doors to log in at."""

    kind: ClassVar[str] = "protocols"

    @classmethod
    def parse(cls, text: str) -> Self:
        found = super().parse(text)
        for name in found:
            if name not in PROTOCOLS:
                raise NOT_A_PROTOCOL.wrong(text=name, known=", ".join(PROTOCOLS))
        return found


@dataclass(frozen=True)
class PolicySettings:
    """A rule on the second factor.  The first whose conditions all hold decides, in the order of the file;
    where none does, `factor` in [login].  Who has enrolled needs a code under every rule."""

    factor: Literal["required", "optional", "report-only"] = setting(
        words="What holds; with `report-only`, who has enrolled no factor gets in and is noted.",
        example="required",
    )
    domains: Hostnames = setting(Hostnames(), words="Only for people of these domains.")
    groups: Names = setting(Names(), words="Only for people in one of these groups.")
    protocols: Protocols = setting(Protocols(), words="Only for logins by one of these protocols.")
    networks: Networks = setting(
        Networks(), words="Only for logins from these networks; who comes from nobody knows where is in none."
    )
    from_: Day | None = setting(
        None,
        words="The first day of the rule. Until then others decide, and whom a `required` one would keep out"
        " is noted.",
        example="2027-01-31",
    )
    until: Day | None = setting(None, words="The day on which the rule ends.", example="2027-03-01")
    remind: Annotated[Duration, AtMost(366 * 86400)] = setting(
        Duration(14 * 86400),
        words="So long before `from`, those who log in without a code are told by mail, once a week.",
    )

    def __post_init__(self) -> None:
        if self.from_ and self.until and self.until <= self.from_:
            raise TWO_ENDS.wrong()
