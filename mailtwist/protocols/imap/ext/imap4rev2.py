"""IMAP4rev2, if the client ENABLEs it: no \\Recent, ESEARCH answers, UTF-8 names, LIST in SELECT.  rfc9051"""

from mailtwist.protocols.imap.changes import REV2
from mailtwist.protocols.imap.extension import Enables, Extension
from mailtwist.protocols.imap.status_items import number

extension = Extension(
    name="imap4rev2",
    rfc=9051,
    capabilities=("IMAP4rev2",),
    enables=(Enables(REV2, written="IMAP4rev2"),),
    status_items=(number("DELETED", lambda status: status.deleted),),
    builds_on=(
        "binary",
        "enable",
        "esearch",
        "idle",
        "list_extended",
        "list_status",
        "literal_minus",
        "move",
        "namespace",
        "sasl_ir",
        "searchres",
        "special_use",
        "status_size",
        "uidplus",
        "unselect",
    ),
)
