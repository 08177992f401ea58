"""Passwords that programs and protocols get wrong: each must reach the server behind as it is."""

PASSWORDS = tuple(
    word.encode()
    for word in (
        "two words",
        " begins and ends with blanks ",
        "100%20percent %s %u %%",
        "at@home@example.org",
        "plus+plus+20",
        '"quoted"',
        "back\\slash\\\\\"'`",
        "pässwörd пароль 密码 🔑",
        "{5}",
        "{5+}",
        "NIL",
        "(a b) * % ]",
        "=?utf-8?q?x?=",
        "$HOME;`id`|&<>#!~",
        "x" * 200,
        "ü" * 100,
        "looks like a code@123456",
    )
)
