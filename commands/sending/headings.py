"""Which heading of a file is which field of a lead: recognised by its words, or named by `--map`."""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from hub.dialing.time_zones import LOCATION_FIELDS

NAME, PHONE, EMAIL, FIRST, LAST = "name", "phone", "email", "first_name", "last_name"

_WORDS: Final = {
    NAME: """name, full name, lead name, contact name, customer name, client name, customer, contact, client, lead;
        vollständiger Name, Kunde, Kundenname, Ansprechpartner; nom, nom complet, nom et prénom, client; nombre, nombre
        completo, nombre y apellidos, cliente; nome, nome completo, nome e cognome; naam, volledige naam; नाम""",
    FIRST: """first name, first, given name, forename; Vorname; prénom; primer nombre, nombre de pila; nome proprio;
        primeiro nome; voornaam""",
    LAST: """last name, last, surname, family name, second name; Nachname, Familienname, Zuname; nom de famille;
        apellido, apellidos; cognome; sobrenome, apelido; achternaam""",
    PHONE: """phone, phone number, phone no, phone num, phone 1, telephone, telephone number, telephone no, tel,
        tel no, tel number, number, contact number, contact no, contact phone, whatsapp, whatsapp number, mobile,
        mobile number, mobile no, mobile phone, mobile phone number, mobile 1, cell, cell phone, cell number; Telefon,
        Telefonnummer, Telefonnr, Rufnummer, Handy, Handynummer, Mobil, Mobilnummer, Mobiltelefon, Nummer; téléphone,
        numéro, numéro de téléphone, portable, téléphone portable; teléfono, número de teléfono, móvil, celular,
        número; telefone, telemóvel; telefono, cellulare, numero di telefono; telefoon, telefoonnummer, gsm,
        mobiel; फोन, मोबाइल""",
    EMAIL: """email, e-mail, mail, email address, e-mail address, mail address, email id; E-Mail-Adresse, Mailadresse;
        courriel, adresse e-mail, adresse mail, adresse électronique; correo, correo electrónico; e-mailadres;
        indirizzo e-mail; endereço de e-mail; ईमेल""",
}
_PART_BESIDE: Final = {"nom": FIRST, "name": FIRST, "naam": FIRST, "nombre": LAST, "nome": LAST}
"""Words for the whole name that mean the other part of it beside the column named here: French nom beside prénom."""


class UnknownHeadings(Exception):
    """The text says what was found and how to say which is which."""


def _plain(heading: str) -> str:
    """Without case, accents, blanks and marks."""
    decomposed = unicodedata.normalize("NFKD", heading).casefold()
    # Vowel signs of other scripts are marks too, and distinguish words: only Latin's accents go.
    return re.sub(r"[\W_\u0300-\u036f]", "", decomposed)


_FIELDS: Final = {_plain(word): name for name, words in _WORDS.items() for word in re.split("[,;]", words)} | {
    _plain(name): name for name in sorted(LOCATION_FIELDS, key=len)
}


@dataclass(frozen=True, slots=True)
class Columns:
    """`fields`: the lead's field by heading; a column that is not in it keeps its heading."""

    fields: Mapping[str, str]

    def lead(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """A row as it is submitted. A first and a last name make the name, and are kept beside it."""
        lead = {self.fields.get(heading, heading): value for heading, value in values.items()}
        for name in (NAME, PHONE, EMAIL, FIRST, LAST):
            if isinstance(lead.get(name), str):
                lead[name] = lead[name].strip()
        if NAME not in self.fields.values():
            parts = (lead.get(FIRST), lead.get(LAST))
            lead = {NAME: " ".join(part for part in parts if isinstance(part, str) and part), **lead}
        return lead


def recognised(headings: Sequence[str]) -> int:
    """How many of them are known words for a field: a line of data has none."""
    return sum(_plain(heading) in _FIELDS for heading in headings)


def match(headings: Sequence[str], mapped: Mapping[str, str]) -> Columns:
    """Which heading is which field, by `mapped` (heading by field) first. Raises UnknownHeadings."""
    fields = {_heading(headings, heading, field): field for field, heading in mapped.items()}
    found: dict[str, list[str]] = {}
    for heading in headings:
        if heading not in fields and (field := _FIELDS.get(_plain(heading))) and field not in mapped:
            found.setdefault(field, []).append(heading)
    _split_name(found, mapped)
    for field, candidates in found.items():
        exact = [heading for heading in candidates if heading == field]
        if len(candidates) > 1 and not exact and field in _WORDS:
            raise UnknownHeadings(f"{_listed(candidates)} may each be the {field}. {_advice(field, candidates[0])}")
        fields[(exact or candidates)[0]] = field
    _require(fields, headings)
    return Columns(fields)


def _split_name(found: dict[str, list[str]], mapped: Mapping[str, str]) -> None:
    """Let a heading that is the whole name's word mean a part of it where the other part stands beside it."""
    names = found.get(NAME, [])
    for beside, other in ((FIRST, LAST), (LAST, FIRST)):
        if len(names) == 1 and _PART_BESIDE.get(_plain(names[0])) == beside and beside in found and other not in found:
            if NAME not in mapped:
                found[other] = found.pop(NAME)
            return


def _heading(headings: Sequence[str], wanted: str, field: str) -> str:
    like = [heading for heading in headings if _plain(heading) == _plain(wanted)]
    if wanted in headings:
        like = [wanted]
    if len(like) != 1:
        raise UnknownHeadings(f"--map {field}={wanted}: there is no heading {wanted}. Found: {_listed(headings)}.")
    taken = next((heading for heading in headings if heading == field and heading != like[0]), None)
    if taken:
        reason = f"another column is named {field}; give that one another name too: --map other_{field}={field}"
        raise UnknownHeadings(f"--map {field}={wanted}: {reason}.")
    return like[0]


def _require(fields: Mapping[str, str], headings: Sequence[str]) -> None:
    have = set(fields.values())
    missing = [name for name in (NAME, PHONE) if name not in have and not (name == NAME and {FIRST, LAST} & have)]
    if missing:
        which = " and ".join(missing)
        raise UnknownHeadings(
            f"no heading is known to be the {which}. Found: {_listed(headings)}. {_advice(missing[0], 'HEADING')}"
        )


def _advice(field: str, heading: str) -> str:
    return f'Tell which it is: --map {field}="{heading}"'


def _listed(headings: Sequence[str]) -> str:
    return ", ".join(headings) or "nothing"
