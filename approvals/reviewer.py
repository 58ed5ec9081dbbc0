"""Who reviews."""

from __future__ import annotations

import os
import pwd
from dataclasses import dataclass

LOCAL_PREFIX = "local:"
"""How the id begins of every reviewer that only the operating system vouches for, and of no other."""


@dataclass(frozen=True, slots=True)
class Reviewer:
    """A person who answers approval requests, as a credential names them.

    Attributes:
        id: such as `local:alice`. `same_person` compares it with the subject of a run's principal.
        local: the operating system is all that vouches for this reviewer.

    Raises:
        ValueError: the id is empty, or its prefix and `local` do not agree.
    """

    id: str
    local: bool

    def __post_init__(self) -> None:
        if not self.id or self.id == LOCAL_PREFIX:
            raise ValueError("a reviewer has an id")
        if self.local != self.id.startswith(LOCAL_PREFIX):
            raise ValueError(f"the ids of local reviewers, and only theirs, begin with {LOCAL_PREFIX!r}")


def same_person(one: str, other: str) -> bool:
    """Whether two ids, of reviewers or of principals, name one person: `local:alice` is `alice`.

    The user of this computer and the subject of a token who have one name may be two people. Then somebody
    else reviews; the other way round somebody could approve their own call.
    """
    return one.removeprefix(LOCAL_PREFIX) == other.removeprefix(LOCAL_PREFIX)


def local_reviewer() -> Reviewer:
    """The user of this process as the operating system knows them; never `$USER`, which anybody can set.

    A user without an entry in the password database, as containers have them, goes by the number:
    `local:1000`.
    """
    uid = os.getuid()
    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        name = str(uid)
    return Reviewer(LOCAL_PREFIX + name, local=True)
