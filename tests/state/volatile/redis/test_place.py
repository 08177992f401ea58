"""How operators write where Redis is, and what a Redis says about itself."""

from textwrap import dedent

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.config.load import BadConfig, load_text
from mailtwist.config.places import File
from mailtwist.config.values import Duration
from mailtwist.state.redis.health import report
from mailtwist.state.redis.place import Server, Servers, Url
from mailtwist.state.volatile.redis import Prefix, Settings, reached
from mailtwist.testing.clock import ManualClock
from tests.state.volatile.redis.faults import heard_events


class UrlTests(SynchronousTestCase):
    def test_urls_are_read_and_written(self) -> None:
        for text, url, written in (
            ("redis://localhost", Url("redis", Server("localhost", 6379)), "redis://localhost:6379/0"),
            ("rediss://r.example.org:1/2", Url("rediss", Server("r.example.org", 1), 2), None),
            ("redis://[::1]:7/0", Url("redis", Server("::1", 7)), None),
            ("rediss://myMaster/3", Url("rediss", Server("myMaster", 6379), 3), "rediss://myMaster:6379/3"),
            ("unix:///run/redis.sock?db=4", Url("unix", Server("/run/redis.sock", 0), 4), None),
            ("unix:///run/redis.sock", Url("unix", Server("/run/redis.sock", 0)), None),
        ):
            self.assertEqual(Url.parse(text), url)
            self.assertEqual(str(url), written or text)
            self.assertEqual(Url.parse(str(url)), url)

    def test_what_is_no_url_is_refused_with_an_example(self) -> None:
        for text in (
            "",
            "localhost",
            "redis:",
            "redis://",
            "http://localhost",
            "redis://localhost/x",
            "redis://localhost/-1",
            "redis://localhost/1/2",
            "redis://localhost:70000",
            "redis://localhost:x",
            "redis://localhost?ssl=no",
            "unix://host/path",
            "unix://",
            "unix:///path?db=x",
            "redis://[::1",
        ):
            error = self.assertRaises(ValueError, Url.parse, text)
            self.assertIn("redis://127.0.0.1:6379/0", str(error))

    def test_a_password_in_the_url_is_refused_and_not_repeated(self) -> None:
        for text in ("redis://:hunter2@localhost", "rediss://m:hunter2@localhost/0"):
            error = self.assertRaises(ValueError, Url.parse, text)
            self.assertIn("password", str(error))
            self.assertNotIn("hunter2", str(error))

    def test_sentinels_are_a_list(self) -> None:
        found = Servers.parse("s1.example.org, s2.example.org:7\n[::1]:8")
        self.assertEqual(
            list(found), [Server("s1.example.org", 26379), Server("s2.example.org", 7), Server("::1", 8)]
        )
        self.assertEqual(Servers.parse(str(found)), found)
        for text in ("s1, s1", "s1:x", "m@s1", "redis://s1", "s1/2"):
            self.assertRaises(ValueError, Servers.parse, text)

    def test_what_is_wrong_in_an_ini_file_is_told_with_its_line(self) -> None:
        ini = """\
            [state:shared]
            type = redis
            url = redis://m:hunter2@localhost
            sentinels = s1, s1
            prefix = {a}
            timeout = 1 h
            when_away = never
            """
        with self.assertRaises(BadConfig) as caught:
            load_text(dedent(ini), "x.ini")
        self.assertNotIn("hunter2", str(caught.exception))
        found = [(one.line, one.setting) for one in caught.exception.problems if one.line]
        lines = [(3, "url"), (4, "sentinels"), (5, "prefix"), (6, "timeout"), (7, "when_away")]
        self.assertEqual(found, lines)

    def test_a_prefix_is_a_word(self) -> None:
        self.assertEqual(Prefix.parse("mail-twist_2"), "mail-twist_2")
        for text in ("a b", "a:b", "{a}", "*", "-", "x" * 41, "ä"):
            self.assertRaises(ValueError, Prefix.parse, text)

    def test_settings_that_do_not_go_together_are_refused(self) -> None:
        sentinels = Servers.parse("s1")
        for settings in (
            Settings(url=Url.parse("unix:///x"), sentinels=sentinels),
            Settings(url=Url.parse("rediss://x"), key=File(__file__)),
            Settings(url=Url.parse("redis://x"), authorities=File(__file__)),
            Settings(url=Url.parse("redis://x"), server_name="x"),
            Settings(url=Url.parse("redis://x"), user="m"),
            Settings(url=Url.parse("redis://x"), sentinel_user="m"),
        ):
            self.assertRaises(ValueError, reached, settings, ManualClock())
        self.assertEqual(Settings(url=Url.parse("redis://x")).timeout, Duration(2))


INFO = (
    b"# Memory\r\nmaxmemory:100\r\nmaxmemory_policy:%s\r\nloading:%d\r\nrole:%s\r\n"
    b"connected_slaves:1\r\nslave0:%s\r\n"
)


class ReportTests(SynchronousTestCase):
    def told(self, policy: bytes, replica: bytes) -> list[str]:
        found = report(INFO % (policy, 0, b"master", replica))
        self.assertTrue(found.is_master)
        self.assertFalse(found.is_loading)
        with heard_events() as events:
            found.warn("here")
        return [event["event_id"] for event in events]

    def test_what_evicts_is_told(self) -> None:
        fine = b"ip=127.0.0.1,port=1,state=online,offset=1,lag=0"
        self.assertEqual(self.told(b"noeviction", fine), [])
        for policy in (b"allkeys-lru", b"volatile-ttl"):
            self.assertEqual(self.told(policy, fine), ["state.redis_may_evict"])
        self.assertEqual(report(b"maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n").policy, "")

    def test_a_replica_that_lags_is_told(self) -> None:
        for replica in (b"state=online,lag=11", b"state=wait_bgsave,lag=0"):
            self.assertEqual(self.told(b"noeviction", replica), ["state.redis_lags"])

    def test_who_loads_or_copies_is_known(self) -> None:
        self.assertTrue(report(INFO % (b"noeviction", 1, b"master", b"")).is_loading)
        self.assertFalse(report(INFO % (b"noeviction", 0, b"slave", b"")).is_master)
