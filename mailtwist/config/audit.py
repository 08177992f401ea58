"""The section [audit]: where decisions are written down besides the log."""

from dataclasses import dataclass

from mailtwist.config.places import File
from mailtwist.config.settings import setting


@dataclass(frozen=True)
class AuditSettings:
    """What is written down about logins.  The section may be left out."""

    path: File | None = setting(
        None,
        words="A file that gets one JSON object per decision, opened again at SIGHUP; by default the log"
        " alone tells of them.",
        example="/var/log/mailtwist/audit.json",
    )
