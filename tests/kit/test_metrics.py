"""Metrics count, show, and never grow without end."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.kit.metrics import METRICS, MOST, OTHER, Metric, gauged, read


class MetricTests(SynchronousTestCase):
    def made(self, *args) -> Metric:
        metric = Metric(*args)
        self.addCleanup(METRICS.pop, metric.id)
        return metric

    def test_a_counter_counts_by_its_labels(self) -> None:
        orders = self.made("test_orders", "Orders.", "counter", ("result",))
        orders.add("issued")
        orders.add("issued", by=2)
        self.assertEqual((orders.value("issued"), orders.value("failed")), (3.0, 0.0))

    def test_a_gauge_shows_the_last_and_can_forget(self) -> None:
        left = self.made("test_left", "Left.", "gauge", ("name",))
        left.set(3, "a")
        left.set(2, "a")
        left.set(1, "b")
        left.forget("a")
        self.assertEqual(left.values, {("b",): 1})
        left.forget()
        self.assertEqual(left.values, {})

    def test_there_are_only_so_many_labels(self) -> None:
        many = self.made("test_many", "Many.", "counter", ("name",))
        gauge = self.made("test_gauge", "Many.", "gauge", ("name",))
        for n in range(MOST + 10):
            many.add(str(n))
            gauge.set(n, str(n))
        self.assertEqual((len(many.values), many.value(OTHER)), (MOST + 1, 10.0))
        self.assertEqual(len(gauge.values), MOST)
        many.add("7")
        self.assertEqual(many.value("7"), 2.0)

    def test_a_gauge_without_labels(self) -> None:
        up = self.made("test_up", "Up.", "gauge")
        up.set(1)
        self.assertEqual(up.values, {(): 1})

    def test_the_wrong_number_of_labels_is_a_bug(self) -> None:
        two = self.made("test_two", "Two.", "counter", ("a", "b"))
        with self.assertRaisesRegex(ValueError, "test_two"):
            two.add("a")

    def test_two_of_one_id_are_a_bug(self) -> None:
        self.made("test_twice", "Twice.")
        with self.assertRaisesRegex(ValueError, "two metrics are called test_twice"):
            Metric("test_twice", "Twice.")

    def test_gauges_are_set_when_somebody_reads(self) -> None:
        now = self.made("test_now", "Now.", "gauge")
        end = gauged(lambda: now.set(now.value() + 1))
        found = dict(read())
        self.assertEqual(found[now], {(): 1})
        end()
        list(read())
        self.assertEqual(now.value(), 1)
