"""What the name of a message file says."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.store.maildir.filenames import (
    Facts,
    age,
    base_of,
    facts_of,
    joined,
    maker_of,
    new_maker,
    split,
)


class FileNameTests(SynchronousTestCase):
    def test_flags_stand_behind_the_colon(self):
        for name, expected in (
            ("1.M2P3.host:2,SF", ("1.M2P3.host", "FS")),
            ("1.M2P3.host", ("1.M2P3.host", "")),
            ("1:2,", ("1", "")),
            ("1:1,S", ("1", "")),
            ("1:2,SabS", ("1", "Sab")),
            ("1:2,S,x", ("1", "S")),
            (":2,S", ("", "S")),
        ):
            self.assertEqual(split(name), expected)
        self.assertEqual(joined("1", "FS"), "1:2,FS")

    def test_facts_come_back(self):
        for facts in (
            Facts(17, 20),
            Facts(17, 17, 0x6B01E355, 7),
            Facts(17, 20, 1, 4_294_967_295, zone=-90, exact=True),
        ):
            self.assertEqual(facts_of(base_of("1.M2P3.host", facts)), facts)

    def test_nonsense_says_nothing(self):
        for base in (
            "",
            "1",
            "1,S=",
            "1,S=x,W=-1",
            "1,I=7",
            "1,I=zz.7",
            "1,I=123456789.1",
            "1,S=" + "9" * 40,
            "1,S=٣",
        ):
            self.assertEqual(facts_of(base), Facts(), base)

    def test_names_are_all_different_and_safe(self):
        makers = [new_maker(1_800_000_000.5) for _ in range(50)]
        self.assertEqual(len(set(makers)), 50)
        for maker in makers:
            self.assertRegex(maker, r"\A1800000000\.M500000P\d+Q\d+R\w{8}\.[A-Za-z0-9._-]+\Z")
            self.assertEqual(maker_of(maker + ",S=1", 0.0), maker)

    def test_a_makers_name_that_is_not_safe_is_not_kept(self):
        for base in ("", "a b", "a\nb", "ä", "x" * 200, "\udcff"):
            self.assertRegex(maker_of(base, 5.0), r"\A5\.M")

    def test_names_sort_by_their_age(self):
        names = ["1000.b", "999.z", "x", "1000.a"]
        self.assertEqual(sorted(names, key=age), ["x", "999.z", "1000.a", "1000.b"])
