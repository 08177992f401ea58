"""What a token says, compared with what is demanded of it.  rfc7519#4.1 rfc9068#4"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import inf, isfinite
from typing import Any

from mailtwist.auth.directories.oauthbearer.jwt import NotOurs, Object
from mailtwist.auth.directories.oauthbearer.settings import Settings
from mailtwist.auth.names import BadName, canonical

ACCESS = ("", "bearer", "at+jwt", "access", "access_token")
"""In a claim `typ` (Keycloak) or `token_use` (Amazon, Hydra): what a token for us says it is."""

ID_TOKEN = ("nonce", "at_hash", "c_hash", "s_hash")
"""Claims of ID tokens, which are for the mail program and not for us.  Some providers put a nonce into
access tokens too, and say that they are some."""


@dataclass(frozen=True, slots=True)
class Said:
    """`name` is canonical; `expires` is `math.inf` where nobody says.  `factor`: a second one was shown, and
    the issuer is believed in that."""

    name: str
    expires: float
    factor: bool


class Demands:
    """Of one issuer's tokens."""

    def __init__(self, settings: Settings, default_domain: str = "") -> None:
        self._settings = settings
        self._default_domain = default_domain

    def met(self, claims: Object, now: float, *, introspected: bool = False, type: str = "") -> Said:
        """`NotOurs` says which is not.  A token that is over meets them: `expires` tells."""
        self._of_issuer(claims, introspected)
        _must_be_access_token(claims, type, introspected)
        expires = self._of_time(claims, now, introspected)
        self._of_rights(claims)
        return Said(self._name(claims), expires, self._factor(claims, now))

    # -- whose it is, and for whom
    def _of_issuer(self, claims: Object, introspected: bool) -> None:
        its = self._settings
        if claims.get("iss", its.issuer if introspected else None) != its.issuer:
            raise NotOurs("it is another issuer's")
        audience = _texts(claims.get("aud"))
        if introspected and not audience:
            audience = _texts(claims.get("client_id"))
        if not set(audience).intersection(its.audience):
            raise NotOurs(f"it is not for us (audience) but for {_shown(audience)}")

    # -- when
    def _of_time(self, claims: Object, now: float, introspected: bool) -> float:
        skew = self._settings.clock_skew
        expires = _moment(claims, "exp")
        if expires is None and not introspected:
            raise NotOurs("it does not say until when it is good")
        for name in ("nbf", "iat"):
            moment = _moment(claims, name)
            if moment is not None and moment > now + skew:
                raise NotOurs(f"it is not good yet ({name})")
        return inf if expires is None else expires + skew

    # -- for what
    def _of_rights(self, claims: Object) -> None:
        its = self._settings
        has = {
            word for name in ("scope", "scp") for text in _texts(claims.get(name)) for word in text.split()
        }
        if missing := [scope for scope in its.scope if scope not in has]:
            raise NotOurs(f"it has no scope {missing[0]}")
        for name, value in its.required_claims:
            if value not in _texts(claims.get(name)):
                raise NotOurs(f"its claim {name} is not {value}")

    # -- of whom
    def _name(self, claims: Object) -> str:
        its = self._settings
        text = claims.get(its.name_claim)
        if not isinstance(text, str) or not text:
            raise NotOurs(f"it has no name in the claim {its.name_claim}")
        verified = claims.get("email_verified") is True or claims.get("email_verified") == "true"
        if its.name_claim == "email" and not (verified or its.unverified_email):
            raise NotOurs("its issuer has not verified the address (email_verified)")
        try:
            name = canonical(text, self._default_domain)
        except BadName as error:
            raise NotOurs(f"its name can be nobody's: {error}") from None
        if its.domains and name.rpartition("@")[2] not in its.domains:
            raise NotOurs("its name is in none of the domains")
        return name

    def _factor(self, claims: Object, now: float) -> bool:
        """Not to know it is to know that it was not."""
        its = self._settings
        if not its.second_factor:
            return False
        acr = (*_texts(claims.get("acr")), *_texts(claims.get("acrs")))
        if its.acr and not set(acr).intersection(its.acr):
            return False
        if its.amr and not set(_texts(claims.get("amr"))).intersection(its.amr):
            return False
        if its.factor_age is None:
            return True
        shown = _moment(claims, "auth_time")
        return shown is not None and now - its.factor_age - its.clock_skew <= shown <= now + its.clock_skew


def _must_be_access_token(claims: Object, type: str, introspected: bool) -> None:
    """An issuer that is asked knows refresh tokens, too (rfc7662#2.1); they are for itself alone."""
    said = [claims.get(name, "") for name in ("typ", "token_use")]
    if any(not isinstance(one, str) or one.lower() not in ACCESS for one in said):
        raise NotOurs("it is no access token")
    sure = type.endswith("at+jwt") or any(said)
    if not (sure or introspected) and any(name in claims for name in ID_TOKEN):
        raise NotOurs("it is an ID token, and no access token")


def _moment(claims: Object, name: str) -> float | None:
    """Seconds since 1970; None where it says nothing."""
    value: Any = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value < 1e11:
        raise NotOurs(f"its {name} is no time")
    return float(value) if isfinite(value) else None


def _texts(value: Any) -> Sequence[str]:
    """A text, or a list of texts; what else there is says nothing."""
    if isinstance(value, str):
        return (value,)
    if isinstance(value, bool):
        return ("true" if value else "false",)
    if isinstance(value, int):
        return (str(value),) if abs(value) < 1 << 64 else ()
    return tuple(one for one in value if isinstance(one, str)) if isinstance(value, list) else ()


def _shown(texts: Sequence[str]) -> str:
    return ", ".join(repr(text[:100]) for text in texts[:5]) or "nobody"
