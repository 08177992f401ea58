"""Volatile state in a SQLite file that processes share: it does what all do."""

from twisted.trial.unittest import TestCase

from mailtwist.testing.interleaving import InterleavingContract
from mailtwist.testing.limits import LimitsContract
from mailtwist.testing.sharing import SharingContract
from mailtwist.testing.volatile import VolatileContract
from tests.state.volatile.sqlite_states import MakesSqlite


class SqliteVolatileTests(MakesSqlite, VolatileContract, TestCase):
    pass


class SqliteLimitsTests(MakesSqlite, LimitsContract, TestCase):
    pass


class SqliteSharingTests(MakesSqlite, SharingContract, TestCase):
    pass


class SqliteInterleavingTests(MakesSqlite, InterleavingContract, TestCase):
    pass
