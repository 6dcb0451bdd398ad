"""Who may send which request: walked from the router's own table."""

from collections.abc import Callable

import pytest
import redis
from starlette.datastructures import Headers
from starlette.routing import Mount

from prelabel_console.access.proxy import Proxy
from prelabel_console.access.roles import Role
from prelabel_console.endpoints import ConsoleRoute
from prelabel_console.gate import OPEN
from prelabel_console.routes import PAGES, ROUTES
from tests.support.console.browsing import TOKENS, Browser, console_settings, serving

BrowserOf = Callable[..., Browser]
CLOSED = [route for route in PAGES if route.role is not None]
ACTS = [route for route in CLOSED if "POST" in (route.methods or ())]


def named(route: ConsoleRoute) -> str:
    return str(route.name)


def path_of(route: ConsoleRoute) -> str:
    """Return an address that the route answers."""
    return route.path_format.replace("{", "").replace("}", "")


def sent(browser: Browser, route: ConsoleRoute, **headers: str) -> int:
    send = browser.post if "POST" in (route.methods or ()) else browser.get
    return int(send(path_of(route), **headers).status_code)


def test_every_route_says_which_role_it_needs() -> None:
    others = [route for route in ROUTES if not isinstance(route, ConsoleRoute)]
    assert [route.path for route in others if isinstance(route, Mount)] == ["/static"]
    assert len(others) == 1
    for route in PAGES:
        assert (route.role is None) == route.path.startswith(OPEN), route.path


def test_what_changes_something_needs_more_than_a_viewer() -> None:
    for route in PAGES:
        if route.role is not None and route.methods != {"GET", "HEAD"}:
            assert route.role > Role.VIEWER, route.path


@pytest.mark.parametrize("route", CLOSED, ids=named)
def test_without_a_token_nothing_is_answered(browser: BrowserOf, route: ConsoleRoute) -> None:
    answer = browser(None).get(path_of(route))

    assert answer.status_code == 401
    assert "Sign in" in answer.text


@pytest.mark.parametrize("route", ACTS, ids=named)
def test_a_viewer_can_change_nothing(browser: BrowserOf, route: ConsoleRoute) -> None:
    assert sent(browser(Role.VIEWER), route) == 403


@pytest.mark.parametrize("route", [route for route in ACTS if route.role is Role.ADMIN], ids=named)
def test_an_operator_cannot_do_what_an_admin_does(browser: BrowserOf, route: ConsoleRoute) -> None:
    assert sent(browser(Role.OPERATOR), route) == 403


@pytest.mark.parametrize("route", ACTS, ids=named)
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"host": "evil.example"},
    ],
    ids=str,
)
def test_a_request_of_another_site_is_refused(browser: BrowserOf, route: ConsoleRoute, headers: dict[str, str]) -> None:
    assert sent(browser(Role.ADMIN), route, **headers) in (403, 421)


def test_a_cookie_counts_only_for_a_request_that_says_its_page(browser: BrowserOf) -> None:
    plain = browser(Role.ADMIN, headers={"accept": "text/html"})
    for route in ACTS:
        assert sent(plain, route) == 401, route.path


def test_a_link_with_a_token_sets_a_cookie_and_leads_to_the_page_without_it(browser: BrowserOf) -> None:
    stranger = browser(None)

    answer = stranger.get(f"/projects?state=dead&token={TOKENS[Role.VIEWER]}")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/projects?state=dead"
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    assert stranger.get("/projects?state=dead").status_code == 200


def test_a_link_cannot_lead_to_another_host(browser: BrowserOf) -> None:
    stranger = browser(None)
    for path in ("//evil.example/", "/%2F/evil.example/", "/\\\\evil.example/", "/%5Cevil.example"):
        location = stranger.get(f"{stranger.address}{path}?token={TOKENS[Role.VIEWER]}").headers["location"]
        assert not location.startswith(("//", "/\\", "http")), location


def test_a_wrong_token_is_not_let_in(browser: BrowserOf) -> None:
    assert browser(None).get("/?token=wrong").status_code == 401
    assert browser(None).get("/", authorization="Bearer wrong").status_code == 401


def test_a_program_may_use_a_bearer_token(browser: BrowserOf) -> None:
    program = browser(None, headers={"authorization": f"Bearer {TOKENS[Role.VIEWER]}"})

    assert program.get("/").status_code == 200


def test_after_ten_wrong_tokens_no_other_is_tried_for_a_while(browser: BrowserOf) -> None:
    guesser = browser(None)
    answers = [guesser.get(f"/?token=guess-{number}").status_code for number in range(11)]

    assert answers == [401] * 10 + [429]
    refused = guesser.get(f"/?token={TOKENS[Role.ADMIN]}")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 61


def test_somebody_who_is_signed_in_is_not_locked_out_by_guesses_from_the_same_address(browser: BrowserOf) -> None:
    known = browser(Role.VIEWER)
    assert known.get("/").status_code == 200
    for number in range(12):
        known.http.get(f"/?token=guess-{number}")

    assert known.get("/").status_code == 200


def test_nobody_needs_a_token_for_the_probe_and_it_says_nothing_else(browser: BrowserOf) -> None:
    answer = browser(None).get("/healthz")

    assert (answer.status_code, answer.json()) == (200, {"serves": True, "redisAnswers": True})


def test_who_a_proxy_names_has_the_role_of_its_users(client: "redis.Redis", redis_url: str, prefix: str) -> None:
    proxy = {"console_proxy_header": "X-Forwarded-User", "console_proxy_role": "operator"}
    with serving(client, console_settings(redis_url, prefix, **proxy)) as (_, address):
        stranger = Browser(address, None)

        assert "ada (operator)" in stranger.get("/", **{"x-forwarded-user": "ada"}).text
        assert stranger.get("/").status_code == 401
        stranger.http.close()


@pytest.mark.parametrize(
    ("address", "believed"),
    [("127.0.0.1", True), ("::1", True), ("10.1.2.3", True), ("192.0.2.7", False), ("", False), ("unix", False)],
)
def test_a_proxy_is_believed_at_its_own_addresses_only(address: str, believed: bool) -> None:
    proxy = Proxy("X-Forwarded-User", Role.VIEWER, ["10.0.0.0/8"])

    assert (proxy.visitor(Headers({"x-forwarded-user": "ada"}), address) is not None) == believed


def test_a_request_with_two_names_is_nobody_s() -> None:
    headers = Headers(raw=[(b"x-forwarded-user", b"ada"), (b"x-forwarded-user", b"eve")])

    assert Proxy("X-Forwarded-User", Role.VIEWER).visitor(headers, "127.0.0.1") is None


def test_answers_forbid_foreign_scripts_frames_and_caches(browser: BrowserOf) -> None:
    for path in ("/", "/sign-in", "/healthz", "/static/console.js", "/nothing"):
        headers = browser(Role.VIEWER).get(path).headers
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert headers["referrer-policy"] == "same-origin"
        assert headers["cache-control"] == ("no-cache" if path.startswith("/static/") else "no-store")


def test_a_form_that_is_too_large_or_of_another_type_is_refused(browser: BrowserOf) -> None:
    visitor = browser(None)

    assert visitor.post("/sign-in", {"token": "x" * 70_000}).status_code == 413
    assert visitor.http.post("/sign-in", json={"token": "x"}).status_code == 415
