"""Why a login was not accepted: every code that the log, the history and `mailtwist explain` can have."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["refused", "unavailable", "gone"]


@dataclass(frozen=True, slots=True)
class Reason:
    """`code` is API.  `sentence` says what happened, to an operator; `advice` what helps, '' when there is
    nothing to do.  `settings` are those behind it, as `[section] name`.  `guess`: somebody who guesses gets
    this, so programs that ban addresses may count it, unless the same wrong secret was seen before."""

    code: str
    outcome: Outcome
    sentence: str
    advice: str = ""
    settings: tuple[str, ...] = ()
    guess: bool = False


_ALL = (
    # -- what the client sent cannot be right
    Reason(
        "no-tls",
        "refused",
        "The client wanted to log in without encryption; its secret was not looked at.",
        "Set the mail program to TLS.",
        ("[server] trusted_networks",),
    ),
    Reason(
        "bad-octets",
        "refused",
        "The name or the secret is empty, too long, or has control characters in it.",
        guess=True,
    ),
    Reason("bad-name", "refused", "What stands in the name's field can be nobody's name.", guess=True),
    Reason(
        "other-identity",
        "refused",
        "The client logged in as one account and wanted to be another.",
        "Leave the authorization identity empty in the mail program.",
        guess=True,
    ),
    Reason("unknown", "refused", "Nobody has this name.", "", ("[login] default_domain",), guess=True),
    Reason("disabled", "refused", "The account is disabled.", "mailtwist user enable NAME"),
    # -- the second factor
    Reason(
        "no-code",
        "refused",
        "The account needs a second factor, and the secret had no code in it; nobody was asked about it.",
        "The password's field has to hold password@code, or an app password.",
        ("[login] factor",),
        guess=True,
    ),
    Reason("no-password", "refused", "There was a code, but no password before it.", guess=True),
    Reason(
        "wrong-code",
        "refused",
        "The code was not right; the password was not looked at.",
        "Look at the clocks of the phone and of this machine.",
        guess=True,
    ),
    Reason(
        "used-code",
        "refused",
        "The code was right, but it was used before: by another string, from another address, or too long ago"
        " to belong to the same client.",
        "Wait for the next code.",
        ("[login] join",),
    ),
    Reason(
        "refused-before",
        "refused",
        "The same string was wrong before, so it was neither judged nor counted again (30 days for a wrong"
        " code): a fixed list of strings meets no new codes.",
        "A mail program has an old password saved; enter a new one there.",
    ),
    Reason(
        "wrong-either",
        "refused",
        "The password or the code was not right: the service takes both in one, and does not tell which.",
        guess=True,
    ),
    Reason(
        "not-approved",
        "refused",
        "The password was right and had no code in it, and its owner did not say yes on his phone in time.",
        "Log in again after a while and say yes; or with password@code, or an app password.",
        ("[login] approved",),
    ),
    Reason(
        "asked-already",
        "refused",
        "The password was right, and its owner was just being asked on his phone about another login.",
        "Log in again in a minute.",
    ),
    Reason(
        "asked-enough",
        "refused",
        "The password was right, but its owner was asked on his phone too often lately, and has not said yes:"
        " he is not asked again. Somebody may know his password.",
        "Log in with password@code or an app password; change the password if it was not him.",
        ("[limits] prompts", "[limits] prompts_long"),
    ),
    # -- strings that passed before
    Reason(
        "revoked-device",
        "refused",
        "The string is that of a device that was revoked.",
        "Log in with a fresh code, or give the device an app password.",
        ("[login] devices",),
    ),
    Reason(
        "expired",
        "refused",
        "The string is that of a device or an app password whose time is over.",
        "Log in with a fresh code, or make a new app password.",
        ("[login] remember", "[login] idle"),
    ),
    Reason(
        "wrong-app-password",
        "refused",
        "The secret has the form of an app password, and there is none like it; nobody was asked about it.",
        "mailtwist app-password list NAME; mailtwist app-password add NAME",
    ),
    Reason(
        "no-vault",
        "refused",
        "What was sent is right, but the directory, or the server behind, wants a password of its own, and"
        " none is sealed in it: in an app password of before, or in a password with a code.",
        "mailtwist app-password add NAME, and enter the new one in the mail program.",
    ),
    Reason(
        "other-network",
        "refused",
        "The string is right, but it was never used from this network. Nothing is counted for that.",
        "Log in from there once with a fresh code, or use a device code or an app password.",
    ),
    Reason(
        "other-protocol",
        "refused",
        "The string is right, but not for this protocol.",
        "Make an app password with this protocol in its scope.",
    ),
    Reason(
        "stale-device",
        "refused",
        "The password in the device's string was right once and was refused later, twice at least ten minutes"
        " apart: it was changed, and nobody is asked about this string any more.",
        "Enter the new password, with a fresh code, in that mail program.",
    ),
    Reason(
        "old-password",
        "refused",
        "The string is that of a known device, but the directory refused the password in it. Nothing is"
        " counted for that.",
        "Enter the new password, with a fresh code, in that mail program.",
    ),
    # -- the password
    Reason(
        "wrong-password",
        "refused",
        "The second factor passed, or none was needed; the directory refused the password.",
        guess=True,
    ),
    Reason(
        "refused-behind",
        "refused",
        "The directory took the password, and the server behind did not: the two are not the same.",
        "Change one of the two; or let the server behind be the directory ([directory:...] type = upstream).",
    ),
    # -- access tokens
    Reason(
        "bad-token",
        "refused",
        "The access token is not valid here: another issuer's, for somebody else to read (audience), not"
        " signed by a key of its issuer, or withdrawn.",
        "mailtwist directory test NAME USER --token says what is wrong with one.",
        guess=True,
    ),
    Reason(
        "expired-token",
        "refused",
        "The access token was right, and is over. Nothing is counted for that.",
        "The mail program gets a new one by itself, or asks its owner to log in at the provider again.",
    ),
    Reason(
        "others-token",
        "refused",
        "The access token is valid, and not that of the account whose name came with it.",
        "Enter the name that the provider has for the account; name_claim of the directory says where it is.",
        guess=True,
    ),
    Reason(
        "token-without-factor",
        "refused",
        "The account needs a second factor, and its issuer does not say that one was shown, or is not"
        " believed. Nothing is counted for that.",
        "Let the provider ask for one, and say in the directory what its tokens tell then: second_factor,"
        " acr, amr.",
        ("[login] factor",),
    ),
    # -- what is away, or waits
    Reason(
        "away",
        "unavailable",
        "Something that the decision needs did not answer; nothing was decided and nothing is counted.",
    ),
    Reason(
        "directory-away",
        "unavailable",
        "The directory did not answer a moment ago, or refused everybody, and is left alone for a while: no"
        " code was looked at, and no password.",
        "Look for directory.away in the log.",
        ("[login] directory_troubles", "[login] directory_pause"),
    ),
    Reason(
        "directory-doubted",
        "unavailable",
        "The directory refused the passwords of several saved strings at once, and accepted nobody: it is not"
        " believed, and nothing is counted.",
        "Look for directory.away in the log.",
    ),
    Reason(
        "factor-away",
        "unavailable",
        "The service that judges the second factor did not answer, or with something that is no answer, or is"
        " left alone for a while after that.",
        "Look for factor.away in the log; mailtwist factor test NAME USER",
    ),
    Reason(
        "device-waits",
        "unavailable",
        "The directory refused the password in this string a moment ago; it is asked again ten minutes"
        " after that.",
        "If the password was changed, enter the new one in that mail program.",
    ),
    Reason(
        "ended-meanwhile",
        "unavailable",
        "The account was changed while it logged in, so what had let it in may be gone; nothing is counted.",
    ),
    Reason(
        "banned",
        "unavailable",
        "An administrator has banned the account or the address.",
        "mailtwist ban list",
    ),
    Reason(
        "not-connected",
        "unavailable",
        "The server behind takes access tokens, and nobody has connected this account with their provider.",
        "mailtwist oauth connect NAME",
    ),
    Reason(
        "token-refused",
        "unavailable",
        "The provider takes the account's refresh token no more, or the server behind none of the access"
        " tokens that it gives.",
        "mailtwist oauth connect NAME; look for oauth.refused in the log.",
    ),
    Reason(
        "no-token",
        "unavailable",
        "The provider of access tokens did not give one now.",
        "Look for oauth.away in the log.",
    ),
    Reason("state-away", "unavailable", "The state could not be read or written.", "Look at the disk."),
    Reason(
        "too-many-attempts",
        "unavailable",
        "A limit was reached, so nothing was looked at; devices that are known are not limited at the address"
        " where they were last.",
        "",
        ("[limits]",),
    ),
    Reason("broken", "unavailable", "A fault of the program; the log has the traceback.", "Report it."),
    # -- nobody hears it
    Reason(
        "gone",
        "gone",
        "The client left before anything was decided. If its secret was being judged, that is counted like a"
        " wrong one.",
    ),
)

REASONS = {reason.code: reason for reason in _ALL}
