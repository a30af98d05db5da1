"""How a lead stands, in words: what it waits for, and when by the clocks of its person."""

from datetime import UTC, datetime, timedelta

from hub import journal
from hub.journal import DialerSeen, Entry, OpenCall, Standing
from hub.leads import Hold, LeadState

NOON = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
DIALER = DialerSeen(2, "acme", None)


def standing(
    state: LeadState = LeadState.SCHEDULED,
    why: str | None = None,
    hold: Hold | None = None,
    call: OpenCall | None = None,
    outcome: str | None = None,
) -> Standing:
    return Standing(state, why, outcome, NOON, hold, True, call)


def test_a_time_is_told_by_all_clocks_that_the_person_may_have() -> None:
    assert journal.at(NOON, ()) == "2026-07-01 12:00 UTC"
    assert journal.at(NOON, ("Europe/Guernsey", "Europe/London")) == "2026-07-01 12:00 UTC (13:00 in Europe/London)"
    told = journal.at(NOON, ("Asia/Tokyo", "Pacific/Auckland", "America/New_York", "America/Chicago"))
    assert told == (
        "2026-07-01 12:00 UTC (21:00 in Asia/Tokyo, 2026-07-02 00:00 in Pacific/Auckland, 08:00 in America/New_York"
        " and 1 more)"
    )


def test_what_a_lead_waits_for_is_told() -> None:
    now = journal.stands(standing(why="outside calling hours 08:00-21:00 in Europe/London"), ("Europe/London",))
    assert now.text == "not called because: outside calling hours 08:00-21:00 in Europe/London"
    assert now.next == "next look at 2026-07-01 12:00 UTC (13:00 in Europe/London)"
    held = journal.stands(standing(why="the partner is disabled", hold=Hold.PARTNER_DISABLED), ())
    assert (held.next, held.next_at) == ("it goes on when its partner is enabled", None)


def test_a_call_is_told_as_ready_taken_or_being_made() -> None:
    ready = OpenCall(7, NOON, NOON + timedelta(hours=1), None, dialled=False, dialer=DIALER)
    told = journal.stands(standing(LeadState.CALLING, call=ready), ())
    assert told.text == "call 7 is ready since 2026-07-01 12:00 UTC for dialer 2 (acme), which was last seen never"
    for dialled, words in ((False, "has taken, but not started,"), (True, "is making")):
        taken = OpenCall(7, NOON, NOON, NOON + timedelta(minutes=1), dialled=dialled, dialer=DIALER)
        told = journal.stands(standing(LeadState.CALLING, call=taken), ())
        assert told.text == f"dialer 2 (acme) {words} call 7, since 2026-07-01 12:00 UTC"


def test_a_stopped_lead_with_whom_a_dialer_speaks_tells_both() -> None:
    taken = OpenCall(7, NOON, NOON, NOON + timedelta(minutes=1), dialled=True, dialer=DIALER)
    told = journal.stands(standing(LeadState.DISABLED, "disabled by its sender", call=taken), ())
    assert told.text.startswith("disabled: disabled by its sender; dialer 2 (acme) is making call 7")


def test_entries_of_later_versions_are_told_by_their_code() -> None:
    assert journal.describe(Entry(NOON, "lead.transferred", why="to another hub"), {}) == (
        "lead.transferred: to another hub"
    )
