"""How workflows and their queues are called: by kind, row, and the deployment whose database holds that row."""


class WorkflowIds:
    """Ids like `lead-42-3f2a91c0`. The deployment's part keeps a reset database apart from its old workflows."""

    def __init__(self, deployment: str) -> None:
        self._deployment = deployment

    def intake(self, submission_id: int) -> str:
        return f"intake-{submission_id}-{self._deployment}"

    def lead(self, lead_id: int) -> str:
        return f"lead-{lead_id}-{self._deployment}"

    def webhook(self, delivery_id: int) -> str:
        return f"webhook-{delivery_id}-{self._deployment}"

    def discount(self, discount_id: int) -> str:
        return f"discount-{discount_id}-{self._deployment}"

    def queue(self, name: str) -> str:
        """The deployment's task queue: of two that share a Temporal namespace, neither takes the other's work."""
        return f"{name}-{self._deployment}"
