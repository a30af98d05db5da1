"""What worker processes do beside Temporal's queues: loops that look into the database."""
