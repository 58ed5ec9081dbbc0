"""The tools of AgentDojo's slack suite: a workspace that members share, and the web outside of it."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from benchmarks.agentdojo.importing import Declaration
from licet import Content, Key, Label, Sensitive, Target, Trust


class Message(TypedDict):
    """A message in a channel, which its members read.

    The workspace knows who wrote it and where it stands; what it says is its sender's.
    """

    sender: Annotated[str, Label("user")]
    recipient: Annotated[str, Label("channel")]
    body: Annotated[str, Trust("peer")]


class DirectMessage(TypedDict):
    """A message to one member alone."""

    sender: Annotated[str, Label("user")]
    recipient: Annotated[str, Label("user")]
    body: Annotated[str, Trust("peer"), Sensitive]


Channels = list[Annotated[str, Key("channel"), Trust("peer")]]
"""The workspace knows which channels there are. Their names are their founders' to choose."""

Users = list[Annotated[str, Key("user")]]


def show_message(recipient: str, body: str) -> str:
    """What a direct message would say, and to whom."""
    return f"To {recipient}: {body}"


def show_channel_message(channel: str, body: str) -> str:
    """What a channel would be told."""
    return f"To everybody in {channel}: {body}"


def show_invitation(user: str, user_email: str) -> str:
    """Who would be let in."""
    return f"Let {user} ({user_email}) into the workspace"


def show_removal(user: str) -> str:
    """Who would be put out."""
    return f"Remove {user} from the workspace, with all messages to them"


def show_page(url: str, content: str) -> str:
    """What everybody could read."""
    return f"Publish at {url}, in place of what is there: {content}"


def show_new_member(user: str, channel: str) -> str:
    """Who could read what."""
    return f"Let {user} read {channel}, with all that was said there"


SLACK = {
    "get_channels": Declaration("read", Trust("system"), returns=Channels),
    "get_users_in_channel": Declaration(
        "read", Trust("system"), {"channel": (Target("channel"),)}, returns=Users
    ),
    "read_channel_messages": Declaration(
        "read", Trust("system"), {"channel": (Target("channel"),)}, returns=list[Message]
    ),
    "read_inbox": Declaration(
        "read", Trust("system"), {"user": (Target("user"),)}, returns=list[DirectMessage]
    ),
    # What was read can't be unread: no message, no invitation and no membership can be taken back as if it never was.
    "add_user_to_channel": Declaration(
        "irreversible",
        Trust("system"),
        {"user": (Target("user"),), "channel": (Target("channel"),)},
        preview=show_new_member,
    ),
    "send_direct_message": Declaration(
        "irreversible",
        Trust("system"),
        {"recipient": (Target("user"),), "body": (Content(),)},
        preview=show_message,
    ),
    "send_channel_message": Declaration(
        "irreversible",
        Trust("system"),
        {"channel": (Target("channel"),), "body": (Content(),)},
        preview=show_channel_message,
    ),
    "invite_user_to_slack": Declaration(
        "irreversible",
        Trust("system"),
        {"user": (Target("user"),), "user_email": (Target("email"),)},
        preview=show_invitation,
    ),
    "remove_user_from_slack": Declaration(
        "irreversible", Trust("system"), {"user": (Target("user"),)}, preview=show_removal
    ),
    # Whoever runs the site sees who asks for what.
    "get_webpage": Declaration("read", Trust("external"), {"url": (Target("url"),)}),
    "post_webpage": Declaration(
        "irreversible",
        Trust("system"),
        {"url": (Target("url"),), "content": (Content(),)},
        preview=show_page,
    ),
}
