"""The partner APIs, one value each. Whatever differs by API and is no translation of bodies is derived from here.

A new API needs its value in PARTNER_APIS, and what the value names: contract, router, samples and page.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from importlib import import_module
from typing import Any, Protocol

from hub.contracts import comunik8, margav, partner_api, squadiq, squadiq_bodies
from hub.errors import HubError
from hub.leads import ApiResponse, Campaign, Record, Result, Row, Tenant


class LeadContract(Protocol):
    """What the intake needs of a lead API: reading a request's rows and wording its answer. Both are pure."""

    def read(self, body: Any, tenant: Tenant, campaign_id: int | None, /) -> list[Row]:
        """Translate a decoded body that the route found well-formed into rows, in order."""

    def answer(self, body: Any, results: Sequence[Result], /) -> ApiResponse:
        """Word what became of the rows. With a `rejected` one, nothing of them stays stored."""


LEAD_EVENTS = (
    "lead.created",
    "call.scheduled",
    "call.completed",
    "lead.interested",
    "meeting.booked",
    "lead.processed",
    "lead.deleted",
)
"""The types of events that every lead which is called may cause."""


@dataclass(frozen=True, slots=True)
class Leads:
    """The API submits leads to be called. `payload`: how its campaigns' endpoints get a processed lead.

    `events`, here and below: the types of events that its partners may get, beside those about endpoints.
    """

    contract: LeadContract
    payload: Callable[[Record], dict[str, Any]] | None = None
    events: tuple[str, ...] = LEAD_EVENTS


@dataclass(frozen=True, slots=True)
class Reports:
    """The API reports leads that were called already. `module` of the store offers `handle_report`.

    It is named, not imported: the store imports this package.
    """

    module: str
    events: tuple[str, ...] = ("lead.created", "lead.interested", "lead.deleted")

    @property
    def handler(self) -> Callable[..., Awaitable[ApiResponse]]:
        found: Callable[..., Awaitable[ApiResponse]] = import_module(self.module).handle_report
        return found


@dataclass(frozen=True, slots=True)
class Discounts:
    """The API asks for discounts; its route starts their workflows by itself."""

    events: tuple[str, ...] = ("discount.sent", "discount.failed")


class ClientField(Enum):
    """What the client of a new tenant needs to know."""

    KEY = auto()
    PUBLIC_ID = auto()
    CAMPAIGN = auto()
    AGENTS = auto()
    ORIGIN = auto()
    PRODUCT = auto()


@dataclass(frozen=True, slots=True)
class NewAgent:
    username: str
    name: str
    dialer_user_id: str | None = None


@dataclass(frozen=True, slots=True)
class NewProduct:
    public_id: str
    slug: str
    title: str
    price_cents: int
    full_price_cents: int


RANDOM_ID = ""
"""A campaign of this name gets a random one."""


@dataclass(frozen=True, slots=True)
class TenantDefaults:
    """What a new tenant comes with. `client_fields`: what its client needs to know, by the API's own names.

    `rate_limit` in 60 s, None for the hub's setting. `public_id`: the API's clients name their tenant.
    """

    client_fields: Mapping[str, ClientField]
    rate_limit: int | None = None
    public_id: bool = False
    campaigns: tuple[str, ...] = ()
    agents: tuple[NewAgent, ...] = ()
    origins: tuple[str, ...] = ()
    products: tuple[NewProduct, ...] = ()


@dataclass(frozen=True, slots=True)
class PartnerApi:
    """One API. `name` is its word in every layer: contract, router, samples, page, and the scope of its keys.

    `operations` are as its page and README's table have them. Errors that its owner does not document are
    `{error_key: text}` on every path that starts with one of `prefixes`; `wrong_method` is the answer to a method that
    a path does not have, where the owner documents one. `key_header`: where its clients put their key, which is a
    bearer in `Authorization`. `shared_identity`: a lead may be known among all its tenants. `masks_phones`: only
    dialers get its leads' numbers, webhooks leave them out. `region`: of numbers without a `+`, where it is no matter
    of the tenant's. `identities`: what a lead with this id of its sender's may be unique by, in the API's campaigns;
    None where senders give no ids.
    """

    name: str
    title: str
    operations: tuple[str, ...]
    prefixes: tuple[str, ...]
    error_key: str
    key_header: str
    handling: Leads | Reports | Discounts
    tenant: TenantDefaults = field(repr=False)
    wrong_method: tuple[int, str] | None = None
    shared_identity: bool = False
    masks_phones: bool = False
    region: str | None = None
    identities: Callable[[Sequence[Campaign], str], list[str]] | None = None
    router: str = ""

    @property
    def router_module(self) -> str:
        """The module that offers `router`. By name, because nothing here imports the HTTP layer."""
        return self.router or f"api.routes.{self.name}"

    @property
    def page(self) -> str:
        return f"docs/partners/{self.name}.md"

    @property
    def samples(self) -> str:
        return f"tests/samples/{self.name}"

    @property
    def payload(self) -> Callable[[Record], dict[str, Any]] | None:
        """How an endpoint of one of its campaigns gets a processed lead; None: its campaigns have no such endpoints."""
        return self.handling.payload if isinstance(self.handling, Leads) else None


