"""The stack's addresses from one start to the next."""

import json
import socket
import stat
from pathlib import Path

import pytest

from prelabel_worker.stack import addresses


def test_the_next_start_has_the_same_addresses(tmp_path: Path) -> None:
    told: list[str] = []
    first = addresses.keep(tmp_path / "data", told.append)
    assert addresses.keep(tmp_path / "data", told.append) == first
    assert told == []
    assert stat.S_IMODE((tmp_path / "data" / addresses.NAME).stat().st_mode) == 0o600


def test_two_sets_of_rows_have_two_sets_of_addresses(tmp_path: Path) -> None:
    one, other = (addresses.keep(tmp_path / name, print) for name in ("data", "demo"))
    assert one.redis_password != other.redis_password
    assert one.sandbox_key != other.sandbox_key


@pytest.mark.parametrize(
    ("taken", "subject", "variable"),
    [("redis_port", "Redis", "PRELABEL_REDIS_URL"), ("sandbox_port", "the sandbox", "PRELABEL_LABELBOX_ENDPOINT")],
)
def test_a_port_that_another_process_has_taken_is_named_and_another_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, taken: str, subject: str, variable: str
) -> None:
    monkeypatch.setattr(addresses, "_FREE_WITHIN_SECONDS", 0.2)
    first = addresses.keep(tmp_path, print)
    told: list[str] = []
    with socket.create_server(("127.0.0.1", getattr(first, taken))):
        second = addresses.keep(tmp_path, told.append)

    (line,) = told
    assert f"port {getattr(first, taken)}, which {subject} had, is taken" in line
    assert f"{subject} listens on port {getattr(second, taken)} now; set {variable} again" in line
    assert getattr(second, taken) != getattr(first, taken)
    assert second.redis_password == first.redis_password
    assert addresses.keep(tmp_path, told.append) == second


def test_a_file_of_a_release_without_a_console_is_kept(tmp_path: Path) -> None:
    first = addresses.keep(tmp_path, print)
    path = tmp_path / addresses.NAME
    old = {name: value for name, value in json.loads(path.read_text()).items() if not name.startswith("console")}
    path.write_text(json.dumps(old))

    second = addresses.keep(tmp_path, pytest.fail)

    assert (second.redis_port, second.redis_password) == (first.redis_port, first.redis_password)
    assert second.console_token != first.console_token
    assert addresses.keep(tmp_path, pytest.fail) == second


def test_a_port_whose_connections_have_just_ended_is_not_taken(tmp_path: Path) -> None:
    first = addresses.keep(tmp_path, print)
    with socket.create_server(("127.0.0.1", first.redis_port)) as server:
        client = socket.create_connection(server.getsockname())
        connection, _ = server.accept()
        connection.close()  # the server's side closes first, and keeps the port in TIME_WAIT
        client.close()
    assert addresses.keep(tmp_path, pytest.fail) == first


BROKEN = [
    "", "{", "[]", "null", '{"redis_port": 1}',
    '{"redis_port": 0, "redis_password": "a", "sandbox_port": 5, "sandbox_key": "b"}',
    '{"redis_port": true, "redis_password": "a", "sandbox_port": 5.0, "sandbox_key": "b"}',
    '{"redis_port": 4, "redis_password": "a", "sandbox_port": 5, "sandbox_key": "b", "console_port": 6}',
    '{"redis_port": 4, "redis_password": "a b\\nport 9", "sandbox_port": 5, "sandbox_key": "b"}',
]  # fmt: skip


@pytest.mark.parametrize("content", BROKEN)
def test_a_file_that_cannot_be_read_is_reported_and_replaced(tmp_path: Path, content: str) -> None:
    told: list[str] = []
    (tmp_path / addresses.NAME).write_text(content)
    made = addresses.keep(tmp_path, told.append)
    assert len(told) == 1
    assert "addresses.json cannot be read, so the ports and the password are new" in told[0]
    assert json.loads((tmp_path / addresses.NAME).read_text())["redis_port"] == made.redis_port


def test_a_link_in_place_of_the_file_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("{}")
    (tmp_path / addresses.NAME).symlink_to(tmp_path / "other")
    with pytest.raises(OSError, match="link"):
        addresses.keep(tmp_path, print)
