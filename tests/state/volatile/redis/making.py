"""States in Redis, as a config makes them."""

from pathlib import Path
from typing import Any

from mailtwist.config.secret import Secret
from mailtwist.config.values import Duration
from mailtwist.kit.clock import SystemClock
from mailtwist.kit.ids import new_id
from mailtwist.state.redis.place import Url
from mailtwist.state.volatile.redis import Prefix, Settings, made
from mailtwist.testing.assembly import OnePart
from tests.state.redis_server import RedisServer


def settings_for(server: RedisServer, prefix: str = "", **more: Any) -> Settings:
    """Those for a server without TLS, with a prefix that nobody else has."""
    known = {
        "url": Url.parse(f"redis://127.0.0.1:{server.port}"),
        "prefix": Prefix(prefix or new_id()),
        "timeout": Duration(2),
    }
    return Settings(**{**known, **more})


def made_for(settings: Settings, now: str | None = None) -> Any:
    """A state, not begun; its timers are the reactor's."""
    return made(settings, OnePart(Path("nowhere"), clock=SystemClock()), now)


def secret(text: str) -> Secret:
    return Secret(text)
