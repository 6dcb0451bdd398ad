"""A Redis URL is read in one way, its text reads back, and nothing of it that may be secret is quoted."""

from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from hypothesis import assume, given
from hypothesis import strategies as st

from prelabel.wire import redis_url
from prelabel.wire.client import connection_options, open_client
from prelabel.wire.redis_url import ConnectionOptions, Host, InvalidUrl, RedisUrl

words = st.text(min_size=1, max_size=20)
PLAIN = RedisUrl.parse("redis://host:6379/0")
OUR_WORDS = f"{PLAIN} {PLAIN!r} {Path(redis_url.__file__).read_text('utf-8')}"
"""What may stand in a text whatever the password is."""


@given(
    scheme=st.sampled_from(["redis", "rediss", "redis+cluster", "rediss+cluster"]),
    hosts=st.lists(
        st.tuples(st.sampled_from(["a", "b.example", "::1", "10.0.0.1"]), st.integers(1, 65_535)),
        min_size=1,
        max_size=3,
    ),
    username=st.none() | words,
    password=st.none() | words,
    database=st.integers(0, 500),
    client_name=st.none() | st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=64),
    seconds=st.none() | st.floats(2, 300),
)
def test_a_url_reads_back_from_its_text(
    scheme: str,
    hosts: list[tuple[str, int]],
    username: str | None,
    password: str | None,
    database: int,
    client_name: str | None,
    seconds: float | None,
) -> None:
    cluster = scheme.endswith("+cluster")
    url = RedisUrl(
        hosts=tuple(Host(*host) for host in (hosts if cluster else hosts[:1])),
        socket="",
        database=0 if cluster else database,
        username=username,
        password=password,
        tls=scheme.startswith("rediss"),
        cluster=cluster,
        options=ConnectionOptions(client_name=client_name, socket_timeout=seconds),
    )

    assert RedisUrl.parse(url.text) == url


@given(words, words, st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1), st.integers(0, 15))
def test_a_url_of_a_socket_reads_back_from_its_text(username: str, password: str, path: str, database: int) -> None:
    url = RedisUrl.parse(f"unix://{quote(username, safe='')}:{quote(password, safe='')}@/run/{path}.sock?db={database}")

    assert (url.username, url.password, url.socket, url.database) == (username, password, f"/run/{path}.sock", database)
    assert RedisUrl.parse(url.text) == url


@given(st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=5, max_size=30))
def test_no_error_and_no_text_quotes_a_password_encoded_or_not(password: str) -> None:
    """Also where the password ends the host, the path, or begins the options."""
    assume(password not in OUR_WORDS)
    secret = f"xX{password}Xx"
    for spelt in (secret, quote(secret, safe="")):
        try:
            url = RedisUrl.parse(f"redis://user:{spelt}@host:6379/0")
        except InvalidUrl as error:
            shown = str(error)
        else:
            assert url.password == secret or spelt == secret  # what was not encoded may mean something else
            shown = f"{url} {url!r}"
        assert password not in shown
        assert secret not in shown


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://h/prod", "a database number after the host, such as /0, found 'prod'"),
        ("redis://h/0/1", "a database number"),
        ("redis://h/-1", "a database number"),
        ("redis://h/1?db=2", "found 2 databases"),
        ("redis://h?db=-1", "the option db: expected a database number"),
        ("redis://h?foo=bar", "the option foo is not known; expected one of client_name, db, "),
        ("redis://h?decode_responses=true", "the option decode_responses is not known"),
        ("redis://h?retry_on_timeout=1", "the option retry_on_timeout is not known"),
        ("redis://h?protocol=4", "the option protocol: expected the version of RESP"),
        ("redis://h?socket_timeout=x", "the option socket_timeout: expected seconds to wait for an answer"),
        ("redis://h?socket_timeout=nan", "the option socket_timeout"),
        ("redis://h?socket_timeout=0.1", "the option socket_timeout"),
        ("redis://h?socket_timeout=5&socket_timeout=6", "the option socket_timeout is there twice"),
        ("redis://h?max_connections=1", "the option max_connections"),
        ("redis://h?client_name=a%20b", "the option client_name"),
        ("redis://h?password=x", "put user and password before the host"),
        ("redis://h?ssl_cert_reqs=none", "the option ssl_cert_reqs needs TLS"),
        ("rediss://h?ssl_cert_reqs=maybe", "the option ssl_cert_reqs: expected `required`"),
        ("rediss://h?ssl_ca_certs=/nowhere.pem", "found '/nowhere.pem' (No such file or directory)"),
        (f"rediss://h?ssl_ca_certs={Path(__file__)}", "(there is no certificate in it)"),
        ("redis://one,two", "expected one host"),
        ("redis://h:port", "expected host:port"),
        ("redis://h:99999", "expected host:port"),
        ("redis://one:1;redis://two:2", "expected one address, found a list"),
        ("sentinel://h:26379/0", "Sentinel is not supported: name an address that leads to the primary"),
        ("redis+sentinel://h:26379/0", "Sentinel is not supported"),
        ("redis+cluster://h/1", "expected database 0"),
        ("unix://run/redis.sock", "expected the path of a socket"),
        ("unix://", "expected the path of a socket"),
        ("http://h", "found the scheme http://"),
        ("redis://h\n", "percent-encoded"),
        ("localhost:6379", "expected redis://user:password@host:port/database"),
        ("", "expected redis://user:password@host:port/database"),
    ],
)
def test_a_wrong_url_is_refused_with_the_expected_form(url: str, expected: str) -> None:
    with pytest.raises(InvalidUrl) as error:
        RedisUrl.parse(url)

    assert expected in str(error.value)


def test_a_database_may_stand_in_the_path_or_in_the_options() -> None:
    assert RedisUrl.parse("redis://h/3").database == RedisUrl.parse("redis://h?db=3").database == 3
    assert RedisUrl.parse("redis://h/3?db=3") == RedisUrl.parse("redis://h/3")
    assert RedisUrl.parse("redis+socket:///r.sock?virtual_host=3") == RedisUrl.parse("unix:///r.sock?db=3")


def test_certificate_and_name_are_verified_unless_the_url_says_otherwise() -> None:
    def told(url: str) -> tuple[str, bool]:
        options = connection_options(RedisUrl.parse(url), 5)
        return options["ssl_cert_reqs"], options["ssl_check_hostname"]

    assert told("rediss://h") == told("rediss+cluster://h") == ("required", True)
    assert told("rediss://h?ssl_cert_reqs=CERT_NONE") == ("none", True)
    assert told("rediss://h?ssl_check_hostname=false") == ("required", False)


def test_nothing_about_a_connection_is_left_to_the_version_of_the_client_library() -> None:
    options = connection_options(RedisUrl.parse("redis://h"), 7)

    assert options["protocol"] == 2
    assert (options["socket_timeout"], options["socket_connect_timeout"]) == (7, 5)
    assert options["retry"]._retries == 0
    silent = (
        {"driver_info", "maint_notifications_config"} if int(redis.__version__.split(".")[0]) >= 8 else {"lib_name"}
    )
    assert silent <= set(options)


def test_the_options_of_a_url_go_before_what_its_user_would_choose() -> None:
    url = "redis://h?protocol=3&socket_timeout=9&health_check_interval=0&client_name=me&max_connections=12"
    client = open_client(url, 5)

    assert client.connection_pool.max_connections == 12
    told = client.connection_pool.connection_kwargs
    assert (told["protocol"], told["socket_timeout"], told["health_check_interval"]) == (3, 9, 0)
    assert told["client_name"] == "me"
