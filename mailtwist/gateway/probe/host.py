"""A whole server is looked at: all of its ports at once, then a login at one after the other."""

from collections.abc import Mapping, Sequence

from mailtwist.gateway.api import Kind
from mailtwist.gateway.probe.choice import Choice, chosen
from mailtwist.gateway.probe.found import Report
from mailtwist.gateway.probe.trying import Plan, logged_in, tried
from mailtwist.kit.spawn import together

USUAL: Mapping[Kind, Sequence[int]] = {
    "imap": (993, 143),
    "pop3": (995, 110),
    "submission": (465, 587),
    "smtp": (25,),
    "sieve": (4190,),
    "lmtp": (24,),
}


async def probed(plan: Plan, ports: Mapping[Kind, Sequence[int]] = USUAL) -> Report:
    """What the server says to who does not log in; in a bounded time, whoever answers there."""
    wanted = [(kind, number) for kind, numbers in ports.items() for number in numbers]
    found = await together(*(tried(plan, kind, number) for kind, number in wanted))
    return Report(plan.host, tuple(plan.addresses), found)


async def tried_login(plan: Plan, report: Report, user: bytes, secret: bytes) -> Choice:
    """What a gateway can be made of, with a login at each port that it would use.  A password that is
    refused is tried nowhere else: servers count."""
    choice = chosen(report, plan.pins)
    for kind in choice.doors:
        if not await logged_in(plan, choice.ways[kind], user, secret):
            break
    return choice