PARTNER_APIS: tuple[PartnerApi, ...] = (
    PartnerApi(
        name="partner_api",
        title="Partner API",
        operations=("POST /api/leads/partner-transfer",),
        prefixes=("/api/leads/partner-transfer",),
        error_key="detail",
        key_header="X-API-Key",
        handling=Leads(partner_api),
        tenant=TenantDefaults({"key": ClientField.KEY}, rate_limit=100, campaigns=("default",)),
        shared_identity=True,
    ),
    PartnerApi(
        name="margav",
        title="Margav dialer",
        operations=("POST /api/leads/from-dialer/",),
        prefixes=("/api/leads/from-dialer",),
        error_key="error",
        key_header="X-Dialer-Api-Key",
        handling=Reports("hub.store.partners.margav"),
        region=margav.REGION,
        identities=lambda _, lead_id: [lead_id],
        tenant=TenantDefaults(
            {"key": ClientField.KEY, "agents": ClientField.AGENTS},
            agents=(
                NewAgent("agent1", "Agent One", "vicidial_user_123"),
                NewAgent("agent2", "Agent Two"),
                NewAgent("agent3", "Agent Three"),
            ),
        ),
    ),
    PartnerApi(
        name="squadiq",
        title="SquadIQ Leads v4",
        operations=("/api/v4/leads/{operation}/{campaign_id}/",),
        prefixes=("/api/v4/leads/",),
        error_key="detail",
        key_header="Authorization",
        handling=Leads(squadiq, payload=squadiq.result, events=(*LEAD_EVENTS, "lead.converted")),
        tenant=TenantDefaults(
            {"token": ClientField.KEY, "campaign_id": ClientField.CAMPAIGN},
            campaigns=(RANDOM_ID,),
        ),
        masks_phones=True,
        region=squadiq_bodies.REGION,
        identities=lambda campaigns, lead_id: [squadiq.identity(campaign, lead_id) for campaign in campaigns],
    ),
    PartnerApi(
        name="leanpub",
        title="Leanpub discount",
        operations=("POST /api/v2/PartnerDiscountRequest",),
        prefixes=("/api/v2/",),
        error_key="message",
        key_header="x-api-key",
        handling=Discounts(),
        tenant=TenantDefaults(
            {
                "key": ClientField.KEY,
                "partner_id": ClientField.PUBLIC_ID,
                "origin": ClientField.ORIGIN,
                "product_id": ClientField.PRODUCT,
            },
            public_id=True,
            origins=("shop.example.com",),
            products=(
                NewProduct("foobar", slug="foobar", title="The Foobar Book", price_cents=999, full_price_cents=1999),
            ),
        ),
        wrong_method=(403, "Missing Authentication Token"),
    ),
    PartnerApi(
        name="comunik8",
        title="Comunik8 Leads",
        operations=("POST /lead/add", "POST /lead/cancel"),
        prefixes=("/lead/",),
        error_key="error",
        key_header="X-API-Key",
        handling=Leads(comunik8),
        region=comunik8.REGION,
        tenant=TenantDefaults(
            {"key": ClientField.KEY, "type": ClientField.CAMPAIGN},
            campaigns=("motor-trade",),
        ),
    ),
)


class UnknownPartnerApi(HubError):
    """A stored row names an API that this version of the hub does not have. Trying again does not help."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no partner API {name}; there are {', '.join(names())}.")


def names() -> tuple[str, ...]:
    return tuple(api.name for api in PARTNER_APIS)


def find(name: str) -> PartnerApi:
    """The API of this name. Raises UnknownPartnerApi."""
    for api in PARTNER_APIS:
        if api.name == name:
            return api
    raise UnknownPartnerApi(name)


def serving(path: str) -> PartnerApi | None:
    """The API that a request's path belongs to; None for the hub's own."""
    return next((api for api in PARTNER_APIS if path.startswith(api.prefixes)), None)
