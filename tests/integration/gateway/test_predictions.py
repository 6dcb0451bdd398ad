"""`POST /v1/predictions` of a real process, with a real Redis: what comes in is there, and bad input harms nobody."""

import gzip
import json
import zlib

import orjson
import pytest
import redis
import zstandard

from prelabel.gateway.settings import JSON_BYTES
from tests.support.gateway import TOKEN, RunningGateway
from tests.support.publishing import message, waiting


def keys_in(client: "redis.Redis", prefix: str, project: str) -> list[str]:
    return [json.loads(raw)["dataRow"]["globalKey"] for raw in waiting(client, prefix, project)]


def test_each_accepted_row_of_a_mixed_batch_is_in_redis_when_the_answer_comes(
    gateway: RunningGateway, client: "redis.Redis", gate_prefix: str
) -> None:
    bad = message("b", "mixed") | {"annotations": [{"name": "b", "bbox": {"left": 1}}]}

    answer = gateway.post([message("a", "mixed"), bad, message("c", "mixed")])

    assert answer.status_code == 200
    body = answer.json()
    assert (body["accepted"], body["refused"], body["retry"]) == (2, 1, 0)
    first, second, third = body["results"]
    assert first == {"row": 1, "status": "accepted", "durable": "redis", "messageIds": ["a"]}
    assert (second["row"], second["status"], second["reason"]) == (2, "refused", "invalid-annotation")
    assert second["path"].startswith("annotations[0].bbox")
    assert second["expected"]
    assert third["status"] == "accepted"
    assert sorted(keys_in(client, gate_prefix, "mixed")) == ["a", "c"]


@pytest.mark.parametrize("packing", ["gzip", "zstd", "identity"])
def test_messages_arrive_however_they_are_written_and_packed(
    gateway: RunningGateway, client: "redis.Redis", gate_prefix: str, packing: str
) -> None:
    project = f"packed-{packing}"
    pack = {"gzip": gzip.compress, "zstd": zstandard.compress, "identity": bytes}[packing]
    array = orjson.dumps([message("a", project), message("b", project)])
    lines = b"\n\n" + orjson.dumps(message("c", project)) + b"\r\n  \n" + orjson.dumps(message("d", project))

    one = gateway.post(pack(orjson.dumps(message("e", project))), "application/json", content_encoding=packing)
    many = gateway.post(pack(array), "application/json; charset=utf-8", content_encoding=packing)
    streamed = gateway.post(pack(lines), content_encoding=packing)

    assert [answer.status_code for answer in (one, many, streamed)] == [200, 200, 200]
    assert [result["row"] for result in streamed.json()["results"]] == [3, 5], "numbers of lines"
    assert sorted(keys_in(client, gate_prefix, project)) == list("abcde")


def test_the_order_of_rows_is_kept(gateway: RunningGateway, client: "redis.Redis", gate_prefix: str) -> None:
    rows = [message("same", "order") | {"messageId": f"m{number}"} for number in range(500)]

    assert gateway.post(rows).json()["accepted"] == 500

    ids = [json.loads(raw)["messageId"] for raw in waiting(client, gate_prefix, "order")]
    assert ids == [f"m{number}" for number in range(500)]


def test_a_row_that_is_sent_again_keeps_its_message_id(
    gateway: RunningGateway, client: "redis.Redis", gate_prefix: str
) -> None:
    answers = [gateway.post([message("a", "again")]).json()["results"] for _ in range(2)]

    assert answers[0] == answers[1]
    assert len(set(waiting(client, gate_prefix, "again"))) == 1, "the same message, which has one effect"


def test_a_request_in_which_no_row_is_right_is_422(gateway: RunningGateway) -> None:
    answer = gateway.post({"projectId": "p"})

    assert answer.status_code == 422
    assert answer.json()["results"][0]["status"] == "refused"


