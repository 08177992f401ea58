"""Challenges as an authority would make them."""

from mailtwist.tls.acme.api import Challenge, Kind

ACCOUNT = "https://ca.test/acct/1"
TOKEN = "evaGxfADs6pSRb2LAv9IZf17Dt3juxGJ-PCt92wr-oA"


def challenge(
    kind: Kind,
    name: str = "mail.example.test",
    *,
    wildcard: bool = False,
    token: str = TOKEN,
    issuers: tuple[str, ...] = ("ca.test",),
    account: str = ACCOUNT,
) -> Challenge:
    url = f"https://ca.test/chall/{kind}/{name}/{wildcard}/{token}"
    key_authorization = f"{token}.9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"
    return Challenge(
        kind, name, wildcard, url, token, key_authorization, "https://ca.test/directory", account, issuers
    )
