"""What the answer to a bind means: right, wrong, refused for a reason, or trouble.  rfc4511#4.1.9"""

import re

from mailtwist.auth.directories.ldap.connection import failed
from mailtwist.auth.directories.ldap.messages import Result

RIGHT, WRONG = "", "wrong-password"

_DATA = re.compile(r"\bdata ([0-9a-fA-F]{1,8})\b")
_AD_SAYS = {
    "525": WRONG,  # no such person, who is not told apart
    "52e": WRONG,
    "530": "not-at-this-hour",
    "531": "not-from-this-computer",
    "532": "password-expired",
    "533": "disabled",
    "701": "account-expired",
    "773": "must-change",
    "775": "account-locked",
}
_INVALID, _NO_SUCH_OBJECT, _INAPPROPRIATE, _CONSTRAINT, _UNWILLING = 49, 32, 48, 19, 53
_INACTIVE = ("inactivated", "account is locked", "account disabled")
"""What 389 Directory Server says with 53, which elsewhere is trouble."""


def of_bind(result: Result) -> str:
    """`RIGHT`, `WRONG`, or why a password that may be right is refused: a reason for the log.  `NotAnswered`
    for everything that says nothing about the password."""
    if result.code == 0:
        return result.policy  # it is right, and there is more
    if result.code == _INVALID:
        found = _DATA.search(result.words)
        return _AD_SAYS.get(found[1].lower(), WRONG) if found else result.policy or WRONG
    if result.code in (_NO_SUCH_OBJECT, _INAPPROPRIATE):  # the entry has gone, or has no password
        return WRONG
    if result.code == _CONSTRAINT:  # 389 Directory Server: too many wrong ones
        return "account-locked"
    if result.code == _UNWILLING and any(words in result.words.lower() for words in _INACTIVE):
        return "disabled"
    raise failed(result)
