"""`mailtwist tls renew`: certificates are ordered now that are missing or due, or anyhow."""

import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from typing import Any

from mailtwist.app.cli.answer import print_json
from mailtwist.app.cli.command import FAILED
from mailtwist.app.cli.inside import CannotDo, Inside
from mailtwist.app.cli.tls_sections import Orders, begun, of_a_section, ordering, when
from mailtwist.config.problems import shown
from mailtwist.tls.acme.api import Issued
from mailtwist.tls.acme.problem import NotIssued
from mailtwist.tls.certificates import read_bundle
from mailtwist.tls.names import server_name

UNWANTED = "unwanted"


def arguments(words: Any) -> None:
    parser: ArgumentParser = words.add_parser(
        "renew", help="certificates that are missing or due are ordered now"
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="names to have a certificate for")
    parser.add_argument("--all", action="store_true", help="all names that are wanted")
    parser.add_argument("--force", action="store_true", help="also those that are not due")
    parser.add_argument(
        "--switch-key",
        action="store_true",
        help="at once with the next key, where keys are pinned, whatever is published of it; implies --force",
    )
    of_a_section(parser)
    parser.set_defaults(work=renew)


async def renew(inside: Inside, chosen: Namespace) -> int:
    """The work of `mailtwist tls renew`."""
    if bool(chosen.names) is chosen.all:
        raise CannotDo("say the names to renew, or --all")
    names = [_name(text) for text in chosen.names]
    sections = ordering(await begun(inside, chosen.section, proofs=True))
    rows: list[Mapping[str, object]] = []
    for name, asked in await _asked(sections, names):
        try:
            rows += [_done(one) for one in await _renewed(asked, name, chosen)]
        except NotIssued as error:
            rows.append({"name": name, "error": error.words})
    _tell(rows, chosen.json)
    return FAILED if any("error" in row for row in rows) else 0


def _name(text: str) -> str:
    try:
        return server_name(text)
    except ValueError as wrong:
        raise CannotDo(shown(str(wrong), 300)) from None


async def _asked(sections: Sequence[Orders], names: Sequence[str]) -> Sequence[tuple[str, Sequence[Orders]]]:
    """Which sections are asked for which name; without names all that are wanted."""
    if names:
        return [(name, sections) for name in names]
    found = [(one.name, part) for part in sections for one in await part.renewal.status() if one.why]
    return [(name, [part]) for name, part in dict.fromkeys(found)]


async def _renewed(sections: Sequence[Orders], name: str, chosen: Namespace) -> Sequence[Issued]:
    """By the first section that wants it."""
    unwanted: NotIssued | None = None
    for part in sections:
        try:
            return await part.renewal.renew(name, chosen.force, chosen.switch_key)
        except NotIssued as error:
            if error.kind != UNWANTED:
                raise
            unwanted = error
    assert unwanted is not None
    raise unwanted


def _done(issued: Issued) -> Mapping[str, object]:
    bundle = read_bundle(issued.pem, issued.pem)
    return {
        "name": issued.name,
        "names": list(bundle.names),
        "key": issued.key_kind,
        "authority": issued.authority,
        "ends": when(bundle.not_after),
    }


def _tell(rows: Sequence[Mapping[str, object]], as_json: bool) -> None:
    if as_json:
        print_json(list(rows))
        return
    for row in rows:
        if "error" in row:
            print(f"{row['name']}: {row['error']}", file=sys.stderr)
        else:
            print(f"{row['name']} ({row['key']}): there is a certificate until {row['ends']}")
