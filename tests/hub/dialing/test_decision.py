"""Calling hours: the defaults, campaigns' own, clock changes; checked against a minute-by-minute reference."""

import time
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from hub.dialing.decision import (
    Allowed,
    CallingPolicy,
    Decision,
    DialingRules,
    Never,
    NotYet,
    blocked_reason,
    capped_until,
    decide,
    policy_for,
    retry_at,
)
from hub.dialing.hours import Day, Week
from hub.leads import Outcome
from hub.phones import parse

BERLIN, LONDON, NEW_YORK = ("Europe/Berlin",), ("Europe/London",), ("America/New_York",)
EVERY_DAY = dict.fromkeys(Day, ("00:00-24:00",))
MINUTE = timedelta(minutes=1)


def at(text: str, zone: str = "UTC", fold: int = 0) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=fold)


def rules(*hours: str, days: tuple[Day, ...] = tuple(Day)) -> DialingRules:
    return policy_for(None, overrides={"region_windows": dict.fromkeys(days, hours)})


def opening(decision: Decision) -> datetime:
    assert isinstance(decision, NotYet), decision
    return decision.at


def closing(decision: Decision) -> datetime:
    assert isinstance(decision, Allowed), decision
    return decision.until


@pytest.mark.parametrize(
    ("region", "states", "zone", "weekday", "weekend"),
    [
        ("US", set(), "America/New_York", ("08:00", "21:00"), ("08:00", "21:00")),
        ("US", {"FL"}, "America/New_York", ("08:00", "20:00"), ("08:00", "20:00")),
        ("US", {"NY", "OK"}, "America/Chicago", ("08:00", "20:00"), ("08:00", "20:00")),
        ("GB", set(), "Europe/London", ("08:00", "21:00"), ("09:00", "21:00")),
        ("IN", set(), "Asia/Kolkata", ("10:00", "21:00"), ("10:00", "21:00")),
        ("DE", set(), "Europe/Berlin", ("09:00", "20:00"), None),
        (None, set(), "Europe/Berlin", ("09:00", "20:00"), None),
    ],
)
def test_the_default_windows_of_a_region(
    region: str | None, states: set[str], zone: str, weekday: tuple[str, str], weekend: tuple[str, str] | None
) -> None:
    law = policy_for(region, frozenset(states))
    for day, hours in (("2026-02-04", weekday), ("2026-02-08", weekend)):
        decision = decide(at(f"{day}T00:30", zone), zones=(zone,), rules=law)
        if hours is None:
            assert opening(decision) == at("2026-02-09T09:00", zone)
            continue
        begin, end = (at(f"{day}T{clock}", zone) for clock in hours)
        assert opening(decision) == begin
        assert decide(begin, zones=(zone,), rules=law) == Allowed(end)
        assert opening(decide(end, zones=(zone,), rules=law)) > end
    assert law.source
    assert law.version


def test_a_decision_says_why_not_yet() -> None:
    law = policy_for("DE")
    for now, why in {
        "2026-02-04T07:00": "outside calling hours 09:00-20:00 in Europe/Berlin",
        "2026-02-08T12:00": "no calls on a Sunday in Europe/Berlin",
        "2026-05-01T12:00": "public holiday (Labor Day) in Europe/Berlin",
    }.items():
        decision = decide(at(now, "Europe/Berlin"), zones=BERLIN, rules=law)
        assert isinstance(decision, NotYet)
        assert decision.why == why


def test_a_british_mobile_is_explained_in_london_time() -> None:
    decision = decide(at("2026-02-04T05:00"), zones=parse("+447840258823", None).zones, rules=policy_for("GB"))
    assert decision == NotYet(at("2026-02-04T08:00"), "outside calling hours 08:00-21:00 in Europe/London")


def test_a_call_is_allowed_when_it_is_in_all_candidate_zones() -> None:
    toll_free = parse("+18005551234", None).zones
    law = policy_for("US")
    decision = decide(at("2026-02-04T03:30"), zones=toll_free, rules=law)
    assert opening(decision) == at("2026-02-05T08:00", "Pacific/Guam")
    assert isinstance(decision, NotYet)
    assert decision.why.endswith("; 42 possible zones agree from 2026-02-04 22:00 UTC")
    assert decide(opening(decision), zones=toll_free, rules=law) == Allowed(at("2026-02-04T21:00", "America/St_Johns"))


