"""Numbers as partners and dialers write them: parsed, graded, located, refused."""

import time

import phonenumbers
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.dialing.geography import ISLAND_ZONES, STATE_ZONES, ZIP_STATES
from hub.dialing.time_zones import candidates, is_zone, states, zones
from hub.languages import language
from hub.phones import Grade, InvalidPhone, Phone, country_zones, mask, parse, region_of, text_of

SEPARATORS = " -.()/"


@pytest.mark.parametrize(
    ("text", "region", "e164", "grade", "home"),
    [
        ("+1234567890", None, "+1234567890", Grade.UNVERIFIED, "US"),
        ("+1987654321", None, "+1987654321", Grade.UNVERIFIED, "US"),
        ("+1111111111", "GB", "+1111111111", Grade.UNVERIFIED, "US"),
        ("+442071234567", None, "+442071234567", Grade.VALID, "GB"),
        ("+33123456789", None, "+33123456789", Grade.VALID, "FR"),
        ("+44123456789", None, "+44123456789", Grade.POSSIBLE, "GB"),
        ("234567890", "GB", "+44234567890", Grade.POSSIBLE, "GB"),
        ("234567890", "IN", "+91234567890", Grade.POSSIBLE, "IN"),
        ("07840258823", "GB", "+447840258823", Grade.VALID, "GB"),
        ("07840258823", "gb", "+447840258823", Grade.VALID, "GB"),
        ("442071234567", None, "+442071234567", Grade.VALID, "GB"),
        ("00442071234567", "GB", "+442071234567", Grade.VALID, "GB"),
        ("+91 98765-43210", "GB", "+919876543210", Grade.VALID, "IN"),
        ("(020) 7123.4567", "GB", "+442071234567", Grade.VALID, "GB"),
        ("+44 (0) 20/7123 4567", None, "+442071234567", Grade.VALID, "GB"),
        ("+39 06 1234 5678", None, "+390612345678", Grade.VALID, "IT"),
        ("+800 1234 5678", None, "+80012345678", Grade.VALID, None),
        ("+16847331234", None, "+16847331234", Grade.VALID, "AS"),
        ("+59912345678", None, "+59912345678", Grade.POSSIBLE, "CW"),
    ],
)
def test_a_number_is_graded_and_compared_as_e164(
    text: str, region: str | None, e164: str, grade: Grade, home: str | None
) -> None:
    phone = parse(text, region)
    assert (phone.e164, phone.grade, phone.region) == (e164, grade, home)


@pytest.mark.parametrize(
    ("text", "region"),
    [
        ("", "GB"),
        ("+", None),
        (" - ", "GB"),
        ("abc", "GB"),
        ("1-800-FLOWERS", "US"),
        ("+44207123456O", None),
        ("+442071234567 ext", None),
        ("+442071234567 x12 x13", None),
        ("x12", "GB"),
        ("++442071234567", None),
        ("44+2071234567", "GB"),
        ("+44207123\x004567", None),
        ("+442071234567;ext=5", None),
        ("+44²071234567", None),
        ("+44 2071234567 ｃａｌｌ", None),
        ("fax:+442071234567", None),
        ("555-0123", "US"),
        ("7946 0123", "GB"),
        ("+441234", None),
        ("+49110", None),
        ("234567890", "US"),
        ("234567890", None),
        ("1234567890", None),
        ("44123456789", None),
        ("07840258823", None),
        ("07840258823", "XX"),
        ("07840258823", "ZZ"),
        ("+99912345678", None),
        ("+0123456789", None),
        ("+12345", None),
        ("+447840258823123456", None),
        ("999", "GB"),
        ("+44" + "0" * 10_000, None),
    ],
)
def test_invalid_numbers_are_refused(text: str, region: str | None) -> None:
    with pytest.raises(InvalidPhone) as refusal:
        parse(text, region)
    assert not text or text not in str(refusal.value)


@pytest.mark.parametrize(
    "written",
    [
        "+44\u00a020\u20117946\u20120123",
        "\u202a+44\u00ad20\u200b7946\u20140123\u202c\n",
        "\t+44\u300020\u22127946\u30fc0123\r\n",
        "＋４４（０）２０．７９４６／０１２３",
        "+٤٤٢٠٧٩٤٦٠١٢٣",
        "tel:+44-20-7946-0123",
        " TEL: (020) 7946 0123",
        "020 7946 0123",
        "\ufeff020\ufe0f7946\u034f0123",
        442079460123,
        2079460123,
    ],
)
def test_what_spreadsheets_and_crms_write_is_one_number(written: str | int) -> None:
    region = None if str(written).startswith("44") else "GB"
    assert parse(written, region) == Phone("+442079460123", Grade.VALID, "GB", ("Europe/London",))


