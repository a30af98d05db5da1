"""`python -m infra.api_table` prints README's table of the partner APIs, from hub.contracts.registry."""

from hub.contracts.registry import PARTNER_APIS, Discounts, Leads, PartnerApi, Reports

HEAD = """\
| API | URL | contract | what it starts | how to use it |
| --- | --- | --- | --- | --- |
"""
STARTS = {
    Leads: "a LeadWorkflow per lead, of a batch after its IntakeWorkflow",
    Reports: "a LeadWorkflow per report, done at once; ends the LeadWorkflow of the call it was about",
    Discounts: "DiscountWorkflow: coupon, then mail",
}


def table() -> str:
    """Markdown, a row for each API."""
    return HEAD + "".join(_row(api) for api in PARTNER_APIS)


def _row(api: PartnerApi) -> str:
    urls = ", ".join(f"`{operation}`" for operation in api.operations)
    use = f"[{api.page}]({api.page}), `{api.samples}/`"
    return f"| {api.title} | {urls} | `hub/contracts/{api.name}.py` | {STARTS[type(api.handling)]} | {use} |\n"


if __name__ == "__main__":
    print(table(), end="")
