"""Many sessions on one mailbox, beside a model of it: what each was told is always what it should know."""

import os
from dataclasses import dataclass

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from twisted.trial.unittest import SynchronousTestCase

from mailtwist.mail.flags import DELETED, SEEN
from tests.protocols.imap.scene import Scene, now
from tests.protocols.imap.watcher import Watcher

KINDS = ("rev1", "rev2", "condstore", "reader")
FLAGS = ("\\Seen", "\\Deleted", "\\Flagged", "Work")
MOST = 12
"""Messages."""

which = st.integers(0, 3)
places = st.lists(st.integers(0, MOST - 1), min_size=1, max_size=4)
flag_sets = st.sets(st.sampled_from(FLAGS), max_size=2)


@dataclass
class Message:
    uid: int
    flags: set[str]


class Sessions(RuleBasedStateMachine):
    """`truth` is the model."""

    @initialize()
    def begin(self) -> None:
        self.scene = Scene()
        now(self.scene.inbox.remove([2, 4, 5]))
        self.truth: list[Message] = []
        self.next = self.scene.inbox.uid_next
        self.watchers = [Watcher(self.scene, kind) for kind in KINDS]

    # -- what clients do
    @precondition(lambda self: len(self.truth) < MOST)
    @rule(number=which, flags=flag_sets)
    def append(self, number: int, flags: set[str]) -> None:
        watcher = self._awake(number)
        words = " ".join(sorted(flags)).encode()
        assert watcher.ask(b"APPEND INBOX (%b) {4+}\r\nA: b" % words).startswith(b"OK [APPENDUID ")
        self.truth.append(Message(self.next, set(flags)))
        self.next += 1
        assert len(watcher.messages) == len(self.truth)

    @rule(
        number=which,
        at=places,
        how=st.sampled_from(["", "+", "-"]),
        flags=flag_sets,
        silent=st.booleans(),
        by_uid=st.booleans(),
        since=st.booleans(),
    )
    def store(
        self, number: int, at: list[int], how: str, flags: set[str], silent: bool, by_uid: bool, since: bool
    ) -> None:
        watcher = self._awake(number)
        chosen = [watcher.messages[n] for n in self._places(watcher, at)]
        if not chosen:
            return
        known = [one.modseq or 0 for one in chosen]
        condition = b"(UNCHANGEDSINCE %d) " % min(known) if since and watcher.aware and all(known) else b""
        words = f"{how}FLAGS{'.SILENT' if silent else ''} ({' '.join(sorted(flags))})".encode()
        before = {one.uid: self.scene.inbox.entry(one.uid or 0) for one in chosen}
        answer = watcher.ask(self._set(b"STORE", watcher, at, by_uid) + condition + words)
        if watcher.kind == "reader":
            assert answer.startswith(b"NO [READ-ONLY]"), answer
            return
        assert answer.startswith(b"OK "), answer
        failed = 0
        for one in chosen:
            entry = before[one.uid]
            if entry is not None and condition and entry.modseq > min(known):
                failed += 1
            elif entry is not None:
                self._change(one.uid, how, flags)
                if silent:  # the client works it out by itself
                    one.flags = frozenset(self._truth(one.uid).flags)
        assert (b"[MODIFIED " in answer) == bool(failed), answer

    @rule(number=which, at=places, by_uid=st.booleans())
    def read(self, number: int, at: list[int], by_uid: bool) -> None:
        watcher = self._awake(number)
        chosen = [watcher.messages[n] for n in self._places(watcher, at)]
        if not chosen:
            return
        watcher.ask(self._set(b"FETCH", watcher, at, by_uid) + b"BODY[]")
        for one in chosen:
            message = self._truth(one.uid)
            if message is not None and watcher.kind != "reader":
                message.flags.add(SEEN)

    @rule(number=which)
    def expunge(self, number: int) -> None:
        watcher = self._awake(number)
        answer = watcher.ask(b"EXPUNGE")
        if watcher.kind == "reader":
            assert answer.startswith(b"NO ")
            return
        gone = [one for one in self.truth if DELETED in one.flags]
        self.truth = [one for one in self.truth if DELETED not in one.flags]
        assert (b"[HIGHESTMODSEQ " in answer) == (bool(gone) and watcher.aware)
        assert len(watcher.messages) == len(self.truth)

    @rule(number=which, at=places)
    def move(self, number: int, at: list[int]) -> None:
        watcher = self._awake(number)
        uids = {watcher.messages[n].uid for n in self._places(watcher, at)}
        if uids and watcher.kind != "reader":
            assert watcher.ask(self._set(b"MOVE", watcher, at, True) + b"Sent").startswith(b"OK ")
            self.truth = [one for one in self.truth if one.uid not in uids]

    @rule(number=which, flag=st.sampled_from(FLAGS), without=st.booleans(), by_uid=st.booleans())
    def search(self, number: int, flag: str, without: bool, by_uid: bool) -> None:
        watcher = self._awake(number)
        key = flag[1:].upper() if flag.startswith("\\") else f"KEYWORD {flag}"
        before = [one.uid for one in watcher.messages]
        command = b"SEARCH RETURN (SAVE ALL) " if watcher.kind in ("rev2", "condstore") else b"SEARCH "
        watcher.found = []
        uid = b"UID " if by_uid else b""
        watcher.ask(uid + command + (b"NOT " if without else b"") + key.encode())
        fit = [one.uid for one in self.truth if (flag in one.flags) != without and one.uid in before]
        assert watcher.found == (fit if by_uid else [before.index(one) + 1 for one in fit])
        if b"SAVE" in command:
            watcher.found = []
            watcher.ask(b"UID SEARCH RETURN (ALL) $")
            assert watcher.found == fit

    @rule(number=which)
    def catch_up(self, number: int) -> None:
        watcher = self._awake(number)
        watcher.ask(b"NOOP")
        self._agrees(watcher)
        watcher.learn()
        self._agrees(watcher)

    @rule(number=which)
    def since(self, number: int) -> None:
        """Nothing has changed since the last mod-sequence that was told."""
        watcher = self._awake(number)
        watcher.ask(b"NOOP")
        if watcher.aware and all(one.modseq for one in watcher.messages) and watcher.messages:
            last = max(one.modseq or 0 for one in watcher.messages)
            assert watcher.ask(b"UID FETCH 1:* FLAGS (CHANGEDSINCE %d)" % last).startswith(b"OK ")
            assert not watcher.fetched

    @rule(number=which)
    def wait(self, number: int) -> None:
        if not self.watchers[number].idling:
            self.watchers[number].idle()

    @rule(number=which)
    def select_again(self, number: int) -> None:
        self._awake(number).select()

    # -- what others do
    @rule(at=st.integers(0, MOST - 1), flags=flag_sets)
    def somebody_else_flags(self, at: int, flags: set[str]) -> None:
        if self.truth:
            one = self.truth[at % len(self.truth)]
            now(self.scene.inbox.change_flags([one.uid], "replace", frozenset(flags)))
            one.flags = set(flags)

    @rule(at=st.integers(0, MOST - 1))
    def somebody_else_removes(self, at: int) -> None:
        if self.truth:
            now(self.scene.inbox.remove([self.truth.pop(at % len(self.truth)).uid]))

    @invariant()
    def who_idles_knows_at_once(self) -> None:
        for watcher in getattr(self, "watchers", ()):
            if watcher.idling:
                watcher.listen()
                self._agrees(watcher)

    # -- underneath
    def _awake(self, number: int) -> Watcher:
        watcher = self.watchers[number]
        if watcher.idling:
            watcher.done()
        while any(one.uid is None for one in watcher.messages):  # more may come with the answer
            watcher.learn()
        return watcher

    def _places(self, watcher: Watcher, at: list[int]) -> list[int]:
        count = len(watcher.messages)
        return sorted({n % count for n in at}) if count else []

    def _set(self, name: bytes, watcher: Watcher, at: list[int], by_uid: bool) -> bytes:
        chosen = self._places(watcher, at)
        numbers = [watcher.messages[n].uid if by_uid else n + 1 for n in chosen]
        return b"%b%b %b " % (b"UID " if by_uid else b"", name, ",".join(map(str, numbers)).encode())

    def _truth(self, uid: int | None) -> Message | None:
        return next((one for one in self.truth if one.uid == uid), None)

    def _change(self, uid: int | None, how: str, flags: set[str]) -> None:
        message = self._truth(uid)
        assert message is not None
        if how == "+":
            message.flags |= flags
        elif how == "-":
            message.flags -= flags
        else:
            message.flags = set(flags)

    def _agrees(self, watcher: Watcher) -> None:
        assert len(watcher.messages) == len(self.truth), (watcher.kind, watcher.messages, self.truth)
        for seen, true in zip(watcher.messages, self.truth, strict=True):
            assert seen.uid in (None, true.uid), (watcher.kind, seen, true)
            assert seen.flags is None or seen.flags == true.flags, (watcher.kind, seen, true)
            if seen.modseq is not None:
                entry = self.scene.inbox.entry(true.uid)
                assert entry is not None and seen.modseq == entry.modseq, (seen, entry)


class Model(SynchronousTestCase):
    def test_what_was_told_is_what_is_known(self) -> None:
        full = os.environ.get("SOAK") == "full"
        run_state_machine_as_test(
            Sessions,
            settings=settings(max_examples=2_000 if full else 60, stateful_step_count=40, deadline=None),
        )
