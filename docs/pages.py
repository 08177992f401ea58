"""`make docs`: the pages that are made from the code.

python docs/pages.py            writes them
python docs/pages.py --check    names those that the code has left behind (exit 1)
"""

import importlib
import pkgutil
import re
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import nginx
import rfcs
import threats
from markup import NOTE, Row, heading, names, table

import mailtwist
from mailtwist.auth.reasons import REASONS, Reason
from mailtwist.config.page import own
from mailtwist.config.page import page as configuration
from mailtwist.kit.events import Event
from mailtwist.kit.metrics import MOST, OTHER, Metric
from mailtwist.protocols.imap.server import IMAP4Server
from mailtwist.protocols.pop3.server import POP3Server
from mailtwist.protocols.smtp.server import ESMTPServer
from mailtwist.protocols.stock import seam

DOCS = Path(__file__).resolve().parent

# -- extending/twisted-mail
SERVERS = {"SMTP": ESMTPServer, "IMAP": IMAP4Server, "POP3": POP3Server}
PLACES = {
    "used": "we use it, and so may you",
    "overridable": "you may override it",
    "ours": "replaced; ``super()`` reaches ours",
    "closed": "closed",
}


def twisted_mail() -> str:
    """The text of `twisted-mail.in`, with a table for each line `@seam NAME`."""
    text = (DOCS / "extending" / "twisted-mail.in").read_text("utf-8")
    made = {f"@seam {name}": seam_table(kind).rstrip("\n") for name, kind in SERVERS.items()}
    return f"{NOTE}\n\n" + "\n".join(made.get(line, line) for line in text.split("\n"))


def seam_table(kind: type) -> str:
    """Where each method and dispatch table of the stock class has gone."""
    places = seam(kind)
    stock = kind.__seam__[0]  # type: ignore[attr-defined]
    rows = [(title, names(_together(places, place))) for place, title in PLACES.items()]
    title = f"``{stock.__module__}.{stock.__name__}`` in ``{kind.__module__}.{kind.__name__}``"
    return table(("what became of it", "names"), rows, "20 80", title)


def _together(places: Mapping[str, str], place: str) -> Iterator[str]:
    """The names in `place`; `search_*` where all with that beginning are there.  Private ones that are closed
    are left out."""
    families = Counter((_family(name), its) for name, its in places.items())
    whole = {
        family
        for (family, its), count in families.items()
        if family and its == place and count > 2 and count == sum(families[family, p] for p in PLACES)
    }
    for family in sorted(whole):
        yield f"{family}_*"
    for name, its in places.items():
        if its == place and _family(name) not in whole and not (place == "closed" and name[0] == "_"):
            yield name


def _family(name: str) -> str:
    return name.partition("_")[0] if "_" in name[1:] else ""


# -- operators/events
EVENTS_HEAD = """\
Events
======

Each line of the log is one of these events. Its id is part of mailtwist's interface: scripts and fail2ban
can rely on it; the words may change. ``log_level`` in ``[server]`` says from which level on events are
logged: debug, info, warn, error, critical.

A line has the time in UTC, the level, the id, in brackets the connection and the login it belongs to, and
the words::

    2027-01-15T08:00:00.125Z warn login.refused [k3x8p0a9wq2e f7m1z5t4c6bd] ann@example.org ...

With ``log_format = json`` it is an object with these as ``time``, ``level``, ``event``, ``connection``,
``login`` and ``message``, and with a field for each word in braces (and for more than the words show). A
module's name in place of the id: the line comes from Twisted or from an extension.
"""


def events() -> str:
    found = {event.id: event for _, event in _events()}
    groups: dict[str, list[Row]] = {}
    with_traceback = _with_traceback()
    for id, event in sorted(found.items()):
        level = "critical, with a traceback" if id in with_traceback else event.level
        groups.setdefault(id.partition(".")[0], []).append((f"``{id}``", level, f"``{event.words}``"))
    parts = [NOTE, "", EVENTS_HEAD]
    for group, rows in groups.items():
        parts += [heading(group), table(("id", "level", "words"), rows, "25 15 60")]
    return "\n".join(parts)