def test_zones_that_never_agree_are_never_called() -> None:
    assert isinstance(
        decide(at("2026-02-04T12:00"), zones=("Pacific/Pago_Pago", *BERLIN), rules=rules("09:00-12:00")), Never
    )
    assert isinstance(decide(at("2026-02-04T12:00"), zones=BERLIN, rules=rules(days=())), Never)


def test_an_unknown_zone_is_never_called_unless_always_open() -> None:
    now = at("2026-02-04T12:00")
    assert decide(now, zones=(), rules=policy_for(None)) == Never("time zone unknown")
    assert isinstance(decide(now, zones=(), rules=policy_for(None, overrides={"open_always": True})), Allowed)


def test_not_before_delays_into_the_window() -> None:
    law, now = policy_for("DE"), at("2026-02-04T10:00", "Europe/Berlin")
    due = now + timedelta(hours=3)
    assert decide(now, zones=BERLIN, rules=law, not_before=due) == NotYet(due, "due 2026-02-04 12:00 UTC")
    late = decide(now, zones=BERLIN, rules=law, not_before=at("2026-02-04T22:00", "Europe/Berlin"))
    assert opening(late) == at("2026-02-05T09:00", "Europe/Berlin")
    past = decide(now, zones=BERLIN, rules=law, not_before=now - timedelta(days=1))
    assert closing(past) == at("2026-02-04T20:00", "Europe/Berlin")


def test_not_after_ends_the_permission_or_the_lead() -> None:
    law, now = policy_for("DE"), at("2026-02-04T10:00", "Europe/Berlin")
    soon = now + timedelta(minutes=5)
    assert decide(now, zones=BERLIN, rules=law, not_after=soon) == Allowed(soon)
    assert isinstance(decide(now, zones=BERLIN, rules=law, not_after=now), Never)
    assert isinstance(decide(now, zones=BERLIN, rules=law, not_before=soon, not_after=soon), Never)
    night = at("2026-02-04T21:00", "Europe/Berlin")
    assert isinstance(decide(night, zones=BERLIN, rules=law, not_after=night + timedelta(hours=11)), Never)
    assert isinstance(decide(night, zones=BERLIN, rules=law, not_after=night + timedelta(hours=13)), NotYet)


def test_open_always_keeps_delay_and_expiry() -> None:
    law, night = policy_for("GB", overrides={"open_always": True}), at("2026-12-25T03:00")
    assert closing(decide(night, zones=LONDON, rules=law)) > night
    assert opening(decide(night, zones=LONDON, rules=law, not_before=night + MINUTE)) == night + MINUTE
    assert isinstance(decide(night, zones=LONDON, rules=law, not_after=night), Never)


def test_public_holidays_are_skipped_unless_the_campaign_says_so() -> None:
    christmas = at("2026-12-25T12:00")
    assert opening(decide(christmas, zones=LONDON, rules=policy_for("GB"))) == at("2026-12-27T09:00")
    open_rules = policy_for("GB", overrides={"skip_holidays": False})
    assert isinstance(decide(christmas, zones=LONDON, rules=open_rules), Allowed)


def test_a_states_own_holidays_count_beside_the_countrys() -> None:
    patriots, thanksgiving = at("2026-04-20T12:00", *NEW_YORK), at("2026-11-26T12:00", *NEW_YORK)
    country, massachusetts = policy_for("US"), policy_for("US", frozenset({"MA"}))
    assert isinstance(decide(patriots, zones=NEW_YORK, rules=country), Allowed)
    assert isinstance(decide(patriots, zones=NEW_YORK, rules=massachusetts), NotYet)
    for law in (country, massachusetts):
        assert isinstance(decide(thanksgiving, zones=NEW_YORK, rules=law), NotYet)


def test_a_campaign_narrows_its_regions_window() -> None:
    law = policy_for("IN", overrides={"windows": {"mon": ["08:00-11:00", "20:00-23:00"]}})
    monday = at("2026-02-02T00:00", "Asia/Kolkata")
    zones = ("Asia/Kolkata",)
    assert opening(decide(monday, zones=zones, rules=law)) == monday + timedelta(hours=10)
    assert closing(decide(monday + timedelta(hours=10), zones=zones, rules=law)) == monday + timedelta(hours=11)
    assert opening(decide(monday + timedelta(hours=11), zones=zones, rules=law)) == monday + timedelta(hours=20)
    assert closing(decide(monday + timedelta(hours=20), zones=zones, rules=law)) == monday + timedelta(hours=21)
    assert opening(decide(monday + timedelta(hours=21), zones=zones, rules=law)) == monday + timedelta(days=7, hours=10)


