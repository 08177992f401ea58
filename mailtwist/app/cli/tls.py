"""`mailtwist tls`: the certificates, who issues them, and what can be done about them by hand."""

from argparse import ArgumentParser, Namespace

from mailtwist.app.cli import tls_account, tls_check, tls_dns, tls_list, tls_renew, tls_revoke
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import Inside, run_inside


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    for word in (tls_list, tls_renew, tls_revoke, tls_dns, tls_check, tls_account):
        word.arguments(words)


async def work(inside: Inside, chosen: Namespace) -> int:
    status: int = await chosen.work(inside, chosen)
    return status


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("lists, renews and revokes certificates; accounts at authorities", run, arguments)