def modules() -> list[ModuleType]:
    """All of mailtwist but what is for tests."""
    found = pkgutil.walk_packages(mailtwist.__path__, "mailtwist.")
    wanted = [one.name for one in found if not one.name.startswith("mailtwist.testing")]
    return [importlib.import_module(name) for name in wanted]


def _events() -> Iterator[tuple[ModuleType, Event]]:
    for module in modules():
        yield from ((module, value) for value in vars(module).values() if isinstance(value, Event))


def _with_traceback() -> set[str]:
    """Ids of events that tell failures and nothing else."""
    told: dict[str, set[str]] = {"log": set(), "failure": set()}
    for module in modules():
        text = Path(str(module.__file__)).read_text("utf-8")
        for name, how in re.findall(r"\b([A-Z][A-Z0-9_]*)\.(log|failure)\(", text):
            if isinstance(event := getattr(module, name, None), Event):
                told[how].add(event.id)
    return told["failure"] - told["log"]


# -- operators/metrics
METRICS_HEAD = """\
Metrics
=======

What Prometheus, or anything that reads its text format, can collect from the page ``metrics`` of a
`site <web.rst>`_::

    [service:metrics]
    type = web
    listen = 127.0.0.1:9273
    pages = metrics

It is for this machine unless ``[page:metrics]`` says for which networks (``clients``). The names are part
of mailtwist's interface; the words may change. Of a metric there are at most {most} different labels: what a
counter has more is counted as ``{other}``, and a gauge shows nothing of it. With several ``workers`` any of
them answers for all: counters are added up, and a few seconds behind. They begin at 0 with the process.

What is worth an alarm: ``mailtwist_tls_days_left`` below a quarter of a certificate's life;
``mailtwist_acme_last_failure`` after ``mailtwist_acme_last_success`` for a day.
"""


def metrics() -> str:
    rows = []
    for metric in sorted(_metrics(), key=lambda one: one.id):
        name = f"mailtwist_{metric.id}" + "_total" * (metric.kind == "counter")
        rows.append(
            (f"``{name}``", metric.kind, names(metric.labels) if metric.labels else "", _plain(metric.words))
        )
    head = METRICS_HEAD.format(most=MOST, other=OTHER)
    return "\n".join([NOTE, "", head, table(("name", "kind", "labels", "what"), rows, "35 10 15 40")])


def _metrics() -> Iterator[Metric]:
    """Each once, wherever it is imported to."""
    found = [value for module in modules() for value in vars(module).values() if isinstance(value, Metric)]
    yield from {metric.id: metric for metric in found}.values()


# -- operators/reasons
REASONS_HEAD = """\
Why a login was not accepted
============================

The reasons in the log, in the file of ``[audit]``, in the history and in ``mailtwist explain``. Their codes
are API. What counts is charged to `limits <limits.rst>`_, and programs that ban addresses may count it.
"""


def reasons() -> str:
    parts = [NOTE, "", REASONS_HEAD]
    titles = {"refused": "Refused", "unavailable": "For now", "gone": "Nobody was there to hear it"}
    for outcome, title in titles.items():
        rows = [
            (f"``{reason.code}``", _sentences(reason), names(reason.settings) if reason.settings else "")
            for reason in REASONS.values()
            if reason.outcome == outcome
        ]
        parts += [heading(title), table(("reason", "what it means", "settings"), rows, "20 60 20")]
    return "\n".join(parts)


def _sentences(reason: Reason) -> str:
    told = [reason.sentence, reason.advice and f"What helps: {reason.advice}", "It counts." * reason.guess]
    return _plain(" ".join(filter(None, told)))


# -- conformance
CONFORMANCE_HEAD = """\
RFCs
====

What is spoken, and which RFCs the code cites and where. A citation gives the reason for what stands beside
it; it does not say that everything in that section is done. It has the form ``rfc5321#4.1.1.2``;
``docs/rfcs.tsv`` holds the titles, and ``make check`` fails when a citation is not in there.
"""


