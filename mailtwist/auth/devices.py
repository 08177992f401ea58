"""A saved `password@code` goes on working where it was learned, for a while: the remembered device."""

from typing import Literal

from mailtwist.auth.api import LoginRequest, LoginUnavailable
from mailtwist.auth.app_passwords import app_password_id, opened_vault
from mailtwist.auth.contexts import as_set_today, context_of, in_place, is_far, life_of
from mailtwist.auth.factors.api import Proof
from mailtwist.auth.grammar import Cut, bare
from mailtwist.auth.marks import Marks
from mailtwist.auth.notices import Notices, the_notices
from mailtwist.auth.places import network_of
from mailtwist.auth.refusals import Form
from mailtwist.auth.uses import Uses
from mailtwist.config.login import LoginSettings
from mailtwist.config.part import Assembly
from mailtwist.kit.clock import Clock
from mailtwist.kit.events import Event
from mailtwist.kit.ids import new_id
from mailtwist.kit.trouble import Trouble
from mailtwist.state.api import Durable, SessionsEnded
from mailtwist.state.keys import Keys
from mailtwist.state.process import durable, keys
from mailtwist.state.records import (
    APP_PASSWORD,
    APPROVAL,
    BOTH_STRING,
    CODE_STRING,
    DEVICE_CODE,
    STALE_AFTER,
    Device,
    Network,
    Remembered,
    Touch,
)

REMEMBERED = Event("device.remembered", "{account}: device {device} in {network}, by {protocol} {client}")
EVICTED = Event("device.evicted", "{account}: device {device} had to go for {other}")
STALE = Event(
    "device.stale", "{account}: the directory does not take the password of device {device}", "warn"
)
NOT_NOTED = Event(
    "device.not_noted", "{account}: what became of device {device} was not noted: {error}", "warn"
)

UNGUESSABLE = ("device-code", "recovery")
"""Kinds of codes that leave a string which nobody guesses."""

LONGEST = 200
"""Characters of what a program calls itself."""

Judgement = Literal[
    "", "revoked-device", "expired", "other-protocol", "other-network", "stale-device", "device-waits"
]
WAITS: Judgement = "device-waits"
"""This alone is temporary: its password was refused a moment ago, and is asked about again later."""


