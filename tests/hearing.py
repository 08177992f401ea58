"""What the log says during one test."""

from typing import Any

from twisted.logger import globalLogPublisher


def heard(case: Any) -> list[dict[str, Any]]:
    """Events with an id, as they are logged from now on, until the test ends."""
    events: list[dict[str, Any]] = []

    def hear(event: dict[str, Any]) -> None:
        if event.get("event_id"):
            events.append(event)

    globalLogPublisher.addObserver(hear)
    case.addCleanup(globalLogPublisher.removeObserver, hear)
    return events