@pytest.mark.parametrize("value", [None, True, 7840258823.0, -447840258823, ["+447840258823"], 10**40])
def test_only_strings_and_whole_numbers_are_phones(value: object) -> None:
    assert text_of(value) is None


@pytest.mark.parametrize(
    ("text", "region"),
    [("+44123456789", None), ("0123456789", "GB"), ("00 44 123456789", "GB"), ("011 44 123456789", "US")],
)
def test_one_e164_has_one_region_and_language_however_it_was_spelled(text: str, region: str | None) -> None:
    phone = parse(text, region)
    assert phone == parse("+44123456789", None)
    assert (phone.region, language(phone.region)) == ("GB", "en")


@pytest.mark.parametrize(
    "suffix",
    ["x12", " x 12", "#12", " # 12", "ext12", " ext. 12", " EXT 12", "X12", " extension 12", "\u00a0ｅｘｔ．１２"],
)
def test_an_extension_is_kept_apart_from_the_key(suffix: str) -> None:
    assert parse(f"+919876543210{suffix}", None) == Phone("+919876543210", Grade.VALID, "IN", ("Asia/Calcutta",), "12")


def test_unverified_needs_a_plus_and_seven_to_fifteen_digits() -> None:
    assert parse("+1234567890", None).grade is Grade.UNVERIFIED
    assert parse("+1 (234) 567-890", None).e164 == "+1234567890"
    assert parse("+123456789012345", None).grade is Grade.UNVERIFIED
    for text in ("+123456", "+1234567890123456"):
        with pytest.raises(InvalidPhone):
            parse(text, None)


@given(st.text(max_size=40), st.sampled_from([None, "GB", "US", "IN", "DE"]))
def test_any_text_is_a_number_or_an_invalid_phone(text: str, region: str | None) -> None:
    try:
        phone = parse(text, region)
    except InvalidPhone:
        return
    assert phone.e164.isascii()
    assert phone.e164[1:].isdigit()
    assert len(phone.e164) <= 16


@given(st.sampled_from(["+1", "+44", "+91", "+39", "+49", "+54", "+52", "+"]), st.text("0123456789", max_size=16))
def test_grades_agree_with_the_library_and_e164_reads_as_itself(prefix: str, digits: str) -> None:
    try:
        phone = parse(prefix + digits, None)
    except InvalidPhone:
        return
    number = phonenumbers.parse(prefix + digits)
    expected = (
        Grade.VALID
        if phonenumbers.is_valid_number(number)
        else Grade.POSSIBLE
        if phonenumbers.is_possible_number_with_reason(number) == phonenumbers.ValidationResult.IS_POSSIBLE
        else Grade.UNVERIFIED
    )
    assert phone.grade is expected
    assert phone.country_code == number.country_code
    if phone.grade is Grade.VALID:
        assert parse(phone.e164, None) == phone


@given(st.data())
def test_separators_do_not_change_the_number(data: st.DataObject) -> None:
    written = "".join(data.draw(st.text(SEPARATORS, max_size=2)) + digit for digit in "447840258823")
    plus = data.draw(st.sampled_from(["+", "(+", " +"]))
    assert parse(plus + written, None).e164 == "+447840258823"


def test_zones_are_all_candidates_and_unknown_is_none() -> None:
    assert parse("07840258823", "GB").zones == (
        "Europe/Guernsey",
        "Europe/Isle_of_Man",
        "Europe/Jersey",
        "Europe/London",
    )
    assert len(parse("+18005551234", None).zones) == 42
    assert parse("+1234567890", None).zones == ()
    assert parse("+80012345678", None).zones == ()


def test_a_number_without_zones_has_all_of_its_country() -> None:
    assert len(candidates((), "+1234567890")) == 42
    assert candidates((), "+44123456789") == country_zones("+447840258823")
    assert candidates((), "+80012345678") == ()
    assert candidates(("Europe/Rome",), "+1234567890") == ("Europe/Rome",)


