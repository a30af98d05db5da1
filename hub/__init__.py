"""The domain: what a lead, a key, a call and a webhook are, free of HTTP routes, workflows and processes."""