UNREADABLE = {
    "a truncated gzip": (gzip.compress(b"{}" * 100)[:-9], {"content_encoding": "gzip"}, 400, "cut off"),
    "no gzip": (b"hello", {"content_encoding": "gzip"}, 400, "cannot be unpacked"),
    "no zstd": (b"hello, world", {"content_encoding": "zstd"}, 400, "cannot be unpacked"),
    "a truncated zstd": (zstandard.compress(b"{}" * 100)[:-3], {"content_encoding": "zstd"}, 400, "cut off"),
    "an encoding that is not read": (b"x", {"content_encoding": "br"}, 415, "gzip"),
    "a content type that is not read": (b"x", {"kind": "application/x-www-form-urlencoded"}, 415, "x-ndjson"),
    "another charset": (b"x", {"kind": "application/json; charset=latin-1"}, 415, "utf-8"),
    "a cloud event": (b"{}", {"kind": "application/cloudevents+json"}, 415, "/v1/events"),
    "an empty document": (b" ", {"kind": "application/json"}, 400, "empty"),
    "a broken array": (b"[{},", {"kind": "application/json"}, 400, "JSON"),
    "a deep array": (b"[" * 100_000, {"kind": "application/json"}, 400, "array"),
    "a large document": (b"[" + b" " * JSON_BYTES + b"]", {"kind": "application/json"}, 413, "ndjson"),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_body_that_cannot_be_read_is_refused_with_what_is_wrong(gateway: RunningGateway, name: str) -> None:
    content, options, status, words = UNREADABLE[name]

    answer = gateway.post(content, **options)

    assert (answer.status_code, words in answer.json()["error"]) == (status, True), answer.text


BAD_ROWS = {
    "not JSON": (b"{", "malformed-json"),
    "not UTF-8": (b'{"projectId": "\xff"}', "malformed-json"),
    "deep JSON": (b'{"a":' * 50_000 + b"1" + b"}" * 50_000, None),
    "a huge line": (b'{"a": "' + b"x" * 5_000_000 + b'"}', "message-too-large"),
    "a number of many digits": (b'{"projectId": ' + b"9" * 10_000 + b"}", None),
    "NaN": (b'{"projectId": NaN}', "malformed-json"),
    "an array": (b"[1]", "malformed-message"),
    "null bytes": (b"\x00\x00", "malformed-json"),
}


@pytest.mark.parametrize("name", BAD_ROWS)
def test_a_bad_row_affects_no_other_row(
    gateway: RunningGateway, client: "redis.Redis", gate_prefix: str, name: str
) -> None:
    bad, reason = BAD_ROWS[name]
    project = f"beside-{abs(hash(name))}"
    good = [orjson.dumps(message(key, project)) for key in "ab"]

    answer = gateway.post(b"\n".join([good[0], bad, good[1]]))

    assert answer.status_code == 200
    statuses = [result["status"] for result in answer.json()["results"]]
    assert statuses == ["accepted", "refused", "accepted"]
    assert reason in (None, answer.json()["results"][1]["reason"])
    assert keys_in(client, gate_prefix, project) == ["a", "b"]


def test_rows_before_the_place_where_a_body_breaks_are_published(
    gateway: RunningGateway, client: "redis.Redis", gate_prefix: str
) -> None:
    lines = b"".join(orjson.dumps(message(f"k{number}", "broken")) + b"\n" for number in range(1000))

    answer = gateway.post(gzip.compress(lines)[:-100], content_encoding="gzip")

    assert answer.status_code == 400
    assert 0 < answer.json()["accepted"] < 1000
    assert len(keys_in(client, gate_prefix, "broken")) == answer.json()["accepted"]


def test_rows_beyond_the_limit_of_a_request_are_not_taken(
    gateway: RunningGateway, client: "redis.Redis", gate_prefix: str
) -> None:
    answer = gateway.post([message(f"k{number}", "many") for number in range(2001)])

    assert answer.status_code == 413
    assert answer.json()["accepted"] == len(keys_in(client, gate_prefix, "many")) == 2000


BOMBS = {"blank lines": (b"\n", "lines"), "one line": (b" ", "unpacked")}


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_and_takes_no_memory(gateway: RunningGateway, packing: str, name: str) -> None:
    what, words = BOMBS[name]
    packer = zlib.compressobj(9, wbits=31) if packing == "gzip" else zstandard.ZstdCompressor().compressobj()
    piece = what * (1 << 20)
    bomb = b"".join(packer.compress(piece) for _ in range(520)) + packer.flush()

    answer = gateway.post(bomb, content_encoding=packing)

    assert (answer.status_code, words in answer.json()["error"]) == (413, True)
    with open(f"/proc/{gateway.process.pid}/status", encoding="ascii") as file:
        peak = next(int(line.split()[1]) for line in file if line.startswith("VmHWM"))
    assert peak < 300 * 1024, "kibibytes"


@pytest.mark.parametrize("token", [None, "wrong", "a" * 4000])
def test_without_a_known_token_nothing_is_published(gateway: RunningGateway, token: str | None) -> None:
    answer = gateway.post([message("a", "stranger")], token=token)

    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")


def test_the_password_of_basic_authorization_is_a_token_too(gateway: RunningGateway) -> None:
    import httpx

    answer = httpx.post(
        f"{gateway.url}/v1/predictions", json=message("a", "basic"), auth=("anybody", TOKEN), timeout=60
    )

    assert answer.status_code == 200


def test_health_metrics_and_unknown_paths_are_answered_without_a_token(gateway: RunningGateway) -> None:
    gateway.post([message("a", "metrics"), {}])

    assert gateway.get("/healthz").json()["status"] == "ok"
    text = gateway.get("/metrics").text
    assert 'prelabel_gateway_rows_total{result="accepted",reason=""}' in text
    assert 'prelabel_gateway_rows_total{result="refused",reason="malformed-message"}' in text
    assert gateway.get("/nothing").status_code == 404
    assert gateway.get("/v1/predictions").status_code == 405
    assert gateway.get("/openapi.json").json()["openapi"] == "3.1.0"


def test_the_log_has_no_body_and_no_token(gateway: RunningGateway) -> None:
    gateway.post(
        [message("secret-key-of-a-row", "logged"), {"annotations": "secret-value"}], x_frame_id="secret-header"
    )

    log = gateway.log.read_text("utf-8")
    assert '"gateway.request"' in log
    assert "secret-" not in log
    assert TOKEN not in log