def conformance() -> str:
    parts = [NOTE, "", CONFORMANCE_HEAD, heading("What is spoken")]
    for protocol in SERVERS:
        parts += [_spoken(protocol, protocol.lower())]
    parts += [_spoken("ManageSieve, up to the login", "sieve")]
    titles, cited = rfcs.indexed(), rfcs.cited()
    parts += [heading("What is cited")]
    for number in sorted({number for number, _ in titles}):
        rows = [
            (section or "all", title if section else "", _files(cited[number, section]))
            for (n, section), title in titles.items()
            if n == number and cited[number, section]
        ]
        name = f"RFC {number}: {_plain(titles[number, ''])}"
        parts += [heading(name, "~"), table(("section", "title", "cited in"), _plains(rows), "10 35 55")]
    return "\n".join([*parts, beside_dovecot()])


BESIDE_DOVECOT = """\
Two hundred messages that differ in everything a mail server can get wrong are put before mailtwist and
Dovecot 2.3; what FETCH tells of each and what some two hundred searches find is compared one by one. All is
the same but this. The messages have the names that ``mailtwist.testing.corpus`` gives them.
"""


def beside_dovecot() -> str:
    """The table that the tests compare with the answers."""
    rows = [line.split("\t") for line in _text(DOCS / "beside-dovecot.tsv").splitlines()]
    asked = [(f"``{question}``", _plain(shapes), source, why) for question, shapes, source, why in rows[1:]]
    heads = ("asked", "messages", "source", "why")
    return "\n".join([heading("Beside Dovecot"), BESIDE_DOVECOT, table(heads, asked, "15 20 15 50")])


def _spoken(protocol: str, group: str) -> str:
    rows = []
    for name, point in own(f"mailtwist.{group}").items():
        part = point.load()
        told = [*getattr(part, "capabilities", ()), *getattr(part, "keywords", ())]
        told += ["what fits the session"] if part.telling is not None else []
        commands = " ".join(sorted(kind.name for kind in part.commands))
        rows.append((f"``{name}``", commands, ", ".join(told), f"RFC {part.rfc}"))
    return table(("part", "commands", "clients are told", "from"), rows, "25 25 35 15", protocol)


def _files(paths: Iterable[str]) -> str:
    return names(dict.fromkeys(path.removeprefix("mailtwist/") for path in paths))


def _plain(text: str) -> str:
    """Nothing in it is markup."""
    return re.sub(r"([\\*`|_])", r"\\\1", text)


def _plains(rows: Iterable[tuple[str, str, str]]) -> Iterator[Row]:
    for section, title, files in rows:
        yield section, _plain(title), files


# -- all of them
PAGES: Mapping[str, Callable[[], str]] = {
    "operators/configuration.rst": configuration,
    "operators/events.rst": events,
    "operators/metrics.rst": metrics,
    "operators/reasons.rst": reasons,
    "operators/threats.rst": threats.page,
    "operators/from-nginx.rst": nginx.page,
    "extending/twisted-mail.rst": twisted_mail,
    "conformance.rst": conformance,
}


def left_behind() -> list[str]:
    """Pages that are not what they would be if they were made now."""
    return [name for name, make in PAGES.items() if _text(DOCS / name) != make()]


def _text(path: Path) -> str:
    return path.read_text("utf-8") if path.exists() else ""


def main(arguments: list[str]) -> int:
    if not Path(str(mailtwist.__file__)).resolve().is_relative_to(DOCS.parent / "mailtwist"):
        print(f"this would be about {mailtwist.__file__}; run: PYTHONPATH=. python docs/pages.py")
        return 2
    if arguments == ["--check"]:
        old: Any = left_behind()
        print("\n".join(f"docs/{name} is not what the code says; run: make docs" for name in old) or "ok")
        return 1 if old else 0
    for name, make in PAGES.items():
        (DOCS / name).write_text(make(), "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
