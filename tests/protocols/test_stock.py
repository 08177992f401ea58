"""Of a stock server nothing runs that was not chosen."""

from twisted.mail import imap4, smtp
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.protocols.stock import Closed, keeps, seam


class Mixin:
    def do_RSET(self, rest):
        return "ours"


@keeps(smtp.SMTP, "sendCode greeting", "validateFrom")
class Mine(Mixin, smtp.SMTP):
    def lineReceived(self, line):
        return "ours"


class StockTests(SynchronousTestCase):
    def test_what_is_kept_works(self):
        mine = Mine()
        mine.host = "mx.example"
        self.assertIn(b"mx.example", mine.greeting())

    def test_what_we_replace_is_not_closed(self):
        self.assertEqual(Mine().lineReceived(b""), "ours")
        self.assertEqual(Mine().do_RSET(b""), "ours")

    def test_the_rest_is_closed_and_says_where_to_read(self):
        error = self.assertRaises(Closed, Mine().do_MAIL, b"FROM:<>")
        self.assertIn("docs/extending/twisted-mail", str(error))
        self.assertRaises(Closed, Mine().dataLineReceived, b"")

    def test_the_stock_class_stays_as_it_is(self):
        self.assertNotIn("stock", vars(smtp.SMTP.do_MAIL))

    def test_a_third_party_may_open_it_again(self):
        class Theirs(Mine):
            def do_MAIL(self, rest):
                return "theirs"

        self.assertEqual(Theirs().do_MAIL(b""), "theirs")

    def test_dispatch_tables_go(self):
        @keeps(imap4.IMAP4Server, "capabilities")
        class Imap(imap4.IMAP4Server):
            pass

        self.assertIsNone(Imap.unauth_LOGIN)
        self.assertEqual(seam(Imap)["unauth_LOGIN"], "closed")

    def test_a_name_that_is_not_there_is_a_mistake(self):
        self.assertRaises(TypeError, keeps, smtp.SMTP, "validateForm")

    def test_the_seam_says_what_became_of_each_name(self):
        places = seam(Mine)
        wanted = {
            "sendCode": "used",
            "validateFrom": "overridable",
            "do_RSET": "ours",
            "lineReceived": "ours",
            "do_MAIL": "closed",
        }
        self.assertEqual({name: places[name] for name in wanted}, wanted)
