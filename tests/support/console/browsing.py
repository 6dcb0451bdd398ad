"""A console that serves in this process, and somebody who uses it."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from html import unescape
from typing import Any

import httpx
import redis

from prelabel.access_tokens import digest_of
from prelabel.web_server import address_of, listen
from prelabel_console.access.roles import Role
from prelabel_console.console import Console, make_console
from prelabel_console.server import make_server
from prelabel_console.start import access_of
from prelabel_worker.settings import load_settings

TOKENS = {role: f"token-of-the-{role.label}-{role.value}" for role in Role}
"""A token of each role; the name of its holder is the role's label."""
NAVIGATES = {
    "accept": "text/html",
    "sec-fetch-site": "same-origin",
    "sec-fetch-mode": "navigate",
    "sec-fetch-dest": "document",
}
"""What a browser says when a person follows a link of the console or sends one of its forms."""


def console_settings(redis_url: str, prefix: str, **settings: Any) -> Any:
    """Return settings with a token for each role."""
    tokens = {role.label: {"role": role.label, "sha256": digest_of(token)} for role, token in TOKENS.items()}
    return load_settings(**{"redis_url": redis_url, "key_prefix": prefix, "console_tokens": tokens, **settings})


@contextmanager
def serving(client: "redis.Redis", settings: Any) -> Iterator[tuple[Console, str]]:
    """Serve a console of this Redis; yield it and its address."""
    console = make_console(settings, client, access_of(settings, "127.0.0.1", [], {}))
    listening = listen("127.0.0.1", 0)
    started = threading.Event()
    server = make_server(console, started.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
    thread.start()
    try:
        assert started.wait(20)
        yield console, address_of(listening, "127.0.0.1")
    finally:
        server.should_exit = True
        thread.join(20)
        listening.close()


class Browser:
    """Somebody with a browser, who is signed in with a token of this role, or not at all."""

    def __init__(self, address: str, role: Role | None, headers: Mapping[str, str] = NAVIGATES) -> None:
        self.address = address
        self.http = httpx.Client(base_url=address, headers=dict(headers), trust_env=False, timeout=30)
        if role is not None:
            port = address.rpartition(":")[2]
            self.http.cookies.set(f"prelabel-console-{port}", TOKENS[role])

    def get(self, path: str, **headers: str) -> httpx.Response:
        return self.http.get(path, headers=headers)

    def post(self, path: str, fields: Mapping[str, str] | None = None, **headers: str) -> httpx.Response:
        """Send a form."""
        return self.http.post(path, data=dict(fields or {"a": "b"}), headers=headers)

    def act(self, path: str, fields: Mapping[str, str] | None = None) -> str:
        """Send a form that must be carried out; return what the page that follows says."""
        answer = self.post(path, fields, origin=self.address)
        assert answer.status_code == 303, (answer.status_code, words_of(answer.text))
        return self.text(answer.headers["location"])

    def text(self, path: str, status: int = 200) -> str:
        """Return what a page says, without its markup."""
        answer = self.get(path)
        assert answer.status_code == status, (answer.status_code, words_of(answer.text))
        return words_of(answer.text)


@contextmanager
def browsers(address: str) -> Iterator[Callable[..., Browser]]:
    """Yield a function that makes browsers of somebody with this role, or of a stranger."""
    opened: list[Browser] = []

    def open_browser(role: Role | None, **options: Any) -> Browser:
        opened.append(Browser(address, role, **options))
        return opened[-1]

    yield open_browser
    for browser in opened:
        browser.http.close()


def words_of(page: str) -> str:
    """Return the words of a page, without its markup."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", page)).split())
