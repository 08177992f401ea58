"""Which commands and capabilities of an IMAP server pass a relay: those of which we know what they do."""

import re
from dataclasses import dataclass
from functools import lru_cache

_NEVER = """AUTHENTICATE COMPRESS LOGIN PROXYAUTH STARTTLS UID UNAUTHENTICATE XAUTHENTICATE XCLIENT XCOMPRESS
XFORWARD XLOGIN XPROXYAUTH XUNAUTHENTICATE X-UNAUTHENTICATE"""
NEVER = frozenset(_NEVER.split())
"""They would make somebody else of a client, or hide from us what comes next."""

OURS = frozenset({"CAPABILITY", "ID"})
"""Answered here."""

_ALWAYS = """APPEND CHECK CLOSE COPY CREATE DELETE EXAMINE EXPUNGE FETCH LIST LOGOUT LSUB NOOP RENAME SEARCH
SELECT STATUS STORE SUBSCRIBE UNSUBSCRIBE"""
_BY_UID = "COPY FETCH SEARCH STORE"
# What a server must have offered, one of several words; `UID name` is for the command with UID in front.
_COMMANDS = {
    "CANCELUPDATE": "CONTEXT",
    "COMPARATOR": "I18NLEVEL",
    "DELETEACL": "ACL",
    "ENABLE": "ENABLE IMAP4REV2",
    "ESEARCH": "MULTISEARCH",
    "GETACL": "ACL",
    "GETANNOTATION": "ANNOTATEMORE",
    "GETMETADATA": "METADATA METADATA-SERVER",
    "GETQUOTA": "QUOTA",
    "GETQUOTAROOT": "QUOTA",
    "IDLE": "IDLE IMAP4REV2",
    "LANGUAGE": "LANGUAGE",
    "LISTRIGHTS": "ACL",
    "MOVE": "MOVE IMAP4REV2",
    "MYRIGHTS": "ACL",
    "NAMESPACE": "NAMESPACE IMAP4REV2",
    "NOTIFY": "NOTIFY",
    "REPLACE": "REPLACE",
    "SETACL": "ACL",
    "SETANNOTATION": "ANNOTATEMORE",
    "SETMETADATA": "METADATA METADATA-SERVER",
    "SETQUOTA": "QUOTA",
    "SORT": "SORT",
    "THREAD": "THREAD",
    "UNSELECT": "UNSELECT IMAP4REV2",
    "XLIST": "XLIST",
    "UID EXPUNGE": "UIDPLUS IMAP4REV2",
    "UID MOVE": "MOVE IMAP4REV2",
    "UID REPLACE": "REPLACE",
    "UID SORT": "SORT",
    "UID THREAD": "THREAD",
}
# Capabilities that need nothing of us; with `=` those that have a value.
_WORDS = """IMAP4REV1 IMAP4REV2 ACL RIGHTS= ANNOTATE-EXPERIMENT-1 ANNOTATEMORE APPENDLIMIT APPENDLIMIT= BINARY
CATENATE CHILDREN CONDSTORE CONTEXT= CREATE-SPECIAL-USE ENABLE ESEARCH ESORT FILTERS I18NLEVEL= IDLE
INPROGRESS LANGUAGE LIST-EXTENDED LIST-METADATA LIST-MYRIGHTS LIST-STATUS MESSAGELIMIT= METADATA
METADATA-SERVER MOVE MULTIAPPEND MULTISEARCH NAMESPACE NOTIFY OBJECTID PARTIAL PREVIEW PREVIEW=
QRESYNC QUOTA QUOTA= QUOTASET REPLACE SAVEDATE SAVELIMIT= SEARCH= SEARCHRES SNIPPET= SORT SORT=
SPECIAL-USE STATUS= THREAD= UIDBATCHES UIDONLY UIDPLUS UNSELECT UTF8= WITHIN X-GM-EXT-1 XLIST"""
_CARRIED = frozenset(_WORDS.split())
_HERE = ("ID", "LITERAL+")
_WORD = re.compile(r"[!-~]{1,200}")


@dataclass(frozen=True, slots=True)
class Carried:
    """What of one list of capabilities passes: the words that a client is told, and the commands, with UID in
    front where that is meant."""

    words: tuple[str, ...]
    commands: frozenset[str]

    @property
    def said(self) -> bytes:
        return b"CAPABILITY " + " ".join(self.words).encode("ascii")


@lru_cache(maxsize=256)
def carried(offered: tuple[str, ...], allow: frozenset[str] = frozenset()) -> Carried:
    """One for all sessions that were offered the same.  `allow` are names in upper case that pass besides."""
    upper = {word.upper() for word in offered}
    names = {word.partition("=")[0] for word in upper} - {"LITERAL-"}
    commands = set(_ALWAYS.split()) | {f"UID {name}" for name in _BY_UID.split()}
    commands |= {name for name, needs in _COMMANDS.items() if not names.isdisjoint(needs.split())}
    commands |= {name for one in allow - NEVER - OURS for name in (one, f"UID {one}")}
    words = [word for word in offered if _WORD.fullmatch(word) and _passes(word.upper(), allow)]
    if not {"IMAP4REV1", "IMAP4REV2"} & upper:
        words.insert(0, "IMAP4rev1")
    return Carried(tuple(dict.fromkeys((*words, *_HERE))), frozenset(commands))


def _passes(word: str, allow: frozenset[str]) -> bool:
    name, equals, _ = word.partition("=")
    return name + equals in _CARRIED or (name in allow and name not in NEVER)
