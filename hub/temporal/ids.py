"""How workflows and their queues are called: by kind, row, and the deployment whose database holds that row."""


class WorkflowIds:
    """Ids like `lead-42-9c01d2e7-3f2a91c0`: the row, its random token, and the deployment.

    The token keeps rows apart that have the same number before and after a backup was restored; the deployment's part
    keeps databases apart. Rows of version 0.1 have no token: `lead-42-3f2a91c0`.
    """

    def __init__(self, deployment: str) -> None:
        self._deployment = deployment

    def intake(self, submission_id: int, token: str | None) -> str:
        return self._of_row("intake", submission_id, token)

    def lead(self, lead_id: int, token: str | None) -> str:
        return self._of_row("lead", lead_id, token)

    def webhook(self, delivery_id: int, token: str | None) -> str:
        return self._of_row("webhook", delivery_id, token)

    def replay(self, replay_id: int, token: str | None) -> str:
        return self._of_row("replay", replay_id, token)

    def discount(self, discount_id: int, token: str | None) -> str:
        return self._of_row("discount", discount_id, token)

    def queue(self, name: str) -> str:
        """The deployment's task queue: of two that share a Temporal namespace, neither takes the other's work."""
        return f"{name}-{self._deployment}"

    def _of_row(self, kind: str, row_id: int, token: str | None) -> str:
        return "-".join([kind, str(row_id), *([token] if token else []), self._deployment])
