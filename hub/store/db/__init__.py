"""PostgreSQL itself: connections and transactions, NOTIFY, the outbox."""
