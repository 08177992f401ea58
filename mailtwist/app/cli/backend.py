"""`mailtwist backend`: the servers behind the gateway, how they are, and which get nobody new."""

from argparse import ArgumentParser, Namespace
from collections.abc import Iterable, Mapping, Sequence

from mailtwist.app.cli.answer import moment, print_json, print_rows
from mailtwist.app.cli.ban import LONGEST_REASON, who_types
from mailtwist.app.cli.command import Command
from mailtwist.app.cli.inside import CannotDo, Inside, run_inside
from mailtwist.config.problems import shown
from mailtwist.gateway.api import SupportsHosts
from mailtwist.state.api import Durable
from mailtwist.state.process import durable
from mailtwist.state.records import Backend, Drain

SEEN = 600.0
"""Seconds after which it is not known any more how a server is."""

COLUMNS = ("upstream", "host", "kind", "state", "since", "connections", "drained", "reason")

Known = Mapping[str, SupportsHosts]


def arguments(parser: ArgumentParser) -> None:
    words = parser.add_subparsers(dest="word", required=True, metavar="WORD")
    listed = words.add_parser("list", help="all of them, and how they are")
    drain = words.add_parser("drain", help="nobody new gets there; whoever is there stays")
    undrain = words.add_parser("undrain", help="an end to that")
    for one in (listed, drain, undrain):
        one.add_argument("--json", action="store_true", help="answer in JSON")
    for one in (drain, undrain):
        one.add_argument("host", metavar="HOST", help='as in "hosts" of [upstream:...]')
    drain.add_argument("--reason", default="", help="for the list and the log")


async def work(inside: Inside, chosen: Namespace) -> int:
    state = durable(inside)
    await inside.begin()
    upstreams = {  # asked for now, they are built and not begun: nobody is called
        name: one for name, one in inside.parts("upstream").items() if isinstance(one, SupportsHosts)
    }
    if chosen.word == "list":
        return await _list(state, upstreams, inside.clock.now(), chosen)
    if chosen.word == "drain":
        return await _drain(state, upstreams, inside.clock.now(), chosen)
    return await _undrain(state, upstreams, chosen)


# -- how they are
async def _list(state: Durable, upstreams: Known, now: float, chosen: Namespace) -> int:
    drains = {one.host: one for one in await state.drains()}
    seen = [one for one in await state.backends() if one.seen > now - SEEN]
    rows = [
        _row(name, host, kind, seen, drains.get(host.lower()))
        for name, upstream in upstreams.items()
        for host, kinds in upstream.hosts.items()
        for kind in kinds
    ]
    print_rows(rows, COLUMNS, chosen.json, "there is no server behind: no section [upstream:...]")
    return 0


def _row(
    upstream: str, host: str, kind: str, seen: Sequence[Backend], drain: Drain | None
) -> dict[str, object]:
    """What all processes have seen together."""
    found = [one for one in seen if (one.upstream, one.host, one.kind) == (upstream, host, kind)]
    down = [one for one in found if not one.up]
    words = [one.reason for one in down[:1]] + ([drain.reason] if drain and drain.reason else [])
    return {
        "upstream": upstream,
        "host": host,
        "kind": kind,
        "state": "down" if down else "up" if found else "unknown",
        "since": moment(max(one.since for one in down or found)) if found else "",
        "connections": sum(one.connections for one in found),
        "drained": drain is not None,
        "drained_by": drain.by if drain else "",
        "drained_at": moment(drain.since) if drain else "",
        "reason": "; ".join(words),
    }


# -- nobody new
async def _drain(state: Durable, upstreams: Known, now: float, chosen: Namespace) -> int:
    hosts = {name: [host.lower() for host in one.hosts] for name, one in upstreams.items()}
    host = _host(chosen.host, (host for its in hosts.values() for host in its))
    news = await state.drain(Drain(host, now, who_types(), shown(chosen.reason, LONGEST_REASON)))
    drained = {one.host for one in await state.drains()}
    empty = [name for name, its in hosts.items() if host in its and drained.issuperset(its)]
    if chosen.json:
        print_json({"done": "drained", "host": host, "was": not news, "empty": empty})
        return 0
    print(f"drained: {host}: nobody new gets there" if news else f"it was drained already: {host}")
    for name in empty:
        print(f"[upstream:{name}] has no host left that takes anybody: logins there are temporary trouble")
    return 0


async def _undrain(state: Durable, upstreams: Known, chosen: Namespace) -> int:
    named = [host.lower() for one in upstreams.values() for host in one.hosts]
    host = _host(chosen.host, [*named, *(one.host for one in await state.drains())])
    was = await state.undrain(host)
    if chosen.json:
        print_json({"done": "undrained", "host": host, "was": was})
    else:
        print(f"not drained any more: {host}" if was else f"it was not drained: {host}")
    return 0


def _host(text: str, known: Iterable[str]) -> str:
    """As it is called in the state."""
    hosts = dict.fromkeys(known)
    if (host := text.strip().lower()) in hosts:
        return host
    there = ", ".join(hosts) or "none"
    raise CannotDo(f'no [upstream:...] has a host "{shown(text)}"; there is {there}')


def run(chosen: Namespace) -> int:
    return run_inside(work, chosen)


command = Command("lists the servers behind the gateway, and drains them", run, arguments)
