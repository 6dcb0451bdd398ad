"""The request to a receiver: what it sends, what it does with answers, and that the address stays a secret."""

import socket

import pytest

from prelabel_worker.notify.webhook import NotDelivered, Webhook
from tests.support.receiver import Receiver


def test_a_message_arrives_as_json_without_any_key(receiver: Receiver) -> None:
    receipt = Webhook(receiver.url).post(b'{"text": "hello"}')

    assert receipt.accepted
    assert receipt.words == "ok"
    ((path, headers, body),) = receiver.requests
    assert path == "/hooks/T0/s3cret-part"
    assert body == '{"text": "hello"}'
    assert headers["Content-Type"] == "application/json"
    assert not {"Authorization", "Cookie"} & set(headers)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_not_followed_and_is_no_acceptance(receiver: Receiver, status: int) -> None:
    receiver.status, receiver.headers = status, {"Location": receiver.url}

    receipt = Webhook(receiver.url).post(b"{}")

    assert not receipt.accepted
    assert len(receiver.requests) == 1


def test_a_refusal_says_how_long_to_wait_and_is_cut_to_a_printable_line(receiver: Receiver) -> None:
    receiver.status, receiver.headers = 429, {"Retry-After": "30"}
    receiver.answer = b"slow \x1b[2Jdown\n" + b"x" * 100_000

    receipt = Webhook(receiver.url).post(b"{}")

    assert (receipt.accepted, receipt.status, receipt.retry_after) == (False, 429, 30)
    assert receipt.words.startswith("slow \\x1b[2Jdown\\nxxx")
    assert len(receipt.words) < 300


@pytest.mark.parametrize("value", ["soon", "-1", "1e9", "", "9" * 400])
def test_an_odd_wait_counts_as_none(receiver: Receiver, value: str) -> None:
    receiver.status, receiver.headers = 503, {"Retry-After": value}

    assert Webhook(receiver.url).post(b"{}").retry_after == 0


def test_a_receiver_that_is_not_there_is_reported_without_its_address() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]

    with pytest.raises(NotDelivered) as error:
        Webhook(f"http://127.0.0.1:{port}/hooks/T0/s3cret-part?token=abc").post(b"{}")

    assert "Connection refused" in str(error.value)
    assert "s3cret" not in str(error.value)
    assert "abc" not in str(error.value)


def test_an_unknown_certificate_is_refused(receiver: Receiver) -> None:
    """A server of this machine whose certificate nobody vouches for."""
    import ssl
    import threading

    import trustme

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                try:
                    context.wrap_socket(connection, server_side=True).close()
                except OSError:
                    return

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(NotDelivered, match="certificate verify failed"):
            Webhook(f"https://127.0.0.1:{server.getsockname()[1]}/hooks/s3cret").post(b"{}")
        thread.join(10)
    assert receiver.requests == []
