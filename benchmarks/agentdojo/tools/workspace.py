"""The tools of AgentDojo's workspace suite: mail, calendar and a drive that the firm shares."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from benchmarks.agentdojo.importing import Declaration
from benchmarks.agentdojo.tools.calendar import CALENDAR, MORE_CALENDAR
from benchmarks.agentdojo.tools.mail import MAIL
from licet import Content, Flag, Headline, Key, Label, Target, Trust


class File(TypedDict):
    """A file of the drive. The drive keeps ids, dates, sizes and who may read; names and content are anybody's."""

    id_: Annotated[str, Key("file")]
    filename: Annotated[str, Label("filename"), Trust("external")]
    content: Annotated[str, Trust("external")]
    owner: str
    last_modified: str
    shared_with: dict[str, str]
    size: int


def show_deletion(file_id: str) -> str:
    """What would be gone."""
    return f"Delete file {file_id}"


def show_sharing(file_id: str, email: str, permission: str) -> str:
    """Who could do what."""
    return f"Let {email} {'read and write' if 'w' in permission else 'read'} file {file_id}"


FILES = list[File]
FILE = {"file_id": (Target("file"),)}

WORKSPACE = {
    **MAIL,
    **CALENDAR,
    **MORE_CALENDAR,
    "search_files_by_filename": Declaration(
        "read", Trust("own"), {"filename": (Target("filename"),)}, returns=FILES
    ),
    "get_file_by_id": Declaration("read", Trust("own"), FILE, returns=File),
    "list_files": Declaration("read", Trust("own"), returns=FILES),
    "search_files": Declaration("read", Trust("own"), {"query": (Target("query"),)}, returns=FILES),
    # The drive keeps versions: what is written into a file can be taken out again.
    "create_file": Declaration(
        "write",
        Trust("own"),
        {"filename": (Headline("note"),), "content": (Content("note"),)},
        returns=File,
    ),
    "append_to_file": Declaration(
        "write", Trust("own"), {**FILE, "content": (Content("note"),)}, returns=File
    ),
    "delete_file": Declaration("irreversible", Trust("own"), FILE, preview=show_deletion, returns=File),
    # Who has read it has read it.
    "share_file": Declaration(
        "irreversible",
        Trust("own"),
        {**FILE, "email": (Target("email"),), "permission": (Flag(narrow=("r",)),)},
        preview=show_sharing,
        returns=File,
    ),
}
