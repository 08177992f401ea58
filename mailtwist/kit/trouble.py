"""What went wrong, said once: the only exception that crosses a room's wall.  rfc3463"""

import re

_STATUS = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")


class Trouble(Exception):
    """Something a peer has to hear about.

    `status` is an enhanced status code (rfc3463#2): first digit 4 is temporary, 5 permanent.
    `public` is safe for strangers: one line of printable ASCII.
    `detail` is for the log only.

    Each protocol turns `status` into its own words; anything that is not a `Trouble` is a bug:
    the peer hears 4.3.0 and the log gets the traceback.
    """

    def __init__(self, status: str, public: str, detail: str = "") -> None:
        if not _STATUS.fullmatch(status):
            raise ValueError(f"not an enhanced status code: {status!r}")
        super().__init__(public)
        self.status = status
        self.public = public
        self.detail = detail

    @property
    def temporary(self) -> bool:
        return self.status.startswith("4")

    def __str__(self) -> str:
        said = f"{self.status} {self.public}"
        return f"{said} ({self.detail})" if self.detail else said
