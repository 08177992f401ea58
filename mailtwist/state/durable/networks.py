"""The networks in which devices were learned; those of one account share them."""

import sqlite3

from mailtwist.state.records import Device, Network, Touch

NETWORKS = 32  # per device, the most recently used ones


def networks_of(db: sqlite3.Connection, account: str, device: str) -> tuple[Network, ...]:
    """The most recently used first."""
    found = db.execute(
        "SELECT net, first, last FROM networks WHERE account = ? AND device = ? ORDER BY last DESC, net",
        (account, device),
    )
    return tuple(Network(*one) for one in found)


def strange_networks(db: sqlite3.Connection, device: Device) -> tuple[str, ...]:
    """Those of a new device that no other one of the account has."""
    known = db.execute("SELECT DISTINCT net FROM networks WHERE account = ?", (device.account,))
    nets = {net for (net,) in known}
    return tuple(network.net for network in device.networks if network.net not in nets)


def share_networks(db: sqlite3.Connection, device: Device, alive: str, now: float) -> None:
    """The account has logged in with a fresh code from the new device's networks: its other strings are
    honoured there too, and the new one where they are.  Strict ones learn nothing; where open ones have been,
    nobody has shown a code."""
    facts = {"account": device.account, "new": device.id, "now": now}
    living = f"SELECT id FROM devices WHERE account = :account AND allowed = '[]' AND {alive}"
    db.execute(
        f"""INSERT OR IGNORE INTO networks SELECT :account, d.id, n.net, n.first, n.last
            FROM networks n, devices d
            WHERE d.account = :account AND d.id IN ({living} AND context != 'strict')
            AND n.account = :account AND n.device = :new""",
        facts,
    )
    if device.context != "strict":
        db.execute(
            f"""INSERT OR IGNORE INTO networks SELECT :account, :new, net, min(first), max(last) FROM networks
                WHERE account = :account AND device IN ({living} AND context != 'open') GROUP BY net""",
            facts,
        )
    forget_networks(db, device.account)


def learn_network(db: sqlite3.Connection, touch: Touch) -> None:
    """The device was there."""
    db.execute(
        """INSERT OR IGNORE INTO networks SELECT account, id, :net, :at, :at FROM devices
            WHERE account = :account AND id = :device""",
        {"account": touch.account, "device": touch.device, "net": touch.net, "at": touch.at},
    )
    forget_networks(db, touch.account)


def forget_networks(db: sqlite3.Connection, account: str) -> None:
    """Of each device all but the latest."""
    db.execute(
        """DELETE FROM networks WHERE account = :account AND (device, net) IN (
            SELECT device, net FROM (
                SELECT device, net, row_number() OVER (PARTITION BY device ORDER BY last DESC) AS rank
                FROM networks WHERE account = :account)
            WHERE rank > :most)""",
        {"account": account, "most": NETWORKS},
    )
