"""The config of a host with every door, for tests that speak to a real process."""

DOMAIN = "example.test"
SERVICES = ("smtp", "submission", "submissions", "imap", "imaps", "pop3", "pop3s", "lmtp")
TLS = "[tls:public]\ntype = self_signed\n"

PARTS = """
[notices]
send = no

[directory:people]
type = sqlite

[factor:totp]

[store:mail]
type = maildir

[target:local]
type = mailbox
store = mail
"""


def whole_host(server: str = "", tls: str = TLS) -> str:
    """`server` are more lines of [server], `tls` is the section of that name; all ports are free ones."""
    head = f"[server]\nhostname = mail.{DOMAIN}\nstate = state\n{server}\n"
    return "\n".join([head, tls, PARTS, *map(_service, SERVICES)])


def _service(name: str) -> str:
    kind = name.removesuffix("s")
    lines = [f"[service:{name}]", f"type = {kind}", "listen = 127.0.0.1:0", "tls = public"]
    lines.append("target = local" if kind in ("smtp", "submission", "lmtp") else "store = mail")
    if name != kind:
        lines.append("tls_mode = implicit")
    return "\n".join(lines) + "\n"
