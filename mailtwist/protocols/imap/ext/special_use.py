"""SPECIAL-USE: which mailbox is for sent mail, drafts, junk; CREATE can say so.  rfc6154"""

import re
from collections.abc import Mapping
from typing import Any

from mailtwist.protocols.errors import Malformed
from mailtwist.protocols.imap.arguments import Arguments
from mailtwist.protocols.imap.command import No, State
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.list_options import Return, Returned, Selection
from mailtwist.protocols.imap.modifiers import CreateParameter

USES = {use.upper(): use for use in ("\\Archive", "\\Drafts", "\\Junk", "\\Sent", "\\Trash")}
"""Those of mailboxes that hold messages; \\All, \\Flagged and \\Important show messages of others."""

_ATTRIBUTE = re.compile(rb"\\[^\x00-\x20(){%*\"\\\]\x7f-\xff]+")


def _use(arguments: Arguments) -> Mapping[str, Any]:
    """` (\\Sent)`"""
    arguments.space()
    uses = set(arguments.list_of(lambda: _attribute(arguments), least=0))
    if len(uses) > 1:
        raise No("A mailbox has one special use", "USEATTR")
    if not uses <= USES.keys():
        raise No("That is no use for a mailbox here", "USEATTR")
    return {"special_use": USES[uses.pop()]} if uses else {}


def _attribute(arguments: Arguments) -> str:
    found = arguments.match(_ATTRIBUTE)
    if found is None:
        raise Malformed("Expected an attribute")
    return found[0].decode("ascii").upper()


extension = Extension(
    name="special_use",
    rfc=6154,
    capabilities=("SPECIAL-USE", "CREATE-SPECIAL-USE"),
    told_in=State.LOGGED_IN,
    create_parameters=(CreateParameter("USE", _use),),
    list_selections=(Selection("SPECIAL-USE", lambda listed: listed.special_use is not None),),
    list_returns=(Return("SPECIAL-USE", lambda arguments: Returned()),),  # LIST always tells (rfc6154#2)
)
