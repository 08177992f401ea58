"""A code is accepted once: for one string of one client, durably before anybody is told."""

from mailtwist.auth.api import Proof
from mailtwist.state.api import Durable, Use, Volatile


async def used_once(
    volatile: Volatile, durable: Durable, account: str, proof: Proof, by: bytes, client: str, join: float
) -> bool:
    """The code behind `proof` was not used before, or by the same client with the same string within `join`
    seconds.  `by` stands for both of these; `client` is '' when it is not known, then nobody joins.

    The volatile state says who may join; the durable one remembers across restarts, and has the last word: a
    step that it has as used `by` somebody else is gone."""
    floor = await durable.last_step(account, proof.token)
    use = await volatile.use_once(f"{account}/{proof.token}", proof.step, floor, by, client, join)
    if use is Use.REPLAY:
        return False
    kept = await durable.advance(account, proof.token, proof.step, by)
    return kept is Use.NEW or (use is Use.JOINED and kept is Use.JOINED)
