"""A code is accepted once: for one string of one client, durably before anybody is told."""

from mailtwist.auth.factors.api import NO_STEP, Proof
from mailtwist.state.api import Durable, Volatile
from mailtwist.state.records import Use

DAY = 86400.0


async def used_once(
    volatile: Volatile,
    durable: Durable,
    account: str,
    proof: Proof,
    by: bytes,
    client: str,
    join: float,
    now: float,
) -> bool:
    """The code behind `proof` was not used before, or by the same client with the same string within `join`
    seconds.  `by` stands for both of these, and for nobody else when `client` is '' (it is not known).

    The volatile state says who may join; the durable one remembers across restarts and processes, and
    has the last word: a step that it has as used by others is gone.  Of a code without a step, whose `token`
    is of that one code, it knows for a day that it was used: no service takes it as long."""
    if proof.step == NO_STEP:
        token = f"{account}/{proof.token}"
        use = await volatile.use_once(token, 0, NO_STEP, by, client, join)
        return use is Use.JOINED or (use is Use.NEW and await durable.tell_once(f"code {token}", now, DAY))
    floor = await durable.last_step(account, proof.token)
    use = await volatile.use_once(f"{account}/{proof.token}", proof.step, floor, by, client, join)
    if use is Use.REPLAY:
        return False
    return await durable.advance(account, proof.token, proof.step, by) is not Use.REPLAY
