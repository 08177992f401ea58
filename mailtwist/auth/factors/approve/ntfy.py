"""A prompt as a message of ntfy: two buttons below it send the answer to us."""

import json
from base64 import b32encode, b64encode
from typing import Any

from mailtwist.auth.api import Person
from mailtwist.auth.factors.approve.api import Question
from mailtwist.auth.factors.approve.settings import MARK, Settings, WebAddress
from mailtwist.auth.factors.approve.topics import Topics
from mailtwist.auth.factors.approve.words import message, title
from mailtwist.auth.factors.elsewhere import FactorAway
from mailtwist.config.part import Assembly
from mailtwist.kit.steps import step
from mailtwist.state.keys import IDENTITY, Keys
from mailtwist.state.process import keys
from mailtwist.tls.https import Asks, Https, host_of

PRIORITIES = {"min": 1, "low": 2, "default": 3, "high": 4, "max": 5}

WHY = {
    401: "{host} does not know us; look at `token`, or `user` and `password`",
    403: "{host} does not let us write to this topic; look at its access list",
    404: "{host} knows nothing of publishing; is `server` the root of an ntfy server?",
    413: "{host} finds the message too big",
    429: "{host} has had too many messages from us; look at its limits",
}
OTHERWISE = "{host} did not take the message: status {status}"
NOT_NTFY = "{host} answers, but not as ntfy does; is `server` the root of an ntfy server?"


class Ntfy:
    """`auth.factors.approve.api.Way`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        self._server = settings.server or WebAddress()
        self._form = settings.topic
        self._topics = Topics(settings.topics, assembly.login.default_domain or "", assembly.threads)
        self._priority = PRIORITIES[settings.priority]
        self._keys: Keys = keys(assembly)
        self._headers = {"Content-Type": "application/json", **_authorization(settings)}
        self._https: Asks = Https(
            assembly.clock, seconds=float(settings.timeout), roots=settings.roots, reuse=False, plain=True
        )

    async def start(self) -> None:
        await self._topics.read()

    async def stop(self) -> None: ...

    async def reload(self) -> None:
        await self._topics.read()

    async def ask(self, question: Question) -> None:
        """rfc9110#9.3.3"""
        topic = self.topic(question.person)
        body = json.dumps(self._message(question, topic), ensure_ascii=False).encode()
        answer = await self._https.ask("POST", f"{self._server}/", self._headers, body)
        host = host_of(self._server)
        step("{host} answers with status {status}", host=host, status=answer.status)
        if answer.status != 200:
            why = WHY.get(answer.status, OTHERWISE)
            raise FactorAway(why.format(host=host, status=answer.status))
        told = answer.object()
        if told is None or told.get("event") != "message" or told.get("topic") != topic:
            raise FactorAway(NOT_NTFY.format(host=host))

    async def reachable(self) -> None:
        answer = await self._https.ask("GET", f"{self._server}/v1/health")
        if (answer.object() or {}).get("healthy") is not True:
            raise FactorAway(NOT_NTFY.format(host=host_of(self._server)))

    def _message(self, question: Question, topic: str) -> dict[str, Any]:
        return {
            "topic": topic,
            "title": title(question.prompt),
            "message": message(question.prompt),
            "priority": self._priority,
            "tags": ["key"],
            "click": question.approve,
            "actions": [_button("Approve", question.approve), _button("Deny", question.deny)],
        }

    def topic(self, person: Person) -> str:
        """Who knows it reads what he is asked, so nobody can guess it.  It stays while the oldest key of that
        name is there."""
        if known := self._topics.of(person.name):
            return known
        version = self._keys.versions(IDENTITY)[-1]
        mark = self._keys.mac(IDENTITY, version, "approval topic", person.account)
        return self._form.of(b32encode(mark).decode("ascii").lower()[:MARK])

    def introduction(self, person: Person) -> list[str]:
        return [
            "Install the app ntfy on your phone (https://ntfy.sh).",
            f"Subscribe there to the topic {self.topic(person)} on the server {self._server}",
            "Tell nobody what the topic is called: whoever knows it can read what you are asked, and answer.",
        ]


def _button(label: str, url: str) -> dict[str, Any]:
    """`clear`: the message goes away once we have heard the answer."""
    return {"action": "http", "label": label, "url": url, "method": "POST", "clear": True}


def _authorization(settings: Settings) -> dict[str, str]:
    if settings.token is not None:
        return {"Authorization": f"Bearer {settings.token.reveal()}"}
    if settings.password is not None:
        both = f"{settings.user}:{settings.password.reveal()}".encode()
        return {"Authorization": f"Basic {b64encode(both).decode('ascii')}"}
    return {}
