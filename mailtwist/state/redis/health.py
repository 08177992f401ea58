"""What a Redis says about itself, and what an operator should hear about that."""

from collections.abc import Iterator
from dataclasses import dataclass

from mailtwist.kit.events import Event

LAG = 10  # seconds by which a replica may be behind

MAY_EVICT = Event(
    "state.redis_may_evict",
    "Redis at {place} has maxmemory-policy {policy}: when its memory is full it forgets limits, bans and used"
    " codes; set noeviction, or give it a Redis of its own",
    "warn",
)
LAGS = Event(
    "state.redis_lags",
    "A replica of Redis at {place} is {behind}: what it has not got is lost when it becomes the master",
    "warn",
)


@dataclass(frozen=True, slots=True)
class Report:
    """`policy` is '' when nothing is ever evicted; `behind` is '' when all replicas keep up."""

    is_master: bool
    is_loading: bool
    policy: str
    behind: str

    def warn(self, place: str) -> None:
        if self.policy:
            MAY_EVICT.log(place=place, policy=self.policy)
        if self.behind:
            LAGS.log(place=place, behind=self.behind)


def report(info: bytes) -> Report:
    """From the answer to INFO."""
    lines = info.decode("ascii", "replace").splitlines()
    fields = dict(line.split(":", 1) for line in lines if ":" in line)
    policy = fields.get("maxmemory_policy", "noeviction")
    return Report(
        is_master=fields.get("role") == "master",
        is_loading=fields.get("loading", "0") != "0",
        policy="" if policy == "noeviction" or fields.get("maxmemory", "0") == "0" else policy,
        behind=next(_behind(fields), ""),
    )


def _behind(fields: dict[str, str]) -> Iterator[str]:
    for n in range(int(fields.get("connected_slaves", "0"))):
        about = dict(one.split("=", 1) for one in fields.get(f"slave{n}", "").split(",") if "=" in one)
        lag = int(about.get("lag", "0"))
        if about.get("state") != "online":
            yield f"not online ({about.get('state', 'unknown')})"
        elif lag > LAG:
            yield f"{lag} seconds behind"