def test_a_campaign_may_replace_its_regions_rule_cap_included() -> None:
    law = policy_for("US", frozenset({"FL"}), {"region_windows": {"sun": ["06:00-23:00"]}, "max_per_day": 9})
    assert isinstance(decide(at("2026-02-08T22:00", "America/New_York"), zones=NEW_YORK, rules=law), Allowed)
    assert law.max_per_day == 9
    assert policy_for("US", frozenset({"FL"}), {"max_per_day": 9}).max_per_day == 3
    assert policy_for("US", frozenset({"NY"}), {"max_per_day": 9}).max_per_day == 9


@pytest.mark.parametrize(
    "overrides",
    [
        {"windows": {"mon": ["20:00-09:00"]}},
        {"windows": {"mon": ["9-20"]}},
        {"windows": {"mon": ["09:00-24:30"]}},
        {"windows": {"monday": ["09:00-20:00"]}},
        {"max_attempts": 0},
        {"spacing": {"busy": -1}},
        {"spacing": {"interested": 5}},
        {"regions": ["gb"]},
        {"max_atempts": 3},
    ],
)
def test_an_invalid_policy_is_refused_whole(overrides: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        policy_for("GB", overrides=overrides)


def test_a_policy_survives_json() -> None:
    policy = CallingPolicy.model_validate(
        {"windows": {"mon": ["09:00-12:00"]}, "spacing": {"busy": 60}, "regions": ["GB", "IE"], "expires_after": "P2D"}
    )
    assert CallingPolicy.model_validate_json(policy.model_dump_json()) == policy
    assert policy_for("GB", overrides=policy.model_dump(mode="json", exclude_unset=True)).policy == policy


def test_redials_are_spaced_by_outcome() -> None:
    now, policy = at("2026-02-04T12:00"), CallingPolicy()
    waits = {outcome: retry_at(now, outcome, policy) for outcome in Outcome}
    assert waits.pop(Outcome.BUSY) == now + timedelta(minutes=5)
    assert waits.pop(Outcome.NO_ANSWER) == now + timedelta(hours=2)
    assert waits.pop(Outcome.VOICEMAIL) == now + timedelta(hours=4)
    assert waits.pop(Outcome.FAILED) == now + timedelta(minutes=15)
    assert waits.pop(Outcome.UNKNOWN) == now + timedelta(hours=2)
    assert set(waits.values()) == {None}
    assert {outcome for outcome in Outcome if retry_at(now, outcome, policy)} == {o for o in Outcome if o.redial}
    quick = CallingPolicy.model_validate({"spacing": {"busy": 30}})
    assert retry_at(now, Outcome.BUSY, quick) == now + timedelta(seconds=30)
    assert retry_at(now, Outcome.NO_ANSWER, quick) == now + timedelta(hours=2)


def test_the_cap_holds_in_every_rolling_day() -> None:
    now, law = at("2026-02-04T12:00"), policy_for("US", frozenset({"FL"})).max_per_day
    calls = [now - timedelta(hours=hours) for hours in (1, 30, 23, 5)]
    assert capped_until(now, calls[:3], law) is None
    lifted = capped_until(now, calls, law)
    assert lifted == now + timedelta(hours=1)
    assert capped_until(lifted, calls, law) is None
    assert capped_until(now, [*calls, now], law) == now + timedelta(hours=19)


@pytest.mark.parametrize(
    ("number", "policy", "reason"),
    [
        ("+447840258823", {}, None),
        ("+1234567890", {}, "number unverified"),
        ("+1234567890", {"dial_unverified": True}, None),
        ("+1234567890", {"dial_unverified": True, "regions": ["US"]}, None),
        ("+883510012345678", {"regions": ["US"]}, "region unknown not allowed"),
        ("+447840258823", {"regions": ["IN"]}, "region GB not allowed"),
        ("+447840258823", {"regions": ["IN", "GB"]}, None),
    ],
)
def test_a_campaign_blocks_numbers(number: str, policy: dict[str, object], reason: str | None) -> None:
    phone = parse(number, None)
    assert blocked_reason(phone.grade, phone.region, CallingPolicy.model_validate(policy)) == reason


def test_a_time_without_zone_is_an_error() -> None:
    naive = datetime(2026, 2, 4, 12)  # noqa: DTZ001 - the naive time is what is tested
    with pytest.raises(ValueError, match="without a zone"):
        decide(naive, zones=BERLIN, rules=policy_for("DE"))


def test_the_window_follows_the_wall_clock_over_a_change() -> None:
    law = policy_for("US")
    saturday, sunday = at("2026-03-07T21:00", "America/New_York"), at("2026-03-08T08:00", "America/New_York")
    assert (opening(decide(saturday, zones=NEW_YORK, rules=law)) - saturday.astimezone(UTC)) == timedelta(hours=10)
    assert decide(sunday - MINUTE, zones=NEW_YORK, rules=law) != decide(sunday, zones=NEW_YORK, rules=law)


def test_a_window_that_begins_in_the_missing_hour_opens_when_the_clock_jumps() -> None:
    law = rules("02:30-05:00")
    assert opening(decide(at("2026-03-29T00:30", *BERLIN), zones=BERLIN, rules=law)) == at("2026-03-29T01:00")
    assert closing(decide(at("2026-03-29T01:00"), zones=BERLIN, rules=law)) == at("2026-03-29T03:00")


def test_a_window_that_ends_in_the_missing_hour_closes_when_the_clock_jumps() -> None:
    assert closing(decide(at("2026-03-29T00:00"), zones=BERLIN, rules=rules("00:00-02:30"))) == at("2026-03-29T01:00")


def test_a_repeated_hour_is_open_both_times() -> None:
    law, half = rules("02:00-02:30"), timedelta(minutes=30)
    first, second = at("2026-10-25T00:00"), at("2026-10-25T01:00")
    assert [moment.astimezone(ZoneInfo(*BERLIN)).hour for moment in (first, second)] == [2, 2]
    assert decide(first, zones=BERLIN, rules=law) == Allowed(first + half)
    assert opening(decide(first + half, zones=BERLIN, rules=law)) == second
    assert decide(second, zones=BERLIN, rules=law) == Allowed(second + half)


def test_a_clock_set_back_over_midnight_brings_yesterday_back() -> None:
    zones = ("America/St_Johns",)
    week = {Day.SAT: ("23:30-23:45",), Day.SUN: ("00:00-00:15",)}
    law = policy_for(None, overrides={"region_windows": week})
    saturday, sunday, change = at("2010-11-07T02:00"), at("2010-11-07T02:30"), at("2010-11-07T02:31")
    assert decide(saturday, zones=zones, rules=law) == Allowed(saturday + 15 * MINUTE)
    assert opening(decide(saturday + 15 * MINUTE, zones=zones, rules=law)) == sunday
    assert decide(sunday, zones=zones, rules=law) == Allowed(change)
    assert opening(decide(change, zones=zones, rules=law)) == at("2010-11-07T03:00")
    only_saturday = policy_for(None, overrides={"region_windows": {Day.SAT: ("23:30-23:45",)}})
    assert opening(decide(sunday, zones=zones, rules=only_saturday)) == at("2010-11-07T03:00")


CHANGES = {
    "America/New_York": ("2026-03-08T07:00", "2026-11-01T06:00"),
    "Europe/Berlin": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "Australia/Lord_Howe": ("2026-04-04T15:00", "2026-10-03T15:30"),
    "America/St_Johns": ("2010-03-14T03:31", "2010-11-07T02:31"),
    "America/Havana": ("2026-03-08T05:00", "2026-11-01T05:00"),
    "America/Santiago": ("2026-09-06T04:00", "2026-04-05T03:00"),
    "Africa/Cairo": ("2026-04-23T22:00", "2026-10-29T21:00"),
    "Africa/Casablanca": ("2026-02-15T02:00", "2026-03-22T02:00"),
    "Antarctica/Troll": ("2026-03-29T01:00", "2026-10-25T01:00"),
    "Pacific/Apia": ("2011-12-30T10:00", "2011-09-24T14:00"),
    "Asia/Kathmandu": ("2026-01-01T00:00",),
}


def open_at(moment: datetime, zones: tuple[str, ...], week: Week) -> bool:
    """The definition: in every zone the local time is within that day's hours."""
    for zone in zones:
        wall = moment.astimezone(ZoneInfo(zone))
        if not any(begin <= wall.hour * 60 + wall.minute < end for begin, end in week[wall.weekday()]):
            return False
    return True


@st.composite
def moments(draw: st.DrawFn) -> tuple[datetime, tuple[str, ...]]:
    zone = draw(st.sampled_from(sorted(CHANGES)))
    change = at(draw(st.sampled_from(CHANGES[zone])))
    others = draw(st.lists(st.sampled_from(sorted(CHANGES)), max_size=2, unique=True))
    return change + draw(st.integers(-36 * 60, 30 * 60)) * MINUTE, (zone, *others)


@st.composite
def weeks(draw: st.DrawFn) -> DialingRules:
    clock = st.integers(0, 96).map(lambda quarter: f"{quarter // 4:02}:{quarter % 4 * 15:02}")
    hours = st.tuples(clock, clock).filter(lambda pair: pair[0] < pair[1]).map("-".join)
    windows = {day: tuple(draw(st.lists(hours, max_size=3))) for day in Day}
    return policy_for(None, overrides={"region_windows": windows})


@settings(max_examples=150, deadline=None)
@given(moments(), weeks())
def test_decisions_agree_with_the_wall_clocks_minute_by_minute(
    moment: tuple[datetime, tuple[str, ...]], law: DialingRules
) -> None:
    now, zones = moment
    decision = decide(now, zones=zones, rules=law)
    match decision:
        case Allowed(until):
            assert until > now
            length = int((until - now) / MINUTE)
            assert all(open_at(now + step * MINUTE, zones, law.week) for step in range(length))
            # It ends where a window does, where a day does, or where a clock is changed.
            assert (
                not open_at(until, zones, law.week)
                or any(until.astimezone(ZoneInfo(zone)).time() == datetime.min.time() for zone in zones)
                or any(
                    until.astimezone(ZoneInfo(zone)).utcoffset()
                    != (until - MINUTE).astimezone(ZoneInfo(zone)).utcoffset()
                    for zone in zones
                )
            )
        case NotYet(opens, why):
            assert why
            wait = int((opens - now) / MINUTE)
            assert not any(open_at(now + step * MINUTE, zones, law.week) for step in range(min(wait, 3 * 24 * 60)))
            assert not any(open_at(opens - step * MINUTE, zones, law.week) for step in range(1, min(wait, 24 * 60)))
            assert isinstance(decide(opens, zones=zones, rules=law), Allowed)
        case Never():
            assert not any(open_at(now + 7 * step * MINUTE, zones, law.week) for step in range(14 * 24 * 60 // 7))


@settings(max_examples=60, deadline=None)
@given(
    st.datetimes(datetime(2024, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - Hypothesis adds the zone
    st.sampled_from(["US", "GB", "IN", "DE"]),
    st.integers(0, 72),
    st.integers(1, 96),
)
def test_delay_and_expiry_bound_every_decision(now: datetime, region: str, delay: int, life: int) -> None:
    not_before, not_after = now + timedelta(hours=delay), now + timedelta(hours=life)
    decision = decide(now, zones=NEW_YORK, rules=policy_for(region), not_before=not_before, not_after=not_after)
    if isinstance(decision, Allowed):
        assert not_before <= now < decision.until <= not_after
    if isinstance(decision, NotYet):
        assert not_before <= decision.at < not_after
        again = decide(
            decision.at, zones=NEW_YORK, rules=policy_for(region), not_before=not_before, not_after=not_after
        )
        assert isinstance(again, Allowed)


def test_all_day_every_day_is_always_allowed() -> None:
    law = policy_for(None, overrides={"region_windows": EVERY_DAY})
    for zone, changes in CHANGES.items():
        for change in changes:
            for hours in range(-30, 30):
                assert isinstance(decide(at(change) + timedelta(hours=hours), zones=(zone,), rules=law), Allowed)


def test_a_toll_free_number_is_decided_within_a_millisecond() -> None:
    toll_free, law, now = parse("+18005551234", None).zones, policy_for("US"), at("2026-02-04T15:00")
    decide(now, zones=toll_free, rules=law)

    def seconds() -> float:
        begin = time.process_time()
        for minute in range(50):
            decide(now + minute * MINUTE, zones=toll_free, rules=law)
        return (time.process_time() - begin) / 50

    assert min(seconds() for _ in range(5)) < 0.001
