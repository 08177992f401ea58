"""What is peculiar about a server, in sentences for who is going to put a gateway in front of it."""

from collections.abc import Callable, Iterator

from mailtwist.gateway.probe.choice import label
from mailtwist.gateway.probe.found import Port, Report
from mailtwist.gateway.upstream.settings import LOGS_IN

SOON = 21
"""Days before the end of a certificate in which it is worth a word."""

_TLS_WORDS = frozenset({"STARTTLS", "STLS", "LOGINDISABLED", "XCLIENT"})
"""What has another reason: a POP3 server says XCLIENT when it greets, and at no other time."""


def quirks(report: Report) -> list[str]:
    """Each sentence begins with the ports that it is about; what is true of several is said once."""
    about: dict[str, list[str]] = {}
    for port in report.reached:
        for quirk in _QUIRKS:
            for words in quirk(port):
                about.setdefault(words, []).append(label(port))
    return [f"{', '.join(ports)}: {words}" for words, ports in about.items()]


def _not_served(port: Port) -> Iterator[str]:
    if port.served:
        return
    if port.greeting.upper().startswith("* PREAUTH"):
        yield "it is logged in already as somebody (PREAUTH), so nobody else can log in there"
    elif not port.greeting:
        yield (
            "somebody listens and does not greet: perhaps a PROXY header has to come first"
            " (--try-proxy), or our address is not let in"
        )


def _proxied(port: Port) -> Iterator[str]:
    if port.proxy != "none":
        yield (
            f"a PROXY header ({port.proxy}) has to come first; whoever can connect there can say that he is"
            " somebody else"
        )


def _named(port: Port) -> Iterator[str]:
    nameless, shown = port.nameless, port.certificate
    if nameless is not None and shown is not None and nameless.pin != shown.pin:
        yield "shows another certificate to who does not ask by name (SNI); the gateway asks"


def _expiring(port: Port) -> Iterator[str]:
    left = port.certificate.days_left() if port.certificate is not None else None
    if left is not None and 0 <= left < SOON:
        yield f"its certificate ends in {left} days"


def _old_tls(port: Port) -> Iterator[str]:
    if port.tls.startswith("TLSv1.2"):
        yield "speaks TLS 1.2, and not 1.3"


def _in_clear(port: Port) -> Iterator[str]:
    if port.security == "plain" and port.kind != "lmtp":
        yield "no TLS: what is said there goes in clear"


def _no_way(port: Port) -> Iterator[str]:
    if port.kind == "smtp" and port.usable:
        if port.takes_password:
            yield "people may log in here, too (AUTH)"
        else:
            yield "nobody logs in here: it is for mail from other servers"
        return
    if not port.usable or port.kind not in LOGS_IN:
        return
    if port.tokens_only:
        yield "access tokens only (XOAUTH2): so do Microsoft 365 and Gmail; see docs/operators/oauth.rst"
    elif not port.takes_password:
        offered = ", ".join(port.mechanisms[:10]) or "no mechanism"
        yield f"no way to log in with a password ({offered})"


def _no_plain(port: Port) -> Iterator[str]:
    if port.usable and "LOGIN" in port.mechanisms and "PLAIN" not in port.mechanisms:
        yield "no AUTH PLAIN, but LOGIN, as Exchange has it; the gateway carries on in LOGIN"


def _login_disabled(port: Port) -> Iterator[str]:
    if port.kind != "imap":
        return
    if port.offer.has("LOGINDISABLED"):
        yield "LOGINDISABLED: the command LOGIN is not taken; the gateway says AUTHENTICATE"
    elif port.clear is not None and port.clear.has("LOGINDISABLED"):
        yield "no login before STARTTLS, which is as it should be"


def _changed(port: Port) -> Iterator[str]:
    if port.clear is None:
        return
    before, after = set(port.clear) - _TLS_WORDS, set(port.offer) - _TLS_WORDS
    if more := sorted(after - before)[:10]:
        yield f"offers more under TLS: {', '.join(more)}"
    if less := sorted(before - after)[:10]:
        yield f"offers less under TLS: {', '.join(less)}"


def _tells_of_clients(port: Port) -> Iterator[str]:
    if port.kind == "imap" and port.offer.has("ID"):
        yield (
            "takes ID; a Dovecot believes it who the client is only if the gateway's address is among its"
            " login_trusted_networks, and else slows all logins from there down after some wrong passwords"
        )
    if port.offer.has("XCLIENT") or (port.clear is not None and port.clear.has("XCLIENT")):
        yield "takes XCLIENT from our address: it is told who the client is"


def _after_login(port: Port) -> Iterator[str]:
    if port.late is not None and port.late.has("UNAUTHENTICATE"):
        yield (
            "offers UNAUTHENTICATE to who is logged in, after which anybody could log in without a code:"
            " this is why the gateway reads each command, and never passes that one on"
        )
    if port.late is not None and len(port.tried) > 1:
        yield f"refuses {', '.join(port.tried[:-1])}; {port.tried[-1]} works"


_QUIRKS: tuple[Callable[[Port], Iterator[str]], ...] = (
    _not_served,
    _proxied,
    _named,
    _expiring,
    _old_tls,
    _in_clear,
    _no_way,
    _no_plain,
    _login_disabled,
    _changed,
    _tells_of_clients,
    _after_login,
)
