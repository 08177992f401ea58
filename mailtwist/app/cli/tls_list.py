"""`mailtwist tls list`: what certificates there are, until when, and why a name has none."""

from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.x509.oid import NameOID

from mailtwist.app.cli.answer import print_rows
from mailtwist.app.cli.inside import Inside
from mailtwist.app.cli.tls_sections import Orders, begun, of_a_section, when
from mailtwist.config.problems import shown
from mailtwist.tls.acme.renewal import Renewal
from mailtwist.tls.acme.status import DAY, Status
from mailtwist.tls.certificates import Bundle
from mailtwist.tls.https import host_of

COLUMNS = ("names", "key", "state", "issuer", "ends", "days", "due", "section")
MOST_NAMES = 5
"""That are said before a sentence which is true of more."""

LONGEST = 1000  # characters of such a sentence


def arguments(words: Any) -> None:
    parser: ArgumentParser = words.add_parser("list", help="the certificates, and why a name has none")
    of_a_section(parser)
    parser.set_defaults(work=list_all)


async def list_all(inside: Inside, chosen: Namespace) -> int:
    """The work of `mailtwist tls list`."""
    rows: list[Mapping[str, object]] = []
    for name, part in (await begun(inside, chosen.section)).items():
        if isinstance(getattr(part, "renewal", None), Renewal):
            rows += [_ordered(name, part, one) for one in await part.renewal.status()]
        else:
            rows += [_shown(name, bundle, inside.clock.now()) for bundle in getattr(part, "bundles", ())]
    print_rows(rows, COLUMNS, chosen.json, "there are no certificates, and no names to have one for")
    if not chosen.json:
        _explain(rows)
    return 0


def _explain(rows: Sequence[Mapping[str, object]]) -> None:
    """What is wrong, in whole sentences, each once."""
    names: dict[str, list[str]] = {}
    for row in rows:
        if row["error"]:
            names.setdefault(str(row["error"]), []).append(str(row["name"]))
    for error, whose in names.items():
        more = f" and {len(whose) - MOST_NAMES} more" if len(whose) > MOST_NAMES else ""
        print(f"\n{', '.join(whose[:MOST_NAMES])}{more}: {shown(error, LONGEST)}")


def _ordered(section: str, part: Orders, one: Status) -> Mapping[str, object]:
    errors = {word: words for word, words in one.errors.items() if words}
    return {
        "section": section,
        "name": one.name,
        "names": list(one.names),
        "key": one.key_kind,
        "state": one.state,
        "wanted_by": one.why,
        "issuer": _issuer(part, one.authority),
        "begins": when(one.not_before),
        "ends": when(one.not_after),
        "days": round(one.days_left, 1) if one.not_after else "",
        "due": when(one.due),
        "failures": one.failures,
        "failing_since": when(one.failing_since),
        "again": when(one.again),
        "error": one.error,
        "errors": errors,
        "pinned": one.pinned,
        "next_key_from": when(one.switches),
    }


def _issuer(part: Orders, directory: str) -> str:
    """What the config calls it, or else its host."""
    for authority in part.authorities:
        if authority.directory == directory:
            return authority.word
    return host_of(directory) if directory else ""


def _shown(section: str, bundle: Bundle, now: float) -> Mapping[str, object]:
    """A certificate that comes from elsewhere."""
    organizations = bundle.leaf.issuer.get_attributes_for_oid(NameOID.ORGANIZATION_NAME)
    common = bundle.leaf.issuer.get_attributes_for_oid(NameOID.COMMON_NAME)
    troubles = bundle.troubles(now)
    return {
        "section": section,
        "name": bundle.names[0] if bundle.names else "",
        "names": list(bundle.names),
        "key": bundle.key_kind,
        "state": "expired" if bundle.expired(now) else "valid",
        "issuer": " ".join(str(one.value) for one in [*organizations[:1], *common[:1]]),
        "begins": when(bundle.not_before),
        "ends": when(bundle.not_after),
        "days": round((bundle.not_after - now) / DAY, 1),
        "due": "",
        "error": "; ".join(troubles),
    }
