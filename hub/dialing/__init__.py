"""When a call may go out: the decision, the rules it follows from, and where in the world somebody is."""
