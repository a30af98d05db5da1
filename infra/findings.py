"""What `hub doctor` says of each thing that it looks at."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing looked at; `remedy` is empty when all is well, `needed` false for what only adds comfort."""

    what: str
    found: str
    remedy: str = ""
    needed: bool = True

    @property
    def missing(self) -> bool:
        """Whether the hub can't run like this."""
        return self.needed and bool(self.remedy)

    @property
    def level(self) -> str:
        """`ok`, `warn` or `fail`."""
        return "fail" if self.missing else "warn" if self.remedy else "ok"