@pytest.mark.parametrize(
    ("number", "lead", "expected"),
    [
        ("+447840258823", {"explicit": "Asia/Kolkata", "postcode": "SW1A 1AA"}, ("Asia/Kolkata",)),
        ("+447840258823", {"postcode": "sw1a1aa"}, ("Europe/London",)),
        ("+447840258823", {"postcode": "JE2 3AB"}, ("Europe/Jersey",)),
        ("+12125551234", {"explicit": "Nowhere/Land", "state": "CA"}, ("America/Los_Angeles",)),
        ("+12125551234", {"postcode": "90210", "state": "NY"}, ("America/Los_Angeles",)),
        ("+12125551234", {"postcode": "33101-1234"}, ("America/New_York", "America/Chicago")),
        ("+12125551234", {"state": " tx "}, ("America/Chicago", "America/Denver")),
        ("+12125551234", {"state": "Bavaria", "postcode": "00000"}, ("America/New_York",)),
        ("+61412345678", {"state": "QLD"}, ("Australia/Brisbane",)),
    ],
)
def test_the_best_source_of_a_zone_wins(number: str, lead: dict[str, str], expected: tuple[str, ...]) -> None:
    assert zones(parse(number, None), **lead) == expected


@pytest.mark.parametrize(
    "name", ["", "Etc/Unknown", "Berlin", "../../etc/passwd", "/etc/localtime", "Europe", "a" * 200, "Europe/Berlin\0"]
)
def test_only_existing_zones_are_zones(name: str) -> None:
    assert not is_zone(name)
    assert is_zone("Europe/Berlin")


def test_every_zone_of_every_state_exists() -> None:
    named = {zone for places in STATE_ZONES.values() for those in places.values() for zone in those}
    assert [zone for zone in named | set(ISLAND_ZONES.values()) if not is_zone(zone)] == []
    assert {state for _, _, state in ZIP_STATES} == set(STATE_ZONES["US"])
    bounds = [bound for first, last, _ in ZIP_STATES for bound in (first, last)]
    assert bounds == sorted(bounds)


@pytest.mark.parametrize(
    ("number", "lead", "expected"),
    [
        ("+12125551234", {}, set()),
        ("+13055551234", {}, {"FL"}),
        ("+13055551234", {"state": "WA"}, {"FL", "WA"}),
        ("+12125551234", {"postcode": "73301"}, {"TX"}),
        ("+12125551234", {"postcode": "73102"}, {"OK"}),
        ("+447840258823", {"state": "FL"}, set()),
    ],
)
def test_states_come_from_the_address_and_the_area_code(number: str, lead: dict[str, str], expected: set[str]) -> None:
    assert states(parse(number, None), **lead) == expected


@pytest.mark.parametrize(
    ("region", "expected"),
    [
        ("IN", "hi"),
        ("DE", "de"),
        ("BR", "pt"),
        ("BE", "nl"),
        ("CA", "en"),
        ("US", "en"),
        ("GB", "en"),
        ("ZZ", None),
        ("001", None),
        ("XX", None),
        (None, None),
    ],
)
def test_the_language_is_the_regions_likely_one(region: str | None, expected: str | None) -> None:
    assert language(region) == expected


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("+19005551234", "premium"),
        ("+19001234567", "premium"),
        ("+449012345678", "premium"),
        ("+979123456789", "premium"),
        ("+448451234567", "shared_cost"),
        ("+80812345678", "shared_cost"),
        ("+447012345678", "personal"),
        ("+15005551234", "personal"),
        ("+4420712345", "local_only"),
        ("+447624123456", None),
        ("+447840258823", None),
        ("+448001234567", None),
        ("+18005551234", None),
        ("+1234567890", None),
        ("+44123456789", None),
        ("+883510012345678", None),
    ],
)
def test_numbers_that_cost_extra_or_ring_elsewhere_are_never_dialled(number: str, reason: str | None) -> None:
    assert parse(number, None).refusal == reason


def test_masking_keeps_the_country_code_only() -> None:
    assert mask("+919876543210") == "+91xxxxxxxxxx"
    assert mask("+12125551234") == "+1xxxxxxxxxx"
    assert mask("+353861234567") == "+353xxxxxxxxx"


def test_a_phone_code_names_its_main_region() -> None:
    assert [region_of(code) for code in ("44", "+1", " 91 ", "800", "999", "0", "", "4x")] == [
        "GB", "US", "IN", None, None, None, None, None,
    ]  # fmt: skip


def test_a_hundred_numbers_take_well_under_thirty_milliseconds() -> None:
    texts = [f"+4478402{number:05}" for number in range(100)]
    parse(texts[0], None)

    def seconds() -> float:
        begin = time.process_time()
        for text in texts:
            parse(text, None)
        return time.process_time() - begin

    assert min(seconds() for _ in range(5)) < 0.03
