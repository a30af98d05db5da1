"""What is deleted by age. Each call is one batch in the caller's transaction: no long locks, and others may help."""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final

from sqlalchemy import TextClause, text

from hub.store import kept_answers
from hub.store.db.engine import Tx
from hub.store.do_not_call import REPORTED_WITHIN
from hub.store.submissions import KEPT

BATCH: Final = 1000


class Aged(StrEnum):
    """What has an age limit: `bodies` are those of submissions, `events` go with their deliveries and replays.

    See ErasedNumber and, for `answers`, KeptAnswer.
    """

    BODIES = "bodies"
    SUBMISSIONS = "submissions"
    ATTEMPTS = "attempts"
    DELIVERIES = "deliveries"
    EVENTS = "events"
    REPLAYS = "replays"
    LEASES = "leases"
    ERASED_NUMBERS = "erased_numbers"
    ANSWERS = "answers"


@dataclass(frozen=True, slots=True)
class Ages:
    """How long things are kept, counted from their creation.

    Leases are kept as long as submissions, replays as long as events, both counted from their end.
    """

    submissions: timedelta
    events: timedelta
    attempts: timedelta

    def of(self, what: Aged) -> timedelta:
        """The age at which `what` is deleted."""
        match what:
            case Aged.BODIES:
                return KEPT
            case Aged.SUBMISSIONS | Aged.LEASES:
                return self.submissions
            case Aged.ATTEMPTS:
                return self.attempts
            case Aged.DELIVERIES | Aged.EVENTS | Aged.REPLAYS:
                return self.events
            case Aged.ERASED_NUMBERS:
                return REPORTED_WITHIN
            case Aged.ANSWERS:
                return kept_answers.KEPT


# By statement_timestamp(), as an index can't be searched by clock_timestamp(). What another process deletes just now is
# passed over.
_OLD = "created_at < statement_timestamp() - CAST(:age AS interval)"
_NEXT = "ORDER BY created_at LIMIT :most FOR UPDATE SKIP LOCKED"


def _statement(sql: str) -> TextClause:
    return text(sql.replace("{OLD}", _OLD).replace("{NEXT}", _NEXT))


_STATEMENTS: Final[dict[Aged, TextClause]] = {
    # The rest of the row stays as the audit log.
    Aged.BODIES: _statement("""
        UPDATE submission SET wrapped_key = NULL, body = NULL, answer = NULL, late = false
        WHERE id IN (SELECT id FROM submission WHERE wrapped_key IS NOT NULL AND {OLD} {NEXT})
    """),
    # Events of a lead that is still open name the request by which it came.
    Aged.SUBMISSIONS: _statement("""
        DELETE FROM submission WHERE id IN (
            SELECT id FROM submission WHERE {OLD} AND NOT EXISTS (
                SELECT FROM lead WHERE lead.submission_id = submission.id AND lead.state IN ('scheduled', 'calling')
            ) {NEXT}
        )
    """),
    Aged.ATTEMPTS: _statement("""
        DELETE FROM delivery_attempt WHERE id IN (SELECT id FROM delivery_attempt WHERE {OLD} {NEXT})
    """),
    Aged.DELIVERIES: _statement("""
        WITH old AS (SELECT id FROM delivery WHERE state <> 'pending' AND {OLD} {NEXT}),
             attempts AS (DELETE FROM delivery_attempt USING old WHERE delivery_id = old.id)
        DELETE FROM delivery USING old WHERE delivery.id = old.id
    """),
    Aged.EVENTS: _statement("""
        DELETE FROM event WHERE id IN (
            SELECT id FROM event WHERE {OLD}
            AND NOT EXISTS (SELECT FROM delivery WHERE delivery.event_id = event.id) {NEXT}
        )
    """),
    Aged.REPLAYS: _statement("""
        DELETE FROM replay WHERE id IN (
            SELECT id FROM replay WHERE ended_at < statement_timestamp() - CAST(:age AS interval)
            ORDER BY ended_at LIMIT :most FOR UPDATE SKIP LOCKED
        )
    """),
    Aged.ANSWERS: _statement("""
        DELETE FROM kept_answer WHERE id IN (SELECT id FROM kept_answer WHERE {OLD} {NEXT})
    """),
    # Those of a lead that is still open are part of its story.
    Aged.LEASES: _statement("""
        DELETE FROM lease WHERE id IN (
            SELECT lease.id FROM lease JOIN call ON call.id = lease.call_id JOIN lead ON lead.id = call.lead_id
            WHERE lease.leased_at < statement_timestamp() - CAST(:age AS interval)
            AND lease.ended_at < statement_timestamp() - CAST(:age AS interval)
            AND lead.state NOT IN ('scheduled', 'calling')
            ORDER BY lease.leased_at LIMIT :most FOR UPDATE OF lease SKIP LOCKED
        )
    """),
    Aged.ERASED_NUMBERS: _statement("""
        DELETE FROM erased_number WHERE call_id IN (SELECT call_id FROM erased_number WHERE {OLD} {NEXT})
    """),
}


async def purge(tx: Tx, what: Aged, age: timedelta) -> int:
    """Delete up to BATCH of what is older than `age`, oldest first; returns how many: BATCH if there may be more."""
    return int((await tx.execute(_STATEMENTS[what], {"age": age, "most": BATCH})).rowcount)
