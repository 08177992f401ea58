"""The page of the operators' manual on the ini file: the same as the sample, in reStructuredText."""

import re
from importlib.metadata import EntryPoint

from mailtwist.config.fields import SettingField
from mailtwist.config.manual import Chapter, chapters, usual
from mailtwist.config.part import installed

HEAD = """\
The ini file
============

.. This page is made from the code by ``mailtwist sample --page``; do not write here.

mailtwist reads one file: ``/etc/mailtwist.ini``, or the one that ``--config`` or the variable
``MAILTWIST_CONFIG`` names. ``mailtwist check`` tries it, ``mailtwist sample`` prints one with everything
in it that is installed, and ``mailtwist parts`` lists what that is.

.. code-block:: ini

    # a comment stands on a line of its own
    [server]
    hostname = mail.example.org

    [service:imaps]
    type = imap
    listen =
        [::]:993
        192.0.2.7:1993

A section is ``[room:name]``. The room says what it is for, ``type`` which kind of it; a section whose name
is that of a kind needs no ``type``, and of ``[domain:...]`` and ``[policy:...]`` there is one kind.
Sections refer to each other by name. A line that is indented more than its setting goes on with it. Every
section and every setting is written once. The file is in UTF-8.

All problems are told at once, each with its line and with what to write instead, and the exit status
is then 78::

    /etc/mailtwist.ini:3: [service:smtp] lisen: there is no such setting; did you mean "listen"?

How values are written
----------------------

a size
    A number and B, KiB, MiB, GiB or TiB: ``50 MiB``. ``50M`` is the same; ``50 MB`` is 50,000,000.
a duration
    A number and ms, s, min, h, d or w: ``15 min``, ``1 h 30 min``. Without a unit: seconds.
a number in a time
    ``20 in 15 min``: at most so many in any such time.
names, networks, files, endpoints, host names
    With commas, or on lines of their own. Nothing behind the ``=`` is an empty list.
an endpoint
    ``143`` listens on all addresses, IPv6 and IPv4, as far as the machine has them; ``localhost:143`` on
    its own; ``192.0.2.7:143``, ``[2001:db8::7]:143``, ``[::]:143`` (all IPv6) and ``0.0.0.0:143`` (all
    IPv4) on that one; ``unix:/path`` on a Unix socket.
a network
    An address, or ``192.0.2.0/24``, ``2001:db8::/32``.
a file, a folder
    A path. One that does not begin with ``/`` is meant from the folder of the ini file.
a secret
    ``file:/path``, ``env:NAME``, ``credential:NAME`` (a systemd credential: ``LoadCredential=``), or the
    secret itself, for which ``inline:`` may stand in front. It is read once, with the ini file.
a Python object
    ``package.module:object``, from what is installed in mailtwist's own Python.
yes or no
    Also ``true``, ``on``, ``1`` and ``false``, ``off``, ``0``.
"""
_TICK = re.compile(r"(?<!`)`(?!`)")


def page() -> str:
    """The page, with what mailtwist itself brings; extensions document themselves."""
    return HEAD + "".join(_section(chapter) for chapter in chapters(own))


def own(group: str) -> dict[str, EntryPoint]:
    """What is installed of a group and comes with mailtwist."""
    return {
        name: point
        for name, point in installed(group).items()
        if point.module.partition(".")[0] == __name__.partition(".")[0]
    }


def _section(chapter: Chapter) -> str:
    title = f"[{chapter.title}]"
    lines = ["", title, "-" * len(title), "", chapter.words, ""]
    for field in chapter.fields:
        lines += [f"``{field.name}``", f"    {_words(field)}"]
    return "\n".join(lines).rstrip() + "\n"


def _words(field: SettingField) -> str:
    words = f"*{field.takes}.* {_TICK.sub('``', field.words)}"
    if field.required:
        return words + (f" Required; for example ``{field.example}``." if field.example else " Required.")
    default = usual(field)
    if field.varies or not default:
        return words
    return f"{words} Default: ``{default}``."
