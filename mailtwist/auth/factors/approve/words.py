"""What a person is told before he says yes: which program, from where, when; nothing of it is a secret."""

from mailtwist.auth.factors.approve.links import Prompt

LONGEST = 80
"""Characters of a stranger's words."""

LONGEST_NAME = 254

SPOKEN = {
    "imap": "IMAP",
    "pop3": "POP3",
    "smtp": "SMTP",
    "sieve": "ManageSieve",
    "http": "HTTP",
}

NOT_YOU = (
    "If this is not you, deny it. Then somebody knows your password: change it, and tell whoever runs this"
    " server."
)


def plain(words: str, longest: int = LONGEST) -> str:
    """One line, whoever's words they are."""
    return "".join(c if c.isprintable() else "?" for c in words[:longest])


def title(prompt: Prompt) -> str:
    return f"Log in as {prompt.name}?"


def facts(prompt: Prompt) -> list[tuple[str, str]]:
    """Each with its name, in the order in which they matter."""
    program = f'it calls itself "{prompt.client}"' if prompt.client else "it does not say which"
    return [
        ("Account", prompt.name),
        ("From", prompt.address or "an address that is not known"),
        ("Program", program),
        ("To read or send", SPOKEN.get(prompt.protocol, "another protocol")),
        ("Server", prompt.host),
        ("Time", prompt.moment),
    ]


def message(prompt: Prompt) -> str:
    """Some lines."""
    told = "\n".join(f"{name}: {fact}" for name, fact in facts(prompt)[1:])
    return f"A mail program wants to log in with your password.\n{told}\n{NOT_YOU}"
