"""A gateway's config, written for the server that was found, with a reason for each line.

Nothing that came over the network gets in here but numbers, hashes of keys, and names that are host names."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mailtwist.gateway.api import Kind
from mailtwist.gateway.probe.choice import Choice
from mailtwist.gateway.probe.found import Port

OURS: Mapping[Kind, Sequence[tuple[str, int]]] = {
    "imap": (("imap", 143), ("imaps", 993)),
    "pop3": (("pop3", 110), ("pop3s", 995)),
    "submission": (("submission", 587), ("submissions", 465)),
    "sieve": (("sieve", 4190),),
}
"""The services in front of each kind, with their own ports; the second has TLS from the start."""

WHAT: Mapping[Kind, str] = {
    "imap": "IMAP: the login is decided here, then each command is read and passed on.",
    "pop3": "POP3, in the same way.",
    "submission": "Mail that people send: handed over after a login, and taken only if it is taken there.",
    "sieve": "ManageSieve, for filter scripts.",
}


@dataclass(frozen=True)
class Wishes:
    """What nobody can find out.  `hostname` is ours, `domain` that of the people; `bare`: the server knows
    them by what stands before the @; `plus` is added to the ports that we listen on, at `address`; `email`:
    certificates come by ACME, and the authority may write there."""

    host: str
    hostname: str
    state: str = "/var/lib/mailtwist"
    domain: str = ""
    bare: bool = False
    roots: Path | None = None
    plus: int = 0
    address: str = ""
    email: str = ""


def gateway_ini(choice: Choice, wishes: Wishes) -> str:
    """The text; `choice` is possible."""
    sections = [
        _head(wishes),
        _login(wishes),
        _people(choice, wishes),
        _upstream(choice, wishes),
        _tls(wishes),
    ]
    sections += [_services(kind, wishes) for kind in choice.doors]
    sections += _others(choice)
    return "\n".join(sections)


def _head(wishes: Wishes) -> str:
    return f"""\
# A gateway in front of {wishes.host}: people log in here with password@123456 (the password, "@", the code
# that the phone shows), and the server behind sees the password alone.  Written by mailtwist;
# `mailtwist sample` explains all settings there are, `mailtwist check` says whether this file is right.

[server]
# What clients connect to; it stands in the certificate.
hostname = {wishes.hostname}
state = {wishes.state}

[notices]
# People are told by mail what happens at their account, once it is said who delivers that: write a smarthost
# (host:port) that takes mail for your own domains from here, and take this line out.
send = no

[factor:totp]
# Codes of an authenticator app: mailtwist otp enroll NAME

