"""slapd, real, on loopback: people as they look in OpenLDAP, in FreeIPA and in Active Directory."""

import atexit
import shutil
import tempfile
from base64 import b64encode
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from urllib.parse import quote
from uuid import NAMESPACE_DNS, UUID, uuid5

from tests.backends.certificates import certificate
from tests.backends.processes import Program
from tests.peers.programs import free_ports, program, run

BASE = "dc=example,dc=org"
PEOPLE = f"ou=people,{BASE}"
GROUPS = f"ou=groups,{BASE}"
ADMIN, ADMIN_PASSWORD = f"cn=admin,{BASE}", "rootsecret"
READER, READER_PASSWORD = f"cn=reader,{BASE}", "reader(secret)*"
"""May read everything but passwords, and change nothing."""

IPA = "dc=ipa,dc=test"
AD = "DC=corp,DC=test"
GUID = UUID("7f1a2b3c-4d5e-6f70-8192-a3b4c5d6e7f8")
"""Of Ann in Active Directory."""

PASSWORD = b"p@ss word \xc3\xa9 %s\xff"
"""Everybody's, as in `testing.directory`."""

_TYPES = (
    ("mailAlternateAddress", "caseIgnoreMatch", "15"),
    ("nsUniqueId", "caseIgnoreMatch", "15"),
    ("ipaUniqueID", "caseIgnoreMatch", "15"),
    ("nsAccountLock", "caseIgnoreMatch", "15"),
    ("krbPrincipalName", "caseIgnoreMatch", "15"),
    ("objectGUID", "octetStringMatch", "40"),
    ("sAMAccountName", "caseIgnoreMatch", "15"),
    ("userPrincipalName", "caseIgnoreMatch", "15"),
    ("proxyAddresses", "caseIgnoreMatch", "15"),
    ("userAccountControl", "integerMatch", "27"),
    ("objectCategory", "caseIgnoreMatch", "15"),
    ("krbLastPwdChange", "generalizedTimeMatch", "24"),
    ("pwdLastSet", "integerMatch", "27"),
)


def _schema() -> str:
    """What OpenLDAP does not know of FreeIPA and Active Directory."""
    lines = []
    for number, (name, matching, syntax) in enumerate(_TYPES, 1):
        substrings = " SUBSTR caseIgnoreSubstringsMatch" if matching == "caseIgnoreMatch" else ""
        of = f"EQUALITY {matching}{substrings} SYNTAX 1.3.6.1.4.1.1466.115.121.1.{syntax}"
        lines.append(f"attributetype ( 1.3.6.1.4.1.4203.666.77.{number} NAME '{name}' {of} )")
    names = " $ ".join(name for name, *_ in _TYPES)
    lines.append(f"objectclass ( 1.3.6.1.4.1.4203.666.78.1 NAME 'user' SUP top AUXILIARY MAY ( {names} ) )")
    return "\n".join(lines) + "\n"


def entry(dn: str, **attributes: str | bytes | Iterable[str | bytes]) -> str:
    """LDIF, all of it in base64; a "_" at the end of a name is that of a Python keyword."""
    lines = [f"dn:: {_base64(dn)}"]
    for name, values in attributes.items():
        several = [values] if isinstance(values, str | bytes) else values
        lines += [f"{name.rstrip('_')}:: {_base64(value)}" for value in several]
    return "\n".join(lines) + "\n\n"


def entry_changed(dn: str, how: str, **attributes: str | bytes) -> str:
    """LDIF that does it: `add`, `delete` or `replace`."""
    text = f"dn:: {_base64(dn)}\nchangetype: modify\n"
    for name, value in attributes.items():
        text += f"{how}: {name}\n{name}:: {_base64(value)}\n-\n"
    return text


def _base64(value: str | bytes) -> str:
    return b64encode(value.encode() if isinstance(value, str) else value).decode()


def person(uid: str, under: str = PEOPLE, **more: str | bytes | Iterable[str | bytes]) -> str:
    """One whose password is `PASSWORD`."""
    its: Mapping[str, str | bytes | Iterable[str | bytes]] = {
        "objectClass": ("inetOrgPerson", "user"),
        "uid": uid,
        "cn": uid,
        "sn": uid,
        "userPassword": PASSWORD,
        **more,
    }
    return entry(f"uid={uid},{under}", **its)


def _identified(text: str) -> str:
    """Entries have the same entryUUID in all servers."""
    blocks = (block for block in text.split("\n\n") if block)
    named = ((block, uuid5(NAMESPACE_DNS, block.partition("\n")[0])) for block in blocks)
    return "".join(f"{block}\nentryUUID: {identity}\n\n" for block, identity in named)


