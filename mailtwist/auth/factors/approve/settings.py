"""What a section `[factor:...] type = approve` says: how people are asked, and how they answer."""

import re
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal, Self

from mailtwist.auth.factors.signing import SigningKey
from mailtwist.auth.factors.web_service import ServiceUrl
from mailtwist.config.settings import setting
from mailtwist.config.values import AtLeast, AtMost, Duration, File, Hostnames, Secret

QUERY = '"{text}": a path is added to it, so there can be no "?" in it'
NO_TOPIC = (
    '"{text}" makes no topic; write "{{account}}" once, and beside it at most {most} letters, digits,'
    ' "-" and "_"'
)
MISSING = "`by = {by}` needs `{name}`"
OTHER_WAY = "`{name}` is for `by = {other}`, and this section says `by = {by}`"
NO_SITE = "people answer by links: write `url = https://...`, where a service of `type = web` shows `approve`"
BAD_TOKEN = "`token` has something in it that no token has"
TOKEN_OR_PASSWORD = "write `token`, or `user` and `password`"

_PRINTABLE = re.compile(r"[!-~]{1,1000}")
_TOPIC = re.compile(r"[A-Za-z0-9_-]*\{account\}[A-Za-z0-9_-]*")
FIELD = "{account}"
MARK = 26
"""Characters that take the place of `{account}`: 130 bits."""

LONGEST_TOPIC = 64
"""Characters that ntfy takes."""


class WebAddress(ServiceUrl):
    """To which a path can be added."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        found = super().parse(text.rstrip("/"))
        if "?" in found:
            raise ValueError(QUERY.format(text=text[:100]))
        return found


class TopicForm(str):
    """How the topics of ntfy are called; who knows one reads what its owner is asked."""

    kind: ClassVar[str] = "a form of topics"

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> Self:
        most = LONGEST_TOPIC - MARK
        if not _TOPIC.fullmatch(text) or len(text) - len(FIELD) > most:
            raise ValueError(NO_TOPIC.format(text=text[:100], most=most))
        return cls(text)

    def of(self, mark: str) -> str:
        return self.replace(FIELD, mark)


THEIRS = {
    "ntfy": ("server", "topics", "token", "user", "password"),
    "webhook": ("webhook", "key"),
}
"""Settings of one way to ask that mean nothing for another."""

NEEDED = {"ntfy": ("server",), "webhook": ("webhook", "key")}


@dataclass(frozen=True)
class Settings:
    """The owner of an account is asked on his phone, while the login waits; after the password was right."""

    by: Literal["ntfy", "webhook"] = setting(
        words="How people are asked: by a message of `ntfy`, or by a program of yours that gets a `webhook`.",
        example="ntfy",
    )
    seconds: Annotated[Duration, AtLeast(3), AtMost(120)] = setting(
        Duration(30),
        words="How long a login waits for an answer. A door that cannot wait as long waits less: SASL for"
        " other servers 8 seconds.",
    )
    url: WebAddress | None = setting(
        None,
        words="Where people reach the site that shows the page `approve`; links in prompts begin with it.",
        example="https://mail.example.org",
    )
    enrolled: bool = setting(
        True,
        words="Whoever it serves can be asked, and so needs a second factor. `no`: he is asked only where a"
        " rule requires a code.",
    )
    domains: Hostnames = setting(
        Hostnames(),
        words="People of these domains alone are asked; by default everybody.",
        example="example.org",
    )
    most: Annotated[int, AtLeast(1), AtMost(10_000)] = setting(
        100, words="How many people each worker asks at the same time; more logins are temporary trouble."
    )
    timeout: Annotated[Duration, AtLeast(0.1), AtMost(30)] = setting(
        Duration(5), words="How long it may take until the service has taken the question."
    )
    roots: File | None = setting(
        None, words="Certificates of authorities (PEM) for that service; by default those of the system."
    )
    server: WebAddress | None = setting(
        None, words="The ntfy server (`by = ntfy`).", example="https://ntfy.example.org"
    )
    topic: TopicForm = setting(
        TopicForm("mail-{account}"),
        words="Which topic somebody's phone listens to; `{account}` becomes 26 letters and digits that nobody"
        " can guess (`by = ntfy`).",
    )
    topics: File | None = setting(
        None,
        words="A file with a login name and a topic in each line, for people whose topic is another one; read"
        " again on SIGHUP (`by = ntfy`).",
        example="/etc/mailtwist/topics",
    )
    token: Secret | None = setting(
        None, words="An access token with which topics may be written to (`by = ntfy`)."
    )
    user: str = setting("", words="Or a user (`by = ntfy`).")
    password: Secret | None = setting(None, words="And his password (`by = ntfy`).")
    priority: Literal["min", "low", "default", "high", "max"] = setting(
        "high", words="How loud the phone is (`by = ntfy`)."
    )
    webhook: ServiceUrl | None = setting(
        None,
        words="Where a program of yours hears that somebody is to be asked (`by = webhook`).",
        example="https://asks.example.org/login",
    )
    key: SigningKey | None = setting(
        None,
        words="The secret with which both sides sign: `whsec_` and 24 to 64 octets in base64"
        " (`by = webhook`).",
    )
    answer: Literal["links", "response", "both"] = setting(
        "links",
        words="How the answer comes: by the links in the question, in the response to it, which then may take"
        " until the person has answered, or in whichever is first (`by = webhook`).",
    )

    def must_fit(self) -> None:
        """ValueError says what is missing, or does not belong together."""
        if missing := [name for name in NEEDED[self.by] if getattr(self, name) is None]:
            raise ValueError(MISSING.format(by=self.by, name=missing[0]))
        theirs = [(name, way) for way, names in THEIRS.items() if way != self.by for name in names]
        for name, way in theirs:
            if getattr(self, name):
                raise ValueError(OTHER_WAY.format(name=name, other=way, by=self.by))
        if self.by_links and self.url is None:
            raise ValueError(NO_SITE)
        self._known_to_ntfy()

    def _known_to_ntfy(self) -> None:
        if bool(self.user) != (self.password is not None) or (self.user and self.token):
            raise ValueError(TOKEN_OR_PASSWORD)
        if self.token and not _PRINTABLE.fullmatch(self.token.reveal()):
            raise ValueError(BAD_TOKEN)

    @property
    def by_links(self) -> bool:
        """The answer may come by the links of the page."""
        return self.by == "ntfy" or self.answer != "response"
