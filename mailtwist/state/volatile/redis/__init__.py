"""State that several nodes share, in Redis: limits, bans, used codes, logins under way, announcements."""

from dataclasses import dataclass
from typing import Literal

from mailtwist.config.part import Assembly, Part, installed
from mailtwist.config.problems import shown
from mailtwist.config.settings import setting
from mailtwist.kit.clock import Clock
from mailtwist.state.api import StateAway, Volatile
from mailtwist.state.redis.settings import RedisSettings, reached


class Prefix(str):
    """What all keys begin with."""

    __slots__ = ()

    @classmethod
    def parse(cls, text: str) -> "Prefix":
        if not (text.isascii() and text.replace("-", "").replace("_", "").isalnum() and len(text) <= 40):
            raise ValueError(f'"{shown(text)}" is no prefix; write letters, digits, "-" and "_"')
        return cls(text)


@dataclass(frozen=True)
class Settings(RedisSettings):
    """State that all nodes with the same Redis share."""

    prefix: Prefix = setting(
        Prefix("mailtwist"), words="What all keys begin with; systems with another one do not see each other."
    )
    when_away: Literal["temporary", "local"] = setting(
        "temporary",
        words="What new codes meet while Redis is away: temporary trouble, or the limits of this process"
        " alone.",
    )


def build(settings: Settings, assembly: Assembly) -> Volatile:
    """ValueError when the settings do not go together."""
    return made(settings, assembly)


def made(settings: Settings, assembly: Assembly, now: str | None = None) -> Volatile:
    """`now` is the clock in the scripts' own language; None: the server's."""
    from mailtwist.state.volatile.redis.calls import Calls
    from mailtwist.state.volatile.redis.floor import WithFloor
    from mailtwist.state.volatile.redis.scripts import NOW
    from mailtwist.state.volatile.redis.state import RedisState
    from mailtwist.state.volatile.redis.words import Words

    clock: Clock = assembly.clock
    is_local = settings.when_away == "local"
    reach = reached(settings, clock)
    prefix = b"{%s}:" % settings.prefix.encode()
    codes = "judged by the limits of each process" if is_local else "temporary trouble"
    calls = Calls(reach, str(settings.url), clock, codes, now or NOW)
    state = RedisState(calls, Words(calls, reach, prefix, clock), prefix, clock)
    if not is_local:
        return state
    memory = installed("mailtwist.state")["memory"].load()
    return WithFloor(state, memory.build(memory.settings(), assembly), clock)


async def check(settings: Settings, assembly: Assembly) -> list[tuple[str, str]]:
    """It is reached once, and nothing is written."""
    try:
        link = await reached(settings, assembly.clock).commands(lambda report: None)
    except (StateAway, ValueError) as error:
        return [("url", f"Redis cannot be used: {getattr(error, 'detail', error)}")]
    link.give_up("it has been tried")
    await link.lost()
    return []


part = Part(Settings, build, check)
