"""Where and how long the string of a device is honoured."""

from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_network

from mailtwist.auth.places import network_of
from mailtwist.config.login import LoginSettings
from mailtwist.config.network import Networks
from mailtwist.state.records import APP_PASSWORD, APPROVAL, DEVICE_CODE, Context, Device

_STRICTER: Sequence[Context] = ("open", "standard", "strict")


def context_of(kind: str, settings: LoginSettings) -> Context:
    """That of a new device of this kind."""
    if kind == APP_PASSWORD:
        return "open"
    if kind == APPROVAL:
        return "strict"
    return settings.device_codes if kind == DEVICE_CODE else settings.code_strings


def life_of(kind: str, settings: LoginSettings) -> float:
    """For how many seconds a new device of this kind is honoured; 0: there is to be none."""
    given = settings.app_passwords if kind == APP_PASSWORD else settings.remember
    return float(settings.approved if kind == APPROVAL else given)


def as_set_today(device: Device, settings: LoginSettings) -> Device:
    """`device` with no longer a life, and no wider a context, than the settings give today: who shortens it,
    perhaps because something has happened, means what is remembered already too."""
    given = device.kind == APP_PASSWORD
    idle = settings.app_password_idle if given else settings.idle
    both = (device.context, context_of(device.kind, settings))
    expires_at = min(device.expires_at, device.created + life_of(device.kind, settings))
    context = max(both, key=_STRICTER.index)
    if device.idle <= idle and (expires_at, context) == (device.expires_at, device.context):
        return device
    return replace(device, expires_at=expires_at, idle=min(device.idle, idle), context=context)


def in_place(device: Device, address: str) -> bool:
    """The string is honoured for a client with this address."""
    if device.allowed:
        return Networks.parse(", ".join(device.allowed)).contains(address)
    if device.context == "open":
        return True
    network = network_of(address)
    return bool(network) and device.knows(network)


def is_far(device: Device, address: str) -> bool:
    """It is in another region than ever, not just in the next network of its telephone company."""
    network = network_of(address)
    return bool(network) and _region(network) not in {_region(one.net) for one in device.networks}


def _region(network: str) -> str:
    parsed = ip_network(network)
    return str(parsed.supernet(new_prefix=16 if parsed.version == 4 else 32))
