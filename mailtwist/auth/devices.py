"""A saved `password@code` goes on working where it was learned, for a while: the remembered device."""

from dataclasses import replace

from mailtwist.auth.api import LoginRequest
from mailtwist.auth.places import network_of
from mailtwist.config.login import LoginSettings
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.ids import new_id
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable
from mailtwist.state.keys import DEVICES, Keys
from mailtwist.state.records import Device, Network, Touch

REMEMBERED = Event("device.remembered", "{account}: device {device} in {network}, by {protocol} {client}")
NOT_TOUCHED = Event(
    "device.not_touched", "{account}: the use of device {device} was not noted: {error}", "warn"
)

CODE_STRING = "code-string"
"""The kind of a device whose string is `password@code`, with a code of few digits."""

LOOKUP_OCTETS = 20
TOUCH_EVERY = 60.0
"""Mail programs come every minute: a use is noted once in a while, not with an fsync each time."""


def as_set_today(device: Device, settings: LoginSettings) -> Device:
    """`device` with no longer a life than the settings give today: who shortens it, perhaps because something
    has happened, means what is remembered already too."""
    return replace(
        device,
        expires_at=min(device.expires_at, device.created + settings.remember),
        idle=min(device.idle, settings.idle),
    )


class Devices:
    """Whole strings are looked up by a keyed hash: quick for a client that comes every minute, useless to who
    has the database without the key."""

    def __init__(self, durable: Durable, keys: Keys, clock: Clock, settings: LoginSettings) -> None:
        self._durable = durable
        self._keys = keys
        self._clock = clock
        self._settings = settings

    async def find(self, account: str, secret: bytes) -> Device | None:
        """The device with this string, if it lives or was revoked; one that expired is no device."""
        versions = self._keys.versions(DEVICES)[:2]
        found = await self._durable.device(account, [self._lookup(account, secret, v) for v in versions])
        device = found and as_set_today(found, self._settings)
        if device is None or device.revoked_at is not None or device.alive(self._clock.now()):
            return device
        return None

    async def remember(self, account: str, request: LoginRequest) -> str:
        """The id of the device that `request`'s string is from now on.  '' when there is none: it is set so,
        or nobody knows where the client is, and a fixed string without a place would open from anywhere."""
        network = network_of(request.address)
        if not network or not self._settings.remember:
            return ""
        made = self._made(account, request, network)
        device = (await self._durable.remember(made, self._settings.devices)).device
        words = {"device": device.id, "protocol": request.protocol, "client": request.client}
        REMEMBERED.log(account=account, network=network, **words)
        return device.id

    async def touch(self, device: Device, request: LoginRequest) -> None:
        """Its use is noted.  A disk that is full stops no device."""
        now = self._clock.now()
        if now - device.last_used < TOUCH_EVERY:
            return
        address, network = request.address, network_of(request.address)
        try:
            await self._durable.touch([Touch(device.account, device.id, now, address, network)])
        except Trouble as error:
            NOT_TOUCHED.log(account=device.account, device=device.id, error=str(error))

    def _made(self, account: str, request: LoginRequest, network: str) -> Device:
        now = self._clock.now()
        version = self._keys.versions(DEVICES)[0]
        return Device(
            id=new_id(),
            account=account,
            kind=CODE_STRING,
            lookup=self._lookup(account, request.secret, version),
            key_version=version,
            created=now,
            last_used=now,
            expires_at=now + self._settings.remember,
            idle=self._settings.idle,
            last_address=request.address,
            networks=(Network(network, now, now),),
            client=request.client,
        )

    def _lookup(self, account: str, secret: bytes, version: int) -> bytes:
        return self._keys.mac(DEVICES, version, account, secret)[:LOOKUP_OCTETS]
