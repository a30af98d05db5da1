"""What the hub says to Temporal: names of queues, search attributes and workflows, and every start and wake-up."""
