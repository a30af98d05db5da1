"""One workflow per file; steps.py holds their timeouts and retry policies. Histories hold ids and codes only."""
