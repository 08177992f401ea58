"""Values have their places, and whatever stands elsewhere stays as it is."""

from twisted.trial.unittest import SynchronousTestCase

from mailtwist.auth.directories.sql.queries import (
    MYSQL,
    POSTGRESQL,
    SQLITE,
    Dialect,
    Query,
    Statement,
    statement,
)

KNOWN = ("name", "local", "domain")


def read(text: str, dialect: Dialect = POSTGRESQL) -> Statement:
    return statement(Query.parse(text), dialect, KNOWN)


class QueryTests(SynchronousTestCase):
    def test_values_have_places(self) -> None:
        text = "SELECT a FROM u WHERE l = {local} AND d = {domain}\nOR n={name} OR m = {local};"
        for dialect, mark in ((POSTGRESQL, "%s"), (MYSQL, "?"), (SQLITE, "?")):
            found = read(text, dialect)
            self.assertEqual(
                found.text,
                f"SELECT a FROM u WHERE l = {mark} AND d = {mark}\nOR n={mark} OR m = {mark}",
            )
            self.assertEqual(found.names, ("local", "domain", "name", "local"))
            values = {"name": "N", "local": "L", "domain": "D"}
            self.assertEqual(found.bound(values), ("L", "D", "N", "L"))

    def test_a_query_is_written_as_it_was_read(self) -> None:
        text = "SELECT 1\nFROM a -- {b}\nWHERE x = {name}"
        self.assertEqual(str(Query.parse(text)), text)

    def test_what_is_quoted_stays(self) -> None:
        """Text, names, comments, casts, operators of JSON, arrays: of each server as it writes them."""
        for dialect, text in (
            (POSTGRESQL, "a::text = {} AND b = '{{a,b}}' AND c LIKE 'x%' AND d ? 'k' AND e ?| ARRAY['a']"),
            (POSTGRESQL, r"a = {} AND b = E'it\'s {{x}}' AND c = 'back\' AND d = '''{{'"),
            (POSTGRESQL, "a = {} AND b = $$ it's {{x}} $$ AND c = $t$ $$ ' $t$ AND d[1:2] = '{{1}}'"),
            (POSTGRESQL, "a = {} /* it's {{name}} */ -- {{name}} isn't\n AND \"it's {{x}}\" = 1"),
            (POSTGRESQL, "a = {} AND b->>'k' = 'v' AND c @> '{{\"a\": 1}}' AND d % 2 = 0"),
            (MYSQL, r"a = {} AND b = 'it\'s {{x}}' AND c = " + r'"say \"{{x}}\""' + " AND `it's {{x}}` = 1"),
            (MYSQL, "a = {} # it's {{name}}\n AND b = 5--3 -- it's\n AND @x = 1 AND c LIKE '%'"),
            (SQLITE, "a = {} AND [it's {{x}}] = 1 AND b = 'back\\' AND c = \"{{x}}\" AND d GLOB '*%'"),
        ):
            found = read(text.format("{name}"), dialect)
            self.assertEqual(found.names, ("name",), text)
            expected = text.format("\0")
            expected = expected.replace("%", "%%") if dialect.percent else expected
            self.assertEqual(found.text, expected.replace("\0", dialect.mark))

    def test_what_is_wrong_is_told(self) -> None:
        for dialect, text, words in (
            (POSTGRESQL, "a = '{name}'", "stands in quotes"),
            (MYSQL, 'a = "{local}"', "stands in quotes"),
            (SQLITE, "a LIKE '%{domain}'", "stands in quotes"),
            (POSTGRESQL, "a = $q${name}$q$", "stands in quotes"),
            (POSTGRESQL, "a = {user}", '"{user}" is no value that is known here; write "{name}", "{local}"'),
            (POSTGRESQL, "a = {}", "is no value"),
            (POSTGRESQL, "a = 1", "asks for nobody in particular"),
            (POSTGRESQL, "a = 1 -- {name}", "asks for nobody in particular"),
            (POSTGRESQL, "a = {name} AND b = 'x", "has no end"),
            (POSTGRESQL, 'a = {name} AND "b', "has no end"),
            (MYSQL, r"a = {name} AND b = '\'", "has no end"),
            (SQLITE, "a = {name} /* b", "has no end"),
            (POSTGRESQL, "a = {name}; DROP TABLE people", "several statements"),
            (POSTGRESQL, "a = $1", '"$1" is the place of a value for other programs'),
            (MYSQL, "a = ?", '"?" is the place'),
            (SQLITE, "a = ?1", '"?1" is the place'),
        ):
            with self.assertRaises(ValueError) as wrong:
                read(f"SELECT 1 WHERE {text}", dialect)
            self.assertIn(words, str(wrong.exception))

    def test_a_query_without_values_has_none(self) -> None:
        found = statement(Query.parse("SELECT '{a}' FROM x"), POSTGRESQL, ())
        self.assertEqual(found, Statement("SELECT '{a}' FROM x", ()))
        with self.assertRaises(ValueError) as wrong:
            statement(Query.parse("SELECT {name}"), POSTGRESQL, ())
        self.assertIn("no braces there", str(wrong.exception))

    def test_long_ones_are_read_in_time(self) -> None:
        for dialect in (POSTGRESQL, MYSQL, SQLITE):
            for piece in ("'", '"', "/*", "$", "$a", "--", "(", "{", "E'\\", "[", "`"):
                try:
                    read(piece * 20_000, dialect)
                except ValueError:
                    continue
