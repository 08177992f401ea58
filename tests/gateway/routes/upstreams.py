"""Sections of servers behind us, for configs that name them."""

UPSTREAMS = "".join(
    f"[upstream:{name}]\ntype = server\nhosts = 127.0.0.1\nimap = 143 plain\n"
    for name in ("exchange", "dovecot")
)
