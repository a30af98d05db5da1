"""One workflow per file; steps.py names their timeouts and retry policies. They carry ids and codes, never people."""
