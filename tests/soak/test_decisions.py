"""Many more examples of what connections do, in any order, at two processes; many more codes at once."""

from unittest import SkipTest

from tests.auth import test_processes, test_shared
from tests.soak.kills import FULL


class _Long:
    def setUp(self) -> None:
        if not FULL:
            raise SkipTest("tests.auth has the short one")
        super().setUp()


class LongMemoryTests(_Long, test_shared.MemoryTests):
    pass


class LongSqliteTests(_Long, test_shared.SqliteTests):
    pass


class LongRedisTests(_Long, test_shared.RedisTests):
    pass


class LongSqliteProcessesTests(_Long, test_processes.SqliteTests):
    pass


class LongRedisProcessesTests(_Long, test_processes.RedisTests):
    pass
