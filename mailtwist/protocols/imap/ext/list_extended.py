"""LIST-EXTENDED: LIST by what is subscribed, and by several patterns.  rfc5258 rfc9051#6.3.9.1"""

from mailtwist.protocols.imap.command import State
from mailtwist.protocols.imap.extension import Extension
from mailtwist.protocols.imap.list_options import Return, Returned, Selection, attribute

SELECTIONS = (
    Selection("SUBSCRIBED", lambda listed: listed.subscribed, returns="SUBSCRIBED"),
    Selection("REMOTE"),  # nothing lies on other servers
    Selection("RECURSIVEMATCH", holders=True),
)
RETURNS = (
    attribute("SUBSCRIBED", lambda listed: "\\Subscribed" if listed.subscribed else None),
    Return("CHILDREN", lambda arguments: Returned()),  # LIST always tells (rfc5258#4)
)

extension = Extension(
    name="list_extended",
    rfc=5258,
    capabilities=("LIST-EXTENDED",),
    told_in=State.LOGGED_IN,
    list_selections=SELECTIONS,
    list_returns=RETURNS,
)
