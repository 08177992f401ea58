"""The dialogues of all kinds as one: greeted, TLS, what is offered, logged in, good bye."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from mailtwist.gateway.api import Kind
from mailtwist.protocols.client import Call
from mailtwist.protocols.dialogue import Offer
from mailtwist.protocols.imap import client as imap
from mailtwist.protocols.pop3 import client as pop3
from mailtwist.protocols.sieve import client as sieve
from mailtwist.protocols.smtp import dialogue as smtp

Talking = Callable[..., Awaitable[Any]]


@dataclass(frozen=True, slots=True)
class Words:
    """`greeted(call, name)` and `start_tls(call, name, secure)` give what is offered from then on, `name` is
    ours; `log_in(call, offer, user, secret)` what is offered after it."""

    greeted: Callable[[Call, str], Awaitable[Offer]]
    start_tls: Callable[[Call, str, Callable[[], Awaitable[None]]], Awaitable[Offer]]
    log_in: Callable[[Call, Offer, bytes, bytes], Awaitable[Offer]]
    bye: bytes


async def _imap(call: Call, name: str) -> Offer:
    await imap.greeted(call)
    return await imap.capabilities(call)


async def _imap_tls(call: Call, name: str, secure: Any) -> Offer:
    await imap.start_tls(call, secure)
    return await imap.capabilities(call)


async def _pop3(call: Call, name: str) -> Offer:
    banner = await pop3.greeted(call)
    return Offer((*await pop3.capabilities(call), *banner))


async def _pop3_tls(call: Call, name: str, secure: Any) -> Offer:
    await pop3.start_tls(call, secure)
    return await pop3.capabilities(call)


async def _sieve(call: Call, name: str) -> Offer:
    return await sieve.greeted(call)


async def _sieve_tls(call: Call, name: str, secure: Any) -> Offer:
    return await sieve.start_tls(call, secure)


async def _smtp(call: Call, name: str, word: str = "EHLO") -> Offer:
    await smtp.greeted(call)
    return await smtp.hello(call, name, word)


async def _smtp_tls(call: Call, name: str, secure: Any, word: str = "EHLO") -> Offer:
    await smtp.start_tls(call, secure)
    return await smtp.hello(call, name, word)


_MAIL = Words(_smtp, _smtp_tls, smtp.log_in, b"QUIT\r\n")

WORDS: Mapping[Kind, Words] = {
    "imap": Words(_imap, _imap_tls, imap.log_in, b"Z LOGOUT\r\n"),
    "pop3": Words(_pop3, _pop3_tls, pop3.log_in, b"QUIT\r\n"),
    "sieve": Words(_sieve, _sieve_tls, sieve.log_in, b"LOGOUT\r\n"),
    "submission": _MAIL,
    "smtp": _MAIL,
    "lmtp": Words(partial(_smtp, word="LHLO"), partial(_smtp_tls, word="LHLO"), smtp.log_in, b"QUIT\r\n"),
}
