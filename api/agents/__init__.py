"""The dashboard of Margav's agents: login, session, page."""
