"""The rules of access, one by one: roles, host names, pages of other sites, cookies."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from prelabel_console.access.access import cookie, cookie_name, set_cookie
from prelabel_console.access.hosts import Hosts, refusal
from prelabel_console.access.roles import Role, Visitor

LOCAL = Hosts([], listens_on="127.0.0.1")


def test_a_role_includes_the_lower_ones() -> None:
    operator = Visitor("ada", Role.OPERATOR, "cookie")

    assert [role.label for role in Role if operator.may(role)] == ["viewer", "operator"]
    assert Role.named("admin") is Role.ADMIN


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:8980", None), ("127.0.0.1", None), ("[::1]:8980", None), ("LOCALHOST.", None),
        ("evil.example", 421), ("10.0.0.7:8980", 421), ("", 400), ("a b", 400), ("localhost:x", 400),
    ],
)  # fmt: skip
def test_names_of_this_machine_alone_are_answered(host: str, status: int | None) -> None:
    refused = refusal("GET", Headers({"host": host}), LOCAL)

    assert (refused.status if refused else None) == status


def test_a_console_for_other_machines_answers_addresses_and_allowed_names() -> None:
    hosts = Hosts(["Console.Example"], listens_on="0.0.0.0")

    assert [hosts.have(name) for name in ("10.0.0.7", "console.example", "evil.example")] == [True, True, False]


@pytest.mark.parametrize(
    ("headers", "refused"),
    [
        ({"origin": "http://localhost:8980"}, False),
        ({"origin": "https://localhost:8980"}, False),
        ({"origin": "http://localhost:8981"}, True),
        ({"origin": "http://localhost:8980.evil.example"}, True),
        ({"origin": "null"}, True),
        ({"origin": ""}, True),
        ({"sec-fetch-site": "same-origin"}, False),
        ({"sec-fetch-site": "cross-site"}, True),
        ({"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}, True),
    ],
)
def test_a_form_of_another_page_is_refused(headers: dict[str, str], refused: bool) -> None:
    sent = Headers({"host": "localhost:8980", **headers})

    assert (refusal("POST", sent, LOCAL) is not None) == refused


def test_a_link_on_another_site_may_lead_here_but_no_picture_or_frame() -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    for change, refused in (({}, False), ({"sec-fetch-dest": "iframe"}, True), ({"sec-fetch-mode": "no-cors"}, True)):
        sent = Headers({"host": "localhost", **link, **change})
        assert (refusal("GET", sent, LOCAL) is not None) == refused


def test_a_cookie_of_one_console_is_not_that_of_another_on_the_machine() -> None:
    names = {cookie_name(Headers({"host": host})) for host in ("localhost:1", "localhost:2", "localhost", "[::1]")}

    assert len(names) == 3


def test_a_cookie_is_kept_from_scripts_and_sent_encrypted_where_a_proxy_ends_tls() -> None:
    plain = set_cookie(Headers({}), "n", "v")
    secure = set_cookie(Headers({"x-forwarded-proto": "https"}), "n", "v", 60)

    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(plain.split("; "))
    assert "Secure" not in plain
    assert {"Secure", "Max-Age=60"} <= set(secure.split("; "))


@given(st.lists(st.sampled_from(["a=1", "n=2", "b", "", " n=3", "=x", "n2=4"]), max_size=6))
def test_a_cookie_is_read_among_others(parts: list[str]) -> None:
    wanted = next((part.strip()[2:] for part in parts if part.strip().startswith("n=")), None)

    assert cookie(Headers({"cookie": ";".join(parts)}), "n") == wanted