def _people() -> str:
    text = entry(BASE, objectClass=("dcObject", "organization"), dc="example", o="Example")
    for name in ("people", "groups", "policies"):
        text += entry(f"ou={name},{BASE}", objectClass="organizationalUnit", ou=name)
    reader = {"objectClass": ("organizationalRole", "simpleSecurityObject"), "cn": "reader"}
    text += entry(READER, **reader, userPassword=READER_PASSWORD)
    policy = {"objectClass": ("device", "pwdPolicy"), "pwdAttribute": "userPassword"}
    text += entry(f"cn=default,ou=policies,{BASE}", **policy, cn="default", pwdLockout="TRUE")
    text += entry(f"cn=short,ou=policies,{BASE}", **policy, cn="short", pwdMaxAge="60")
    text += person(
        "ann", mail="Ann@Example.org", mailAlternateAddress=("a.smith@example.org", "ann@example.net")
    )
    text += person("bob", mail="bob@example.org")
    text += person("zoë", mail="zoe@example.org")
    text += person("twin", mail="twin@example.org")
    text += entry(
        f"cn=other twin,{PEOPLE}",
        objectClass="inetOrgPerson",
        uid="twin",
        cn="other twin",
        sn="twin",
        mail="twin@example.org",
        userPassword="another",
    )
    text += person("locked", mail="locked@example.org", pwdAccountLockedTime="000001010000Z")
    text += person(
        "expired",
        mail="expired@example.org",
        pwdPolicySubentry=f"cn=short,ou=policies,{BASE}",
        pwdChangedTime="20200101000000Z",
    )
    resets = f"cn=resets,ou=policies,{BASE}"
    text += entry(resets, **policy, cn="resets", pwdMustChange="TRUE")
    text += person("reset", mail="reset@example.org", pwdReset="TRUE", pwdPolicySubentry=resets)
    unix = {"objectClass": ("inetOrgPerson", "posixAccount", "shadowAccount"), "gidNumber": "5000"}
    for number, (name, expires) in enumerate((("posix", "99999"), ("left", "1")), 5000):
        home = {"uidNumber": str(number), "homeDirectory": f"/home/{name}", "shadowExpire": expires}
        text += person(name, mail=f"{name}@example.org", **unix, **home)
    return text


def _ipa() -> str:
    text = entry(IPA, objectClass=("dcObject", "organization"), dc="ipa", o="IPA")
    for rdn in ("cn=accounts", "cn=users,cn=accounts", "cn=groups,cn=accounts"):
        text += entry(f"{rdn},{IPA}", objectClass="organizationalRole", cn=rdn[3:].partition(",")[0])
    under = f"cn=users,cn=accounts,{IPA}"
    text += person(
        "ann",
        under,
        mail="ann@ipa.test",
        ipaUniqueID="2f0c1a3e-0000-11ef-8000-525400123456",
        nsAccountLock="FALSE",
    )
    text += person(
        "gone",
        under,
        mail="gone@ipa.test",
        ipaUniqueID="2f0c1a3e-0000-11ef-8000-525400123457",
        nsAccountLock="TRUE",
    )
    return text


def _ad() -> str:
    text = entry(AD, objectClass=("dcObject", "organization"), dc="corp", o="Corp")
    text += entry(f"CN=Users,{AD}", objectClass="organizationalRole", cn="Users")
    both = {"objectClass": ("inetOrgPerson", "user"), "userPassword": PASSWORD, "objectCategory": "person"}
    text += entry(
        f"CN=Smith\\, Ann,CN=Users,{AD}",
        **both,
        cn="Smith, Ann",
        sn="Smith",
        sAMAccountName="ASmith",
        userPrincipalName="Ann@corp.test",
        mail="ann.smith@corp.test",
        proxyAddresses=(
            "SMTP:Ann.Smith@corp.test",
            "smtp:asmith@mail.corp.test",
            "X400:c=US;a= ;p=Corp;s=Smith;",
        ),
        userAccountControl="512",
        objectGUID=GUID.bytes_le,
    )
    text += entry(
        f"CN=Off,CN=Users,{AD}",
        **both,
        cn="Off",
        sn="Off",
        sAMAccountName="off",
        userPrincipalName="off@corp.test",
        userAccountControl="514",
        objectGUID=bytes(16),
    )
    return text


def _groups() -> str:
    """Written over LDAP, so that slapd itself says who is in them."""
    ann = f"uid=ann,{PEOPLE}"
    text = entry(
        f"cn=staff,{GROUPS}", objectClass="groupOfNames", cn="staff", member=(ann, f"uid=bob,{PEOPLE}")
    )
    text += entry(f"cn=mail users,{GROUPS}", objectClass="groupOfNames", cn="mail users", member=ann)
    text += entry(
        f"cn=unix,{GROUPS}", objectClass="posixGroup", cn="unix", gidNumber="1", memberUid=("posix", "ann")
    )
    text += entry(
        f"cn=mail,cn=groups,cn=accounts,{IPA}",
        objectClass="groupOfNames",
        cn="mail",
        member=f"uid=ann,cn=users,cn=accounts,{IPA}",
    )
    text += entry(
        f"CN=Mail,CN=Users,{AD}",
        objectClass="groupOfNames",
        cn="Mail",
        member=f"CN=Smith\\, Ann,CN=Users,{AD}",
    )
    return text


