"""What mails about an account say, in English: the one file to translate."""

from collections.abc import Mapping
from dataclasses import dataclass

LANGUAGE = "en"


@dataclass(frozen=True, slots=True)
class Wording:
    """`subject` of the mail; `what` happened; `mine`: what to do if the reader knows of it; `not_mine`: what
    to do if not.  Words in braces are facts; a sentence whose fact is not known is left out."""

    subject: str
    what: tuple[str, ...]
    mine: str
    not_mine: str


HELLO = "This is about your mail account {name} on {hostname}."
FACTS: Mapping[str, str] = {
    "when": "When",
    "address": "Address",
    "network": "Network",
    "client": "Program",
    "protocol": "Protocol",
    "label": "Name",
    "factor": "Kind",
    "device": "Device",
    "by": "Done by",
    "why": "Reason",
    "left": "Left",
    "until": "Until",
    "login": "Login",
}
"""The facts of a mail, in their order, and what they are called."""

IF_MINE = "If this was you: {what}"
IF_NOT_MINE = "If this was not you: {what}"
GOODBYE = "This mail was written by a program; nobody reads answers to it."

SOMEBODY_KNOWS = (
    "somebody knows your password. Change it at once, and ask whoever runs this server to end all sessions"
    " and remembered devices of your account."
)
NOTHING = "there is nothing to do."

WORDINGS: Mapping[str, Wording] = {
    "new-device": Wording(
        "A new device logs in to your mail account",
        (
            "A mail program logged in with your password and a fresh code. From now on what it has saved is"
            " remembered, so that it need not ask for a code each time.",
            "You had not been in its network before: {new_network}.",
        ),
        NOTHING,
        SOMEBODY_KNOWS,
    ),
    "new-network": Wording(
        "Your mail account is used from a new network",
        ("One of your mail programs logged in from a network where you had not been.",),
        NOTHING,
        SOMEBODY_KNOWS,
    ),
    "out-of-context": Wording(
        "A saved password was not accepted from another network",
        (
            "Somebody tried to log in with a password that one of your mail programs has saved, from a"
            " network where it was never used. It was refused. You get at most one such mail a day.",
        ),
        "log in from there once with a fresh code (password@code), or give that program a device code or an"
        " app password, which work everywhere.",
        "somebody has what your mail program has saved. Change your password, and have that device revoked.",
    ),
    "locked": Wording(
        "Too many wrong passwords for your mail account",
        (
            "There were so many failed logins to your account that new devices have to wait for now. Mail"
            " programs that you use already go on working.",
            "It ends by itself: {until}.",
        ),
        "look for a mail program with an old password, and enter the new one there.",
        "somebody is guessing. Nobody got in; a password that you use nowhere else keeps it so.",
    ),
    "recovery-used": Wording(
        "A recovery code of your mail account was used",
        (
            "One of your recovery codes was used at a login. It cannot be used again.",
            "Codes that are left: {left}.",
        ),
        "get new recovery codes before the last one is used.",
        "somebody has your recovery codes, and perhaps your password. Change it, and have new codes made.",
    ),
    "factor-added": Wording(
        "Your mail account has a new second factor",
        ("A second factor was added to your account. Codes from it are accepted from now on.",),
        NOTHING,
        "somebody else can make codes for your account. Ask whoever runs this server to remove it at once,"
        " and change your password.",
    ),
    "factor-removed": Wording(
        "A second factor of your mail account was removed",
        ("A second factor was removed from your account. Codes from it are not accepted any more.",),
        NOTHING,
        "ask whoever runs this server what happened, and change your password.",
    ),
    "factor-reset": Wording(
        "The second factor of your mail account was reset",
        (
            "All second factors of your account were removed, and what mail programs have saved is not"
            " accepted any more. You need a new second factor to log in.",
        ),
        "get a new second factor from whoever runs this server.",
        "ask whoever runs this server what happened: with a reset, somebody may have wanted to take your"
        " account.",
    ),
    "device-evicted": Wording(
        "A remembered device of your mail account was forgotten",
        (
            "Your account has as many remembered devices as it may have. A new one came, so the one that was"
            " not used for longest was forgotten; its mail program cannot log in any more.",
        ),
        "log in there with a fresh code if you still use that program.",
        SOMEBODY_KNOWS,
    ),
    "app-password-added": Wording(
        "Your mail account has a new app password",
        ("An app password was made for your account. It gets in without a code.",),
        NOTHING,
        "ask whoever runs this server to revoke it at once, and change your password.",
    ),
    "factor-coming": Wording(
        "Your mail account will need a second factor",
        (
            "Your account will need a second factor. Until now you log in without one, and that will not work"
            " any more.",
            "From this day on: {date}.",
        ),
        "get a second factor from whoever runs this server, and enter password@code in your mail program, or"
        " an app password.",
        "somebody knows your password. Change it at once.",
    ),
    "approval-denied": Wording(
        "A login to your mail account was denied on your phone",
        (
            "Somebody wanted to log in with your password, and it was denied where you are asked. Nobody got"
            " in.",
        ),
        "whoever denies a login of his own begins it again, and approves it then.",
        SOMEBODY_KNOWS,
    ),
    "approval-enough": Wording(
        "You are not asked about logins to your mail account for now",
        (
            "There were many logins with your password that you did not approve on your phone. Nobody got in"
            " by them, and you are not asked about more of them for a while.",
        ),
        "log in with password@code or an app password, or wait until tomorrow.",
        SOMEBODY_KNOWS,
    ),
}
