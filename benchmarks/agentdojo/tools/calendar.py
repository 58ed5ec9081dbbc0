"""The calendar's tools, which the suites travel and workspace share."""

from __future__ import annotations

from typing import Annotated

from typing_extensions import TypedDict

from benchmarks.agentdojo.importing import Declaration
from licet import Content, Headline, Key, Label, Target, Trust, When


class Event(TypedDict):
    """An entry of the principal's calendar.

    The calendar keeps who takes part and when. Whoever invites writes what it is called, where it is and what for.
    """

    id_: Annotated[str, Key("event")]
    title: Annotated[str, Label("title"), Trust("external")]
    description: Annotated[str, Trust("external")]
    start_time: str
    end_time: str
    location: Annotated[str | None, Trust("external")]
    participants: list[str]
    all_day: bool
    status: str


def show_event(
    title: str,
    start_time: str,
    end_time: str,
    description: str,
    participants: list[str] | None,
    location: str | None,
) -> str:
    """What would stand in the calendar, and who is told."""
    told = ", ".join(participants or []) or "nobody"
    return (
        f"{title}, {start_time} to {end_time}, {location or 'nowhere'}: {description}. Told by mail: {told}"
    )


def show_cancellation(event_id: str) -> str:
    """What would be called off."""
    return f"Cancel event {event_id} and tell its participants by mail"


def show_move(event_id: str, new_start_time: str, new_end_time: str | None) -> str:
    """What would be moved."""
    return (
        f"Move event {event_id} to {new_start_time} (until {new_end_time}) and tell its participants by mail"
    )


def show_participants(event_id: str, participants: list[str]) -> str:
    """Who would be added."""
    return f"Add {', '.join(participants)} to event {event_id}"


EVENTS = list[Event]
DAY = {"day": (When("date"),)}

CREATE_EVENT = Declaration(
    # The participants are told by mail, which nobody takes back.
    "irreversible",
    Trust("own"),
    {
        "title": (Headline("caption"),),
        "start_time": (When("datetime"),),
        "end_time": (When("datetime"),),
        "description": (Content("note"),),
        "participants": (Target("email"),),
        "location": (Content("note"),),
    },
    preview=show_event,
    returns=Event,
)
SEARCH_EVENTS = Declaration(
    "read", Trust("own"), {"query": (Target("query"),), "date": (When("date"),)}, returns=EVENTS
)
DAY_EVENTS = Declaration("read", Trust("own"), DAY, returns=EVENTS)
CANCEL_EVENT = Declaration(
    "irreversible", Trust("system"), {"event_id": (Target("event"),)}, preview=show_cancellation
)

CALENDAR = {
    "create_calendar_event": CREATE_EVENT,
    "search_calendar_events": SEARCH_EVENTS,
    "get_day_calendar_events": DAY_EVENTS,
    "cancel_calendar_event": CANCEL_EVENT,
}
"""What both suites have."""

MORE_CALENDAR = {
    "get_current_day": Declaration("read", Trust("system")),
    "reschedule_calendar_event": Declaration(
        "irreversible",
        Trust("own"),
        {
            "event_id": (Target("event"),),
            "new_start_time": (When("datetime"),),
            "new_end_time": (When("datetime"),),
        },
        preview=show_move,
        returns=Event,
    ),
    "add_calendar_event_participants": Declaration(
        "irreversible",
        Trust("own"),
        {"event_id": (Target("event"),), "participants": (Target("email"),)},
        preview=show_participants,
        returns=Event,
    ),
}
"""What only workspace has."""