_INDEXES = ",".join(
    ("objectClass", "uid", "mail", "mailAlternateAddress", "member", "memberUid")
    + ("sAMAccountName", "userPrincipalName", "proxyAddresses")
)


class Slapd:
    """One server with three trees, by `ldap://`, `ldaps://` and `ldapi://`, that logs each operation.  It has
    a certificate of the tests' authority for localhost and 127.0.0.1, or for other `names`."""

    def __init__(self, name: str = "slapd", *names: str, extra: str = "") -> None:
        self.folder = Path(tempfile.mkdtemp(prefix=f"{name}-"))
        self.port, self.tls_port = free_ports(2)
        self.certificate = certificate(self.folder, "slapd", *names)
        self.socket = self.folder / "ldapi"
        schema = self.folder / "tests.schema"
        schema.write_text(_schema())
        self.config = self.folder / "slapd.conf"
        self.config.write_text(self._head(schema) + extra + self._databases())
        words: list[str | Path] = [program("slapd"), "-d", "stats", "-f", self.config, "-h", self._urls()]
        self._program = Program(words, self.folder / "log")

    @property
    def url(self) -> str:
        return f"ldap://127.0.0.1:{self.port}"

    @property
    def tls_url(self) -> str:
        return f"ldaps://127.0.0.1:{self.tls_port}"

    @property
    def unix_url(self) -> str:
        return f"ldapi://{quote(str(self.socket), '')}"

    @property
    def log(self) -> str:
        """Each BIND, SRCH and RESULT; without passwords."""
        return self._program.said

    @property
    def program(self) -> Program:
        return self._program

    def start(self) -> None:
        for suffix, text in ((BASE, _people()), (IPA, _ipa()), (AD, _ad())):
            run("slapadd", "-f", self.config, "-b", suffix, "-q", stdin=_identified(text).encode())
        self.resume()
        self.change(_groups(), "-a")

    def resume(self) -> None:
        """It runs again, with the data that it had."""
        self._program.begin()
        self._program.until(self._answers, lambda: "")

    def kill(self) -> None:
        self._program.kill()

    def stop(self) -> None:
        if self._program.runs:
            self._program.thaw()
        self._program.end()
        shutil.rmtree(self.folder, ignore_errors=True)

    def change(self, ldif: str, *how: str) -> None:
        """By the tree's admin; `-a` adds."""
        words = ["ldapmodify", "-x", "-H", self.unix_url, "-D", ADMIN, "-w", ADMIN_PASSWORD, *how]
        run(*words, stdin=ldif.encode())

    def set_password(self, dn: str, password: bytes) -> None:
        self.change(entry_changed(dn, "replace", userPassword=password))

    def _answers(self) -> bool:
        words = ("ldapsearch", "-x", "-H", self.unix_url, "-b", "", "-s", "base", "-LLL")
        return run(*words, ok=(0, 255)).returncode == 0

    def _urls(self) -> str:
        return f"ldap://127.0.0.1:{self.port} ldaps://127.0.0.1:{self.tls_port} {self.unix_url}"

    def _head(self, schema: Path) -> str:
        known = ("core", "cosine", "inetorgperson", "nis")
        lines = [f"include /etc/ldap/schema/{name}.schema" for name in known] + [f"include {schema}"]
        lines += ["modulepath /usr/lib/ldap"]
        lines += [f"moduleload {name}" for name in ("back_mdb", "memberof", "ppolicy", "otp")]
        lines += [f"pidfile {self.folder}/pid", "threads 4"]
        lines += [
            f"TLSCertificateFile {self.certificate.chain}",
            f"TLSCertificateKeyFile {self.certificate.key}",
        ]
        lines += [f"TLSCACertificateFile {self.certificate.root}", "TLSVerifyClient allow"]
        return "\n".join(lines) + "\n"

    def _databases(self) -> str:
        text = ""
        for number, suffix in enumerate((BASE, IPA, AD)):
            folder = self.folder / f"data{number}"
            folder.mkdir()
            lines = ["database mdb", f'suffix "{suffix}"', f'rootdn "{ADMIN}"', f"directory {folder}"]
            lines += [f"rootpw {ADMIN_PASSWORD}"] if suffix == BASE else []
            lines += [f"index {_INDEXES} eq", "dbnosync", "maxsize 67108864"]
            lines += ["access to attrs=userPassword by anonymous auth by * none"]
            lines += [f'access to * by dn="{READER}" read by self read by anonymous auth by * none']
            lines += ["overlay memberof", "memberof-refint TRUE"]
            if suffix == BASE:
                lines += ["overlay ppolicy", f"ppolicy_default cn=default,ou=policies,{BASE}", "overlay otp"]
            text += "\n".join(lines) + "\n"
        return text


@cache
def slapd() -> Slapd:
    """The one of the suite."""
    return until_the_end(Slapd())


def until_the_end(server: Slapd) -> Slapd:
    """Started; it stops when the tests end."""
    atexit.register(server.stop)
    server.start()
    return server
