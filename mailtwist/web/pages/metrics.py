"""`/metrics`: what Prometheus collects, for networks that may know it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from mailtwist.config.network import Networks
from mailtwist.config.part import Assembly, Part
from mailtwist.config.settings import setting
from mailtwist.kit.threads import Threads
from mailtwist.web.api import Answer, Asked, Page, said
from mailtwist.web.counted import Values, Workers, the_workers, together
from mailtwist.web.dates import the_dates

NOT_FOR_YOU = said(403, "Metrics are not for your network.")
KIND = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True)
class Settings:
    """Counters and gauges in the format of Prometheus."""

    clients: Networks = setting(
        Networks.parse("127.0.0.0/8, ::1"),
        words="Who may read them. Behind a proxy without a PROXY header everybody has the proxy's address.",
    )


class Told:
    """`generate_latest` asks this for what there is."""

    def __init__(self, others: Sequence[Values]) -> None:
        """As it is now."""
        self._now = list(together(others))

    def collect(self) -> Iterator[Metric]:
        for metric, values in self._now:
            kind = CounterMetricFamily if metric.kind == "counter" else GaugeMetricFamily
            family = kind(f"mailtwist_{metric.id}", metric.words, labels=metric.labels)
            for labels, value in sorted(values.items()):
                family.add_metric(labels, value)
            yield family


class Reading:
    """For `clients`, and for those who come through a Unix socket, which has permissions of its own."""

    def __init__(self, clients: Networks, workers: Workers, threads: Threads) -> None:
        self._clients = clients
        self._workers = workers
        self._threads = threads

    async def answer(self, asked: Asked) -> Answer:
        if asked.address and not self._clients.contains(asked.address):
            return NOT_FOR_YOU
        told = Told(await self._workers.others())
        return Answer(200, await self._threads.run(_written, told), KIND)


def _written(told: Told) -> bytes:
    """Blocks for some milliseconds."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(told)
    return bytes(generate_latest(registry))


def build(settings: Settings, assembly: Assembly) -> Page:
    assembly.one(the_dates)
    reading = Reading(settings.clients, assembly.one(the_workers), assembly.threads)
    return Page("metrics", ("/metrics",), reading.answer, quiet=True)


part = Part(Settings, build)
