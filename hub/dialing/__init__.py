"""When a call may be placed: the decision, the policies and regulations behind it, and a lead's time zones."""