[factor:recovery]
# Codes on paper, for who has lost the phone: mailtwist recovery issue NAME
"""


def _login(wishes: Wishes) -> str:
    lines = [
        "[login]",
        "# Nobody gets in without a code.  It has to be so here: many servers know one mailbox by several",
        "# names (ann, ann@x, Gmail's dots), each of which is an account of its own here; those that nobody",
        "# has enrolled are shut.",
        "factor = required",
    ]
    if wishes.domain:
        lines += ["# What is added to a name without a domain.", f"default_domain = {wishes.domain}"]
    return "\n".join(lines) + "\n"


def _people(choice: Choice, wishes: Wishes) -> str:
    lines = [
        "[directory:people]",
        "# The server behind says whether a password is right; here nobody has one.",
        "type = upstream",
        "upstream = backend",
    ]
    if choice.judge != "imap":
        lines += [
            "# What it is asked by where nothing else says it: IMAP is not served there.",
            f"judge = {choice.judge}",
        ]
    if wishes.domain:
        lines += ["# It is asked about these people alone.", f"domains = {wishes.domain}"]
    else:
        lines += [
            "# Write the domains of your people: then it is not asked about others.",
            "#domains = example.org",
        ]
    return "\n".join(lines) + "\n"


# -- the server behind
def _upstream(choice: Choice, wishes: Wishes) -> str:
    lines = ["[upstream:backend]", "type = server", f"hosts = {wishes.host}"]
    if any(choice.ways[kind].security == "starttls" for kind in choice.doors):
        lines.append("# With starttls, TLS is insisted on: without it nothing is said.")
    for kind, port in choice.ways.items():
        off = "" if kind in choice.doors else "#"
        lines += [*_why(kind, port), f"{off}{kind} = {port.number} {port.security}"]
    lines += _certificates(choice, wishes).splitlines()
    if wishes.bare:
        lines += ["# It knows people by what stands before the @.", "user_name = local"]
    if choice.proxy != "none":
        lines += ["# It wants to hear first who the client is.", f"proxy = {choice.proxy}"]
    lines += [
        "# The password that people type, without the code, is what they log in with there.",
        "login = passthrough",
    ]
    if "imap" in choice.ways and choice.ways["imap"].offer.has("ID"):
        lines += [
            "# A Dovecot there should trust our address (login_trusted_networks), so that it knows each",
            "# client; else some wrong passwords of anybody make it slow for all.",
        ]
    return "\n".join(lines) + "\n"


def _why(kind: Kind, port: Port) -> Iterator[str]:
    if port.security == "plain" and kind != "lmtp":
        yield "# In clear: nobody else may be able to listen on the way."
    if kind == "submission" and port.number == 25:
        yield "# People log in on port 25 there, nowhere else."


def _certificates(choice: Choice, wishes: Wishes) -> str:
    """How it is known that the server is the right one."""
    if all(port.certificate is None for port in map(choice.ways.__getitem__, choice.doors)):
        return ""
    if choice.pins:
        return _PINNED.format(pins=", ".join(choice.pins))
    text = f"# The authority of its certificate.\nroots = {wishes.roots}\n" if wishes.roots else ""
    if choice.verify_name:
        return f"{text}{_OTHER_NAME}verify_name = {choice.verify_name}\n"
    return text or "# Its certificate is right by what the system trusts, and is looked at each time.\n"


_OTHER_NAME = """\
# Its certificate is right, but for this name.  SEE THAT IT IS YOURS: whoever has a certificate for this name
# could stand there.
"""
_PINNED = """\
# Its certificate is not one that is trusted by itself, so the server is known by its key.  COMPARE IT with
# what this says on the server (what stands behind sha256//):
#   openssl x509 -in CERTIFICATE -noout -pubkey | openssl pkey -pubin -outform DER |
#   openssl dgst -sha256 -binary | base64
# A new key there needs a new line here.  With an authority of your own write this instead:
#roots = /etc/ssl/our-authority.pem
pins = {pins}
"""


# -- what clients connect to
def _tls(wishes: Wishes) -> str:
    if not wishes.email:
        return _SELF_SIGNED
    text = _ACME.format(hostname=wishes.hostname, email=wishes.email)
    if wishes.plus or wishes.address:
        text += "# They ask at port 80; what comes there has to get here.\n"
        text += f"http_listen = {_place(80, wishes)}\n"
    return text


_SELF_SIGNED = """\
[tls:main]
# Made at the first start, and renewed: mail programs ask once whether to trust it.  One that they trust by
# themselves comes by itself, too, when port 80 of the machine is open to the world; write these instead:
#type = acme
#email = postmaster@example.org
#agree_to_terms = yes
type = self_signed
"""
_ACME = """\
[tls:main]
# By Let's Encrypt, renewed in time: {hostname} has to lead here, and port 80 to be open to the world.
# Until the first certificate has come, one of our own making is shown.  What there is: mailtwist tls list
type = acme
email = {email}
agree_to_terms = yes
"""


def _place(port: int, wishes: Wishes) -> str:
    address = f"[{wishes.address}]" if ":" in wishes.address else wishes.address
    return f"{address}{':' if address else ''}{port + wishes.plus}"


def _services(kind: Kind, wishes: Wishes) -> str:
    found: list[str] = []
    for name, port in OURS[kind]:
        lines = [] if found else [f"# {WHAT[kind]}"]
        lines += [f"[service:{name}]", f"type = {kind}_gateway", "tls = main"]
        if name.endswith("s"):
            lines += ["# TLS from the start: what mail programs should use.", "tls_mode = implicit"]
        if wishes.plus or wishes.address:
            lines += [f"listen = {_place(port, wishes)}"]
        found.append("\n".join(lines) + "\n")
    return "\n".join(found)


def _others(choice: Choice) -> Iterator[str]:
    """What should not be opened to the world without a thought."""
    if "smtp" in choice.ways:
        yield """\
# Mail from other servers could come through here, too (port 25).  FIRST see that the server behind does not
# relay for our address (in Postfix: it is not in mynetworks), or anybody could send to anybody through it.
#[service:mx]
#type = smtp_gateway
#tls = main
#upstream = backend
"""
    if "lmtp" in choice.ways:
        yield """\
# LMTP, for a Postfix, say, that hands mail over: to our own machine alone.
#[service:lmtp]
#type = lmtp_gateway
#upstream = backend
#listen = 127.0.0.1:24
"""
