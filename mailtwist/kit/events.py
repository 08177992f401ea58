"""What the log says: each message is a named constant whose id operators and fail2ban can rely on."""

from contextvars import ContextVar
from dataclasses import dataclass
from time import time
from typing import Any

from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure

connection_id: ContextVar[str] = ContextVar("connection_id", default="")
login_id: ContextVar[str] = ContextVar("login_id", default="")

_log = Logger(namespace="mailtwist")
_LEVELS = {
    "debug": LogLevel.debug,
    "info": LogLevel.info,
    "warn": LogLevel.warn,
    "error": LogLevel.error,
    "critical": LogLevel.critical,
}
EVENTS: dict[str, "Event"] = {}


@dataclass(frozen=True)
class Event:
    """`id` is API (documented, asserted in tests); `words` is a format string; `level` one of
    debug, info, warn, error, critical.  Fields never carry a secret."""

    id: str
    words: str
    level: str = "info"

    def __post_init__(self) -> None:
        if self.id in EVENTS:
            raise ValueError(f"two events are called {self.id}")
        EVENTS[self.id] = self

    def log(self, **fields: Any) -> None:
        _log.observer(
            {
                "connection": connection_id.get(),
                "login": login_id.get(),
                **fields,
                "event_id": self.id,
                # What `Logger.emit` adds, when it has made sure of what is sure here.
                "log_logger": _log,
                "log_level": _LEVELS[self.level],
                "log_namespace": _log.namespace,
                "log_source": None,
                "log_format": self.words,
                "log_time": time(),
            }
        )

    def failure(self, failure: Failure | None = None, **fields: Any) -> None:
        """Logged with the traceback, so that trial fails the test in which it happens."""
        known = {**_ids(), **fields}
        _log.failure(self.words, failure or Failure(), LogLevel.critical, event_id=self.id, **known)


def _ids() -> dict[str, str]:
    return {"connection": connection_id.get(), "login": login_id.get()}
