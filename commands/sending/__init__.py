"""What `hub send` is made of: reading files, recognising their headings, submitting, keeping what was rejected."""
