"""The journal of leads and discount requests, written by triggers, and what finding them by mail needs.

The triggers are here alone (docs/decisions/0016): whoever changes a lead or a discount request, by whatever code or by
hand, writes its journal in the same statement. A transaction says who acts by the setting `hub.actor`, and by which
submission by `hub.submission`; both are local to it, and empty where nobody set it.
"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

MOMENT = sa.DateTime(timezone=True)
NOW = sa.text("clock_timestamp()")

# What a lead waited for tells of where its person lives, and is blanked when it is erased.
FUNCTIONS = """
CREATE FUNCTION journal_actor(otherwise text) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT coalesce(nullif(current_setting('hub.actor', true), ''), otherwise)
$$;

CREATE FUNCTION journal_submission() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT CAST(nullif(current_setting('hub.submission', true), '') AS bigint)
$$;

CREATE FUNCTION journal_new_lead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal (lead_id, what, actor, submission_id, until)
    VALUES (NEW.id, 'lead.created', journal_actor('hub'), NEW.submission_id, NEW.dial_at);
    IF NEW.state <> 'scheduled' THEN
        INSERT INTO journal (lead_id, what, why, outcome, actor, submission_id)
        VALUES (NEW.id, 'lead.' || NEW.state, NEW.why, NEW.outcome, journal_actor('hub'), NEW.submission_id);
    END IF;
    RETURN NULL;
END $$;

CREATE FUNCTION journal_lead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'erased' THEN
        UPDATE journal SET why = NULL WHERE lead_id = NEW.id AND what LIKE 'lead.%';
    END IF;
    INSERT INTO journal (lead_id, what, why, outcome, actor, submission_id, until)
    VALUES (NEW.id, CASE NEW.state WHEN 'scheduled' THEN 'lead.waiting' ELSE 'lead.' || NEW.state END, NEW.why,
            CASE WHEN NEW.state NOT IN ('scheduled', 'calling') THEN NEW.outcome END,
            journal_actor('hub'), journal_submission(),
            CASE NEW.state WHEN 'scheduled' THEN coalesce(NEW.look_at, NEW.dial_at) END);
    RETURN NULL;
END $$;

CREATE FUNCTION journal_contact() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal (lead_id, what, actor, submission_id)
    VALUES (NEW.lead_id, 'lead.updated', journal_actor('hub'), journal_submission());
    RETURN NULL;
END $$;

CREATE FUNCTION journal_new_call() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal (lead_id, call_id, dialer_id, what, actor, until)
    VALUES (NEW.lead_id, NEW.id, NEW.dialer_id, 'call.placed', journal_actor('hub'), NEW.closes_at);
    RETURN NULL;
END $$;

CREATE FUNCTION journal_call() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    changed text := CASE
        WHEN NEW.state IN ('ended', 'withdrawn') THEN 'call.' || NEW.state
        WHEN NEW.state = 'ready' THEN CASE OLD.state WHEN 'ready' THEN 'call.moved' ELSE 'call.returned' END
        WHEN NEW.token <> OLD.token THEN 'call.leased'
        ELSE 'call.started' END;
    by_dialer boolean := changed IN ('call.leased', 'call.started') OR changed = 'call.ended' AND NEW.reason IS NULL;
BEGIN
    INSERT INTO journal (lead_id, call_id, dialer_id, what, why, outcome, actor, submission_id, until)
    VALUES (NEW.lead_id, NEW.id, NEW.dialer_id, changed, NEW.reason, NEW.outcome,
            journal_actor(CASE WHEN by_dialer THEN 'dialer:' || NEW.dialer_id ELSE 'hub' END), journal_submission(),
            CASE NEW.state WHEN 'leased' THEN NEW.lease_until WHEN 'ready' THEN NEW.closes_at END);
    RETURN NULL;
END $$;

CREATE FUNCTION journal_delivery() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal (lead_id, discount_id, delivery_id, what, why, actor, until)
    SELECT lead_id, discount_id, NEW.id, 'delivery.' || NEW.state, type, journal_actor('hub'), NEW.next_at
    FROM event WHERE id = NEW.event_id AND (lead_id IS NOT NULL OR discount_id IS NOT NULL);
    RETURN NULL;
END $$;

CREATE FUNCTION journal_new_discount() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal (discount_id, what, submission_id, actor)
    VALUES (NEW.id, 'discount.requested', NEW.submission_id, journal_actor(
        coalesce((SELECT 'partner:' || key_id FROM submission WHERE id = NEW.submission_id), 'hub')));
    RETURN NULL;
END $$;

CREATE FUNCTION journal_discount() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state = 'erased' THEN
        UPDATE journal SET why = NULL WHERE discount_id = NEW.id AND what LIKE 'discount.%';
    END IF;
    INSERT INTO journal (discount_id, what, why, actor)
    VALUES (NEW.id, CASE WHEN NEW.state = OLD.state THEN 'mail.' || NEW.mail_state ELSE 'discount.' || NEW.state END,
            CASE WHEN NEW.state <> OLD.state THEN NEW.why END, journal_actor('hub'));
    RETURN NULL;
END $$;

CREATE FUNCTION journal_coupon() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO journal (discount_id, what, actor)
    VALUES (NEW.discount_id, 'coupon.' || NEW.state, journal_actor('hub'));
    RETURN NULL;
END $$;

CREATE FUNCTION journal_forget_lead() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM journal WHERE lead_id = OLD.id;
    RETURN NULL;
END $$;

CREATE FUNCTION journal_forget_discount() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM journal WHERE discount_id = OLD.id;
    RETURN NULL;
