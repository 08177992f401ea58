"""What a domain says of TLS with its mail servers: MTA-STS and TLSRPT.  rfc8461#3 rfc8460#3"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailtwist.kit.trouble import Trouble
from mailtwist.tls.https import Asks
from mailtwist.tls.verdict import Code, safe

PATH = "/.well-known/mta-sts.txt"
LONGEST_AGE = 31557600
MOST_HOSTS = 100
MOST_ADDRESSES = 20

_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,31}")
_HOST = re.compile(r"(?:\*\.)?(?!-)[A-Za-z0-9_-]+(?<!-)(?:\.(?!-)[A-Za-z0-9_-]+(?<!-))*")


class NoPolicy(Trouble):
    """There is a record, and no policy can be had; `code` is the result type of a report."""

    def __init__(self, domain: str, code: Code, words: str) -> None:
        super().__init__("4.7.5", "The policy of the domain cannot be had", f"{domain}: {words}")
        self.code = code
        self.words = words


@dataclass(frozen=True, slots=True)
class Sts:
    """A policy (rfc8461#3.2)."""

    mode: str
    max_age: int
    hosts: tuple[str, ...] = ()

    def names(self, host: str) -> bool:
        """`host` is one of its servers; `*.` is one label (rfc8461#4.1)."""
        name = host.lower()
        below = "*." + name.partition(".")[2]
        return any(one.lower().removesuffix(".") in (name, below) for one in self.hosts)


def sts_id(records: Sequence[str]) -> str:
    """That of the one record at `_mta-sts.<domain>`; '' when there is none, and ValueError with a sentence
    when it cannot be understood, which counts as none (rfc8461#3.1)."""
    text = _the_one(records, "v=STSv1", "MTA-STS")
    if not text:
        return ""
    found = _pairs(text).get("id", "")
    if not _ID.fullmatch(found):
        raise ValueError(f'the MTA-STS record has no id that can be used: "{safe(text)}"')
    return found


def report_addresses(records: Sequence[str]) -> tuple[str, ...]:
    """Where reports go, by the one record at `_smtp._tls.<domain>`: the first ones; ValueError as above."""
    text = _the_one(records, "v=TLSRPTv1", "TLSRPT")
    if not text:
        return ()
    found = tuple(one.strip() for one in _pairs(text).get("rua", "").split(",") if one.strip())
    if not found or not all(one.lower().startswith(("mailto:", "https://")) for one in found):
        raise ValueError(f'the TLSRPT record has no address for reports: "{safe(text)}"')
    return tuple(safe(one, 300) for one in found[:MOST_ADDRESSES])


async def fetched(https: Asks, domain: str) -> Sts:
    """The policy of a domain; redirects are not followed (rfc8461#3.3).  `NoPolicy`."""
    url = f"https://mta-sts.{domain}{PATH}"
    try:
        answer = await https.ask("GET", url)
    except Trouble as trouble:
        raise NoPolicy(domain, "sts-policy-fetch-error", trouble.detail) from None
    if answer.status != 200:
        words = f"{url} is answered by {answer.status}"
        raise NoPolicy(domain, "sts-policy-fetch-error", words)
    if answer.media_type != "text/plain":
        words = f"{url} is {safe(answer.media_type) or 'of no type'}, not text/plain"
        raise NoPolicy(domain, "sts-policy-invalid", words)
    try:
        return parsed(answer.body)
    except ValueError as error:
        raise NoPolicy(domain, "sts-policy-invalid", f"{url}: {error}") from None


def parsed(octets: bytes) -> Sts:
    """ValueError with a sentence."""
    try:
        lines = octets.decode("utf-8").replace("\r\n", "\n").split("\n")
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    fields: dict[str, str] = {}
    hosts: list[str] = []
    for line in filter(str.strip, lines):
        name, value = _field(line)
        if name == "mx":
            hosts.append(value)
        else:
            fields.setdefault(name, value)
    return _made(fields, hosts)


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name = name.strip(" \t")
    if not colon or not _NAME.fullmatch(name):
        raise ValueError(f'"{safe(line)}" is no line of a policy')
    return name, value.strip(" \t")


def _made(fields: dict[str, str], hosts: Sequence[str]) -> Sts:
    if fields.get("version") != "STSv1":
        raise ValueError("it does not say version: STSv1")
    mode, age = fields.get("mode", ""), fields.get("max_age", "")
    if mode not in ("enforce", "testing", "none"):
        raise ValueError(f'its mode is "{safe(mode)}"')
    if not (age.isascii() and age.isdigit() and len(age) <= 10):
        raise ValueError(f'its max_age is "{safe(age)}"')
    if len(hosts) > MOST_HOSTS or not all(map(_HOST.fullmatch, hosts)):
        raise ValueError("its mx lines are no host names")
    if mode != "none" and not hosts:
        raise ValueError("it has no mx line")
    return Sts(mode, min(int(age), LONGEST_AGE), tuple(hosts))


def _the_one(records: Sequence[str], version: str, what: str) -> str:
    """Others at that name do not count; two of the kind are none."""
    found = [one for one in records if one.partition(";")[0].strip() == version]
    if len(found) > 1:
        raise ValueError(f"there are {len(found)} {what} records, which count as none")
    return found[0] if found else ""


def _pairs(text: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for one in text.split(";"):
        name, _, value = one.partition("=")
        pairs.setdefault(name.strip(), value.strip())
    return pairs
