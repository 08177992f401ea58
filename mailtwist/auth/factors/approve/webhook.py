"""A prompt for a program of the operator's own: a signed question, and perhaps a signed answer at once."""

import json
from typing import Any

from mailtwist.auth.api import Person
from mailtwist.auth.factors.approve.api import Question
from mailtwist.auth.factors.approve.settings import Settings
from mailtwist.auth.factors.elsewhere import FactorAway
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.steps import step
from mailtwist.tls.https import Answer, Asks, Https, host_of

TYPE = "login.approval"

MARGIN = 1.0
"""Seconds before the end by which a program has to answer that has not heard anything."""

DECISIONS = {"approve": True, "deny": False, "wait": None}

NOT_TAKEN = "{host} did not take the question: status {status}"
UNSIGNED = "what {host} answers is not signed with `key` for this question"
NO_DECISION = "{host} answers, but with no decision that is one: approve, deny or wait"


class Webhook:
    """`auth.factors.approve.api.Way`."""

    def __init__(self, settings: Settings, assembly: Assembly) -> None:
        if settings.webhook is None or settings.key is None:
            raise ValueError("`by = webhook` needs `webhook` and `key`")
        self._url = settings.webhook
        self._key = settings.key
        self._waits = settings.answer != "links"
        self._clock: Clock = assembly.clock
        seconds = float(settings.seconds if self._waits else settings.timeout)
        self._https: Asks = Https(
            assembly.clock, seconds=seconds, roots=settings.roots, reuse=False, plain=True
        )

    async def start(self) -> None: ...

    async def stop(self) -> None: ...

    async def reload(self) -> None: ...

    async def ask(self, question: Question) -> bool | None:
        body = json.dumps(_told(question), ensure_ascii=False).encode()
        id, host = question.prompt.id, host_of(self._url)
        signed = self._key.headers(id, int(self._clock.now()), body)
        headers = {"Content-Type": "application/json", **signed}
        answer = await self._https.ask("POST", self._url, headers, body)
        step("{host} answers with status {status}", host=host, status=answer.status)
        if not 200 <= answer.status < 300:
            raise FactorAway(NOT_TAKEN.format(host=host, status=answer.status))
        return self._decision(answer, id, host) if self._waits else None

    async def reachable(self) -> None:
        """Whatever it says to who asks nothing."""
        await self._https.ask("HEAD", self._url)

    def _decision(self, answer: Answer, id: str, host: str) -> bool | None:
        """Who only says that the person is asked need not sign that."""
        if answer.status == 202 and not answer.body:
            return None
        if not self._key.vouches_for(answer, id):
            raise FactorAway(UNSIGNED.format(host=host))
        told = answer.object() or {}
        decision = told.get("decision")
        if not isinstance(decision, str) or decision not in DECISIONS or told.get("type") != TYPE:
            raise FactorAway(NO_DECISION.format(host=host))
        step("{host} says {decision}", host=host, decision=decision)
        return DECISIONS[decision]

    def introduction(self, person: Person) -> list[str]:
        return [f"Logins of {person.name} are told to {host_of(self._url)}, which asks him."]


def _told(question: Question) -> dict[str, Any]:
    """No secret but the links, which are good for this prompt alone."""
    prompt = question.prompt
    told: dict[str, Any] = {
        "type": TYPE,
        "id": prompt.id,
        "user": prompt.name,
        "address": prompt.address,
        "client": prompt.client,
        "protocol": prompt.protocol,
        "host": prompt.host,
        "login": prompt.login,
        "time": prompt.at,
        "expires": round(prompt.at + max(question.seconds - MARGIN, 0.0), 3),
    }
    if question.approve:
        told |= {"approve": question.approve, "deny": question.deny}
    return told