END $$;
"""

# The conditions say what is a change that anybody sees: not when a row was compared, started or looked at.
TRIGGERS = """
CREATE TRIGGER journal_insert AFTER INSERT ON lead FOR EACH ROW EXECUTE FUNCTION journal_new_lead();

CREATE TRIGGER journal_update AFTER UPDATE ON lead FOR EACH ROW
    WHEN ((OLD.state, OLD.why, OLD.outcome, OLD.dial_at) IS DISTINCT FROM (NEW.state, NEW.why, NEW.outcome, NEW.dial_at)
          AND NOT (NEW.state = 'calling' AND NEW.why IS NULL))
    EXECUTE FUNCTION journal_lead();

CREATE TRIGGER journal_delete AFTER DELETE ON lead FOR EACH ROW EXECUTE FUNCTION journal_forget_lead();

CREATE TRIGGER journal_update AFTER UPDATE ON contact FOR EACH ROW
    WHEN (OLD.sealed IS DISTINCT FROM NEW.sealed AND NEW.sealed IS NOT NULL) EXECUTE FUNCTION journal_contact();

CREATE TRIGGER journal_insert AFTER INSERT ON call FOR EACH ROW EXECUTE FUNCTION journal_new_call();

CREATE TRIGGER journal_update AFTER UPDATE ON call FOR EACH ROW
    WHEN ((OLD.state, OLD.outcome, OLD.dialer_id) IS DISTINCT FROM (NEW.state, NEW.outcome, NEW.dialer_id)
          OR NEW.confirm_start AND OLD.started_at IS NULL AND NEW.started_at IS NOT NULL)
    EXECUTE FUNCTION journal_call();

CREATE TRIGGER journal_update AFTER UPDATE ON delivery FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION journal_delivery();

CREATE TRIGGER journal_insert AFTER INSERT ON discount FOR EACH ROW EXECUTE FUNCTION journal_new_discount();

CREATE TRIGGER journal_update AFTER UPDATE ON discount FOR EACH ROW
    WHEN ((OLD.state, OLD.mail_state) IS DISTINCT FROM (NEW.state, NEW.mail_state)) EXECUTE FUNCTION journal_discount();

CREATE TRIGGER journal_delete AFTER DELETE ON discount FOR EACH ROW EXECUTE FUNCTION journal_forget_discount();

CREATE TRIGGER journal_update AFTER UPDATE ON coupon FOR EACH ROW
    WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION journal_coupon();
"""
TRIGGER_NAMES = {
    "lead": ("journal_insert", "journal_update", "journal_delete"),
    "contact": ("journal_update",),
    "call": ("journal_insert", "journal_update"),
    "delivery": ("journal_update",),
    "discount": ("journal_insert", "journal_update", "journal_delete"),
    "coupon": ("journal_update",),
}
FUNCTION_NAMES = (
    "journal_forget_discount", "journal_forget_lead", "journal_coupon", "journal_discount", "journal_new_discount",
    "journal_delivery", "journal_call", "journal_new_call", "journal_contact", "journal_lead", "journal_new_lead",
    "journal_submission()", "journal_actor(text)",
)  # fmt: skip


def upgrade() -> None:
    _create_table()
    op.add_column("discount", sa.Column("retried_at", MOMENT))
    op.create_index("ix_contact_email", "contact", ["email_hash"], postgresql_where=sa.text("email_hash IS NOT NULL"))
    op.create_index("ix_discount_email", "discount", ["email_hash"], postgresql_where=sa.text("email_hash IS NOT NULL"))
    op.drop_index(op.f("ix_lead_partner_id"), table_name="lead")
    op.create_index("ix_lead_partner", "lead", ["partner_id", "id"])
    # One statement at a time: the driver takes no more. They are divided by empty lines.
    for statement in (FUNCTIONS + "\n" + TRIGGERS).strip().split("\n\n"):
        op.execute(statement)


def _create_table() -> None:
    op.create_table(
        "journal",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("created_at", MOMENT, server_default=NOW, nullable=False),
        sa.Column("lead_id", sa.BigInteger()),
        sa.Column("discount_id", sa.BigInteger()),
        sa.Column("what", sa.Text(), nullable=False),
        sa.Column("why", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("actor", sa.Text(), nullable=False),
        sa.Column("call_id", sa.BigInteger()),
        sa.Column("dialer_id", sa.BigInteger()),
        sa.Column("delivery_id", sa.BigInteger()),
        sa.Column("submission_id", sa.BigInteger()),
        sa.Column("until", MOMENT),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
    )
    of_lead, of_discount = sa.text("lead_id IS NOT NULL"), sa.text("discount_id IS NOT NULL")
    op.create_index("ix_journal_lead", "journal", ["lead_id", "id"], postgresql_where=of_lead)
    op.create_index("ix_journal_discount", "journal", ["discount_id", "id"], postgresql_where=of_discount)


def downgrade() -> None:
    for table, names in TRIGGER_NAMES.items():
        for name in names:
            op.execute(f"DROP TRIGGER {name} ON {table}")
    for name in FUNCTION_NAMES:
        op.execute(f"DROP FUNCTION {name}")
    op.drop_index("ix_lead_partner", table_name="lead")
    op.create_index(op.f("ix_lead_partner_id"), "lead", ["partner_id"])
    op.drop_index("ix_discount_email", table_name="discount")
    op.drop_index("ix_contact_email", table_name="contact")
    op.drop_column("discount", "retried_at")
    op.drop_table("journal")