class Devices:
    """Whole strings are looked up by a keyed hash: quick for a client that comes every minute, useless to who
    has the database without the key.  App passwords are found the same way."""

    def __init__(
        self, durable: Durable, keys: Keys, clock: Clock, settings: LoginSettings, notices: Notices
    ) -> None:
        self._durable = durable
        self._marks = Marks(keys)
        self._clock = clock
        self._settings = settings
        self._notices = notices
        self._uses = Uses(durable, clock)

    async def stop(self) -> None:
        await self._uses.stop()

    # -- what a string is
    async def find(self, account: str, secret: bytes) -> Device | None:
        """The device with this string, in whatever state: also of one that ended a while ago it is known, so
        that whoever still polls with it is not taken for somebody who guesses."""
        found = await self._durable.device(account, self._marks.all_of(account, secret))
        return found and as_set_today(found, self._settings)

    async def counting(self, request: LoginRequest, account: str) -> Device | None:
        """The device with the request's string; none when it is a password alone for which nobody has said
        yes here and lately: its owner is asked again."""
        device = await self.find(account, request.secret)
        if device is None or device.kind != APPROVAL:
            return device
        return device if self.verdict(device, request) in ("", WAITS) else None

    def verdict(self, device: Device, request: LoginRequest) -> Judgement:
        """Why the string is not honoured; '' when it is.  Nothing is ever counted against its owner."""
        now = self._clock.now()
        if device.revoked_at is not None:
            return "revoked-device"
        if not device.alive(now):
            return "expired"
        if device.protocols and request.protocol not in device.protocols:
            return "other-protocol"
        if not in_place(device, request.address):
            return "other-network"
        if device.stale_at is not None:
            return "stale-device"
        waits = device.refused_at is not None and 0 <= now - device.refused_at < STALE_AFTER
        return WAITS if waits else ""

    def password(self, device: Device, secret: bytes) -> bytes | None:
        """The bare password for the directory.  None: there is none in it, and where a directory does not
        have to open something, none is needed."""
        if device.kind == APP_PASSWORD:
            return opened_vault(secret, device.vault, device.account, device.id) if device.vault else None
        return bare(secret, device.cut)

    def is_app_password(self, secret: bytes) -> bool:
        """It has the form of one.  When no device is found by it, it is a wrong one, and nobody is asked."""
        return bool(app_password_id(secret))

    # -- what became of it
    async def remember(
        self, account: str, name: str, request: LoginRequest, mark: int, kind: str, password: bytes, cut: Cut
    ) -> str:
        """The second factor and the right `password` came in `request`'s string, which is a device of this
        `kind` from now on: its id.  '' when there is none: it is set so, or nobody knows where the client is,
        and a fixed string without a place would open from anywhere.  Either way the password is right: others
        that have it are asked about again.  `LoginUnavailable` when the account was reset or changed since
        the login's `mark` (`sessions`): what has let it in may be gone."""
        await self._revive(account, password)
        network = network_of(request.address)
        if not network or not life_of(kind, self._settings):
            return ""
        made = self._made(account, request, network, kind, password, cut)
        try:
            remembered = await self._durable.remember(made, self._settings.devices, mark)
        except SessionsEnded:
            raise LoginUnavailable("ended-meanwhile") from None
        if remembered.new:
            self._tell(name, request, remembered)
        return remembered.device.id

    async def succeeded(
        self, device: Device, name: str, request: LoginRequest, password: bytes | None
    ) -> None:
        """The directory took its password, or it needed none.  A disk that is full stops no device."""
        far = device.context == "open" and not device.allowed and is_far(device, request.address)
        net = network_of(request.address)
        if far and device.networks:
            self._notices.tell(device.account, "new-network", name=name, **_facts(device, request))
        touch = Touch(device.account, device.id, self._clock.now(), request.address, net, learn=far)
        self._uses.note(touch, device)
        if device.refused_at is not None:
            await self.pardoned(device)
        if device.key_version != self._marks.version or (password and not device.inner):
            await self._rehash(device, request.secret, password)

    async def refused(self, device: Device) -> None:
        """The directory refused its password: nothing is forwarded for ten minutes, and when it is refused
        then, too, not until the password is right once more."""
        try:
            after = await self._durable.note_refusal(device.account, device.id, self._clock.now())
        except Trouble as error:
            NOT_NOTED.log(account=device.account, device=device.id, error=str(error))
            return
        if after is not None and after.stale_at is not None:
            STALE.log(account=device.account, device=device.id)

    async def pardoned(self, device: Device) -> None:
        """It was the directory that refused everybody, or it has taken the password since: the next refusal
        is the first one again."""
        try:
            await self._durable.note_success(device.account, device.id)
        except Trouble as error:
            NOT_NOTED.log(account=device.account, device=device.id, error=str(error))

    def heard(self, account: str, device: str, client: str) -> None:
        """What the program calls itself, said after the login."""
        name = "".join(c if c.isprintable() else "?" for c in client[:LONGEST])
        if name:
            self._uses.add(Touch(account, device, self._clock.now(), uses=0, client=name))

    def still_here(self, account: str, device: str) -> None:
        """A session goes on: it is not idle."""
        self._uses.add(Touch(account, device, self._clock.now(), uses=0))

    # -- inside
    async def _revive(self, account: str, password: bytes) -> None:
        try:
            await self._durable.revive(account, self._marks.all_inner(account, password))
        except Trouble as error:
            NOT_NOTED.log(account=account, device="", error=str(error))

    async def _rehash(self, device: Device, secret: bytes, password: bytes | None) -> None:
        account, version = device.account, self._marks.version
        mark, inner = self._marks.of(account, secret, version), self._marks.inner(account, password, version)
        try:
            await self._durable.rehash(account, device.id, mark, version, inner)
        except Trouble as error:
            NOT_NOTED.log(account=account, device=device.id, error=str(error))

    def _tell(self, name: str, request: LoginRequest, remembered: Remembered) -> None:
        device = remembered.device
        facts = _facts(device, request)
        REMEMBERED.log(account=device.account, **facts)
        if device.kind != APPROVAL:  # else he has just been told, and said yes
            unknown = {"new_network": facts["network"]} if remembered.networks else {}
            self._notices.tell(device.account, "new-device", name=name, **facts, **unknown)
        for gone in remembered.evicted:
            EVICTED.log(account=gone.account, device=gone.id, other=device.id)
            self._notices.tell(
                gone.account,
                "device-evicted",
                name=name,
                device=gone.id,
                label=gone.label,
                client=gone.client,
            )

    def _made(
        self, account: str, request: LoginRequest, network: str, kind: str, password: bytes, cut: Cut
    ) -> Device:
        now = self._clock.now()
        version = self._marks.version
        return Device(
            id=new_id(),
            account=account,
            kind=kind,
            lookup=self._marks.of(account, request.secret, version),
            key_version=version,
            created=now,
            last_used=now,
            expires_at=now + life_of(kind, self._settings),
            idle=self._settings.idle,
            last_address=request.address,
            networks=(Network(network, now, now),),
            client=request.client,
            context=context_of(kind, self._settings),
            inner=self._marks.inner(account, password, version),
            cut=(cut.front, cut.back),
        )


def kind_of(proof: Proof, form: Form) -> str:
    """That of the device which a string with this proof becomes."""
    if form == "approval":
        return APPROVAL
    if proof.password:
        return BOTH_STRING
    return DEVICE_CODE if proof.kind in UNGUESSABLE else CODE_STRING


def _facts(device: Device, request: LoginRequest) -> dict[str, str]:
    return {
        "device": device.id,
        "address": request.address,
        "network": network_of(request.address),
        "protocol": request.protocol,
        "client": request.client or device.client,
        "label": device.label,
    }


def the_devices(assembly: Assembly) -> Devices:
    """For `assembly.one`."""
    notices = assembly.one(the_notices)
    return Devices(durable(assembly), keys(assembly), assembly.clock, assembly.login, notices)
