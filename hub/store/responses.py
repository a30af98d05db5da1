"""The response that a submission has, sealed under the submission's own key."""

from dataclasses import dataclass
from typing import Final

from sqlalchemy import RowMapping, text

from hub.errors import NotFound
from hub.seal import Vault
from hub.store.tables import Submission

ANSWER: Final = "submission.answer"
LEAD_NOT_FOUND: Final = "Lead not found"
DISCOUNT_ERASED: Final = "This discount request was erased"


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The answer of the submission `id`: give the stored bytes."""

    id: int
    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class SealedResponse:
    """What SEALED_RESPONSE gives of one submission. `wrapped_key` None: it was erased."""

    id: int
    status: int | None
    answer: bytes | None
    wrapped_key: bytes | None
    fingerprint: bytes
    discount_id: int | None

    @classmethod
    def of(cls, columns: RowMapping) -> "SealedResponse":
        """From SEALED_RESPONSE, among other columns perhaps."""
        return cls(**{name: columns[name] for name in cls.__slots__})

    def open(self, vault: Vault) -> StoredResponse | None:
        """None while there is none. Raises NotFound when it was erased."""
        if self.status is None:
            return None
        if self.wrapped_key is None or self.answer is None:
            raise self.erased()
        key = vault.unwrap(self.wrapped_key)
        return StoredResponse(self.id, self.status, key.open(self.answer, row=self.fingerprint.hex(), column=ANSWER))

    def erased(self) -> NotFound:
        return NotFound(LEAD_NOT_FOUND if self.discount_id is None else DISCOUNT_ERASED)


SEALED_RESPONSE = (
    Submission.id,
    Submission.status,
    Submission.answer,
    Submission.wrapped_key,
    Submission.fingerprint,
    Submission.discount_id,
)
RESPONSE = text("SELECT id, status, answer, wrapped_key, fingerprint, discount_id FROM submission WHERE id = :id")
"""The same of one submission, written once."""
