"""Pages escape what they show, and their headers forbid scripts, framing, caching and referrers."""

import re

from api.pages import html_page


def test_a_page_allows_its_own_style_and_nothing_else() -> None:
    page = html_page("no_lead.html", 404)
    policy = page.headers["Content-Security-Policy"]
    [nonce] = re.findall(r'<style nonce="([^"]+)">', bytes(page.body).decode())
    assert page.status_code == 404
    assert policy.split("; ")[:2] == ["default-src 'none'", f"style-src 'nonce-{nonce}'"]
    assert "frame-ancestors 'none'" in policy
    assert (page.headers["Cache-Control"], page.headers["Referrer-Policy"]) == ("no-store", "no-referrer")
    assert page.headers["X-Content-Type-Options"] == "nosniff"


def test_each_page_has_a_nonce_of_its_own() -> None:
    assert (
        html_page("no_lead.html").headers["Content-Security-Policy"]
        != html_page("no_lead.html").headers["Content-Security-Policy"]
    )


def test_values_are_escaped() -> None:
    page = html_page("login.html", lead_id=1, username='"><script>', failed=True)
    assert b"<script" not in page.body
