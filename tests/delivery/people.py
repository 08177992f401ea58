"""A directory in memory for these tests."""

from mailtwist.auth.api import LoginUnavailable, Person


class People:
    def __init__(self, *people: Person, domains=(), aliases=None):
        self.known = people
        self.served = domains
        self.aliases = aliases or {}
        self.away = False

    async def domains(self):
        self._here()
        return self.served

    async def find(self, name):
        self._here()
        return next((p for p in self.known if name == p.name or name in p.addresses), None)

    async def accepts(self, person, password):
        return False

    async def recipient(self, address):
        self._here()
        return next((p for p in self.known if address in p.addresses), None)

    async def alias(self, address):
        self._here()
        return self.aliases.get(address, ())

    def _here(self):
        if self.away:
            raise LoginUnavailable("the directory is away")


ANN = Person("1-ann", "ann@example.org", ("ann@example.org", "a.n@example.org"))
BOB = Person("2-bob", "bob", ("bob@example.org",))
EVE = Person("3-eve", "eve@example.org", ("eve@example.org",), enabled=False)
