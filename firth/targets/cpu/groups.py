"""Small texts go to LLVM several at a time: each module costs it a millisecond, however small.

The texts of a group become one module and one object. On disk the object has a key made of its
texts' keys, and under each text's own key stands where to find it.
"""

from __future__ import annotations

import hashlib
import re
from collections import deque
from collections.abc import Callable, Sequence
from typing import NamedTuple

from firth.base.errors import VerifyError
from firth.targets.cpu.crew import Toolchain

MOST = 32_000  # characters of a group: some tens of milliseconds
LEAST = 2_500  # of one that leaves something to other threads

_HELPER = re.compile(r"^define internal [^@\n]*@([\w.]+)\(.*?^}\n", re.MULTILINE | re.DOTALL)
_DECLARE = re.compile(r"^declare [^\n]*\n", re.MULTILINE)
_OTHER = re.compile(r"^(?:[@!$;]|attributes|target|module|source)", re.MULTILINE)


class Waiting(NamedTuple):
    """A text that LLVM has not seen, its function's name and its key on disk."""

    name: str
    text: str
    place: str


class Groups:
    """Texts that wait; called by a thread, some of them become objects.

    done: is told of each object and the texts that are in it. needed: asked for a name when a
    thread comes to it. threads: among how many what waits is shared out.
    """

    def __init__(
        self,
        done: Callable[[Toolchain, list[Waiting], str], None],
        needed: Callable[[str], bool],
        threads: int = 1,
    ) -> None:
        self._done, self._needed, self._threads = done, needed, threads
        self._waiting: deque[Waiting] = deque()

    def add(self, text: Waiting) -> None:
        """Enters a text; the object may be called once for each."""
        self._waiting.append(text)

    def __call__(self, toolchain: Toolchain) -> None:
        taken = self._take()
        group = [w for w in taken if not _OTHER.search(w.text)]
        alone = [w for w in taken if w not in group]  # by hand, or no kernel's
        if len(group) > 1:
            try:
                self._done(toolchain, group, merged([w.text for w in group]))
                group = []
            except VerifyError:
                pass  # the one that is refused will say so itself
        for one in (*group, *alone):
            self._done(toolchain, [one], one.text)

    def _take(self) -> list[Waiting]:
        """What this call does. Nothing comes back: there may be no further call."""
        taken: list[Waiting] = []
        size = 0
        enough = MOST
        if self._threads > 1:
            waiting = sum(len(w.text) for w in tuple(self._waiting))
            enough = min(MOST, max(LEAST, waiting // self._threads))
        while size < enough:
            try:
                first = self._waiting.popleft()
            except IndexError:
                break
            if self._needed(first.name):
                taken.append(first)
                size += len(first.text)
        return taken


def merged(texts: Sequence[str]) -> str:
    """One module of several texts; helpers that are the same in two of them are there once."""
    declares: dict[str, None] = {}
    helpers: dict[str, str] = {}
    functions: list[str] = []
    for number, text in enumerate(texts):
        declares.update(dict.fromkeys(_DECLARE.findall(text)))
        own = {m[1]: m[0] for m in _HELPER.finditer(text)}
        if any(helpers.get(name, body) != body for name, body in own.items()):
            names = "|".join(map(re.escape, sorted(own, key=len, reverse=True)))
            text = re.sub(rf"@({names})(?![\w.])", rf"@\1.{number}", text)
            own = {m[1]: m[0] for m in _HELPER.finditer(text)}
        helpers.update(own)
        functions.append(_HELPER.sub("", _DECLARE.sub("", text)))
    return "".join([*declares, *helpers.values(), *functions])


def holder_of(places: Sequence[str]) -> str:
    """The key of an object that holds the texts with these keys."""
    if len(places) == 1:
        return places[0]
    return hashlib.blake2b(" ".join(places).encode(), digest_size=20).hexdigest()
