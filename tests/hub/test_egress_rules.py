import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from hub.egress_rules import EgressDenied, EgressRules, check_url
from hub.keys import networks

PRODUCTION = EgressRules()
DEVELOPMENT = EgressRules(development=True)


@pytest.mark.parametrize(
    "url",
    [
        "https://example.com/hook?a=b",
        "https://example.com:8443",
        "HTTPS://Example.COM./hook",
        "https://hooks_1.example.co.uk/",
        "https://bücher.example/ü",
        "https://93.184.215.14/",
        "https://[2606:2800:21f:cb07:6820:80da:af6b:8b2c]:443/",
        "https://[::ffff:93.184.215.14]/",
    ],
)
def test_public_https_urls_are_permitted(url: str) -> None:
    check_url(url, PRODUCTION)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("http://example.com/", "must start with https"),
        ("ftp://example.com/", "must start with https"),
        ("//example.com/", "must start with https"),
        ("example.com", "must start with https"),
        ("", "must start with https"),
        ("http://127.0.0.1:8080/", "must start with https"),
        ("https://user@example.com/", "user name or password"),
        ("https://:secret@example.com/", "user name or password"),
        ("https://example.com:22/", "port .* 443, 8443"),
        ("https://example.com:0/", "port"),
        ("https://example.com:99999/", "not a valid URL"),
        ("https:///path", "host name"),
        ("https://a..b/", "host name"),
        ("https://-a.example/", "host name"),
        ("https://exa%00mple.com/", "host name"),
        ("https://" + "a" * 64 + ".example/", "host name"),
        ("https://" + "a." * 130 + "example/", "host name"),
        ("https://[::1/", "not a valid URL"),
        ("https://exam ple.com/", "spaces"),
        ("https://example.com\n.evil.example/", "spaces"),
        ("https://evil.example\\@example.com/", "backslashes"),
        ("https://example.com/" + "a" * 2048, "longer than 2048"),
        ("https://localhost/", "not public"),
        ("https://LOCALHOST./", "not public"),
        ("https://api.localhost/", "not public"),
    ],
)
def test_other_urls_are_refused_with_the_reason(url: str, message: str) -> None:
    with pytest.raises(EgressDenied, match=f"^url .*{message}"):
        check_url(url, PRODUCTION)


@pytest.mark.parametrize(
    "host",
    [
        *(
            "2130706433",
            "127.1",
            "0x7f.1",
            "0x7f000001",
            "017700000001",
            "0177.0.0.1",
            "127.0.1",
            "127.0.0.01",
            "0",
            "1",
        ),
        # The URL parser itself makes 127.0.0.1 of these.
        *("127。0。0。1", "①②⑦.0.0.1"),
    ],
)
def test_addresses_in_other_notations_are_refused(host: str) -> None:
    with pytest.raises(EgressDenied):
        check_url(f"https://{host}/", PRODUCTION)


PRIVATE = [
    "0.0.0.0",
    "10.0.0.1",
    "100.100.100.200",
    "127.0.0.1",
    "168.63.129.16",
    "169.254.169.254",
    "172.31.255.255",
    "192.0.0.9",
    "192.88.99.1",
    "192.168.1.1",
    "198.19.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::a00:1",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:20::1",
    "2001:db8::1",
    "2002:a00:1::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff0e::1",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_no_private_or_special_address_is_permitted(address: str) -> None:
    assert not PRODUCTION.permits(address)
    assert not PRODUCTION.permits(address, loopback=True)
    with pytest.raises(EgressDenied):
        check_url(f"https://[{address}]/" if ":" in address else f"https://{address}/", PRODUCTION)


@given(st.ip_addresses(v=4).filter(lambda address: not address.is_global))
def test_nothing_that_python_calls_private_is_permitted_even_within_ipv6(address: object) -> None:
    assert not PRODUCTION.permits(str(address))
    assert not PRODUCTION.permits(f"::ffff:{address}")


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.215.14", "2606:4700::1111", "::ffff:1.1.1.1", "2a00:1450::1"])
def test_public_addresses_are_permitted(address: str) -> None:
    assert PRODUCTION.permits(address)


def test_an_operator_can_open_networks_and_ports_but_not_plain_http() -> None:
    rules = EgressRules(ports=frozenset({443, 9443}), networks=networks(["10.1.0.0/16", "fd00:1::/32"]))
    check_url("https://10.1.2.3:9443/", rules)
    check_url("https://[fd00:1::5]/", rules)
    check_url("https://[::ffff:10.1.2.3]/", rules)
    for url in ("http://10.1.2.3:9443/", "https://10.2.0.1/", "https://10.1.2.3:8443/"):
        with pytest.raises(EgressDenied):
            check_url(url, rules)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.9.9.9", "localhost", "hook.localhost", "[::1]"])
@pytest.mark.parametrize("scheme", ["http", "https"])
def test_development_allows_loopback_by_its_own_name_on_any_port(scheme: str, host: str) -> None:
    check_url(f"{scheme}://{host}:40123/hook", DEVELOPMENT)
    check_url(f"{scheme}://{host}/hook", DEVELOPMENT)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/",
        "http://10.0.0.1:8080/",
        "http://127.1:8080/",
        "http://localhost.example.com/",
        "http://user@localhost:8080/",
        "https://example.com:8080/",
        "https://10.0.0.1/",
        "http://0.0.0.0:8080/",
        "ftp://localhost/",
    ],
)
def test_development_allows_nothing_else(url: str) -> None:
    with pytest.raises(EgressDenied):
        check_url(url, DEVELOPMENT)


def test_loopback_is_permitted_only_when_the_url_names_it() -> None:
    assert DEVELOPMENT.permits("127.0.0.1", loopback=True)
    assert DEVELOPMENT.permits("::ffff:127.0.0.1", loopback=True)
    assert not DEVELOPMENT.permits("127.0.0.1")
    assert not DEVELOPMENT.permits("10.0.0.1", loopback=True)


@example("https://@")
@given(st.text(st.characters(codec=None, exclude_categories=[])) | st.text("htps:/@[]%.:0179xaf\\ -_", max_size=40))
def test_any_text_is_either_permitted_or_denied(text: str) -> None:
    for url in (text, f"https://{text}", f"http://{text}/"):
        for rules in (PRODUCTION, DEVELOPMENT):
            try:
                check_url(url, rules)
            except EgressDenied as error:
                str(error).encode()
