"""The one table: every class of error has its outcome, and every answer its class."""

import inspect
from datetime import datetime

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prelabel_worker.labelbox import errors, responses, retry_policy
from prelabel_worker.labelbox.errors import RequestError
from prelabel_worker.labelbox.retry_policy import RetryAction, backoff, bisection_is_spent, decide

TABLE = {
    errors.Throttled: (RetryAction.PAUSE, "account"),
    errors.Unavailable: (RetryAction.LATER, "chunk"),
    errors.OutcomeUnknown: (RetryAction.LOOK_UP, "chunk"),
    errors.Conflict: (RetryAction.LOOK_UP, "chunk"),
    errors.Garbled: (RetryAction.LATER, "chunk"),
    errors.UnexpectedShape: (RetryAction.LATER, "chunk"),
    errors.Blocked: (RetryAction.LATER, "chunk"),
    errors.TooLarge: (RetryAction.SPLIT, "chunk"),
    errors.Refused: (RetryAction.SPLIT, "chunk"),
    errors.Unauthorized: (RetryAction.PAUSE, "account"),
    errors.KeyReplaced: (RetryAction.LATER, "chunk"),
    errors.KeyMissing: (RetryAction.PAUSE, "project"),
    errors.AccountLimit: (RetryAction.PAUSE, "account"),
    errors.AllowanceSpent: (RetryAction.PAUSE, "account"),
    errors.QueryRefused: (RetryAction.PAUSE, "account"),
    errors.Forbidden: (RetryAction.PAUSE, "project"),
    errors.ProjectGone: (RetryAction.PAUSE, "project"),
}


def test_every_class_of_error_is_in_the_table() -> None:
    classes = {
        found
        for _, found in inspect.getmembers(errors, inspect.isclass)
        if issubclass(found, RequestError) and found is not RequestError
    }

    assert classes == TABLE.keys()


@pytest.mark.parametrize(("kind", "expected"), TABLE.items(), ids=lambda value: getattr(value, "__name__", ""))
def test_each_class_has_its_outcome(kind: type[RequestError], expected: tuple[RetryAction, str]) -> None:
    decision = decide(kind("x"), 1, base=1, cap=60)

    assert (decision.action, decision.scope) == expected


def test_an_answer_of_another_shape_stops_its_chunk_and_never_the_account() -> None:
    """One import or one project is answered wrongly; a proxy in between would answer everything wrongly."""
    for failures in (1, retry_policy.FEW + 1, 1000):
        shape = decide(errors.UnexpectedShape("x"), failures, base=1, cap=60)
        sent = decide(errors.UnexpectedShape("x", maybe_accepted=True), failures, base=1, cap=60)
        assert [(each.action, each.scope) for each in (shape, sent)] == [
            (RetryAction.LATER, "chunk"),
            (RetryAction.LOOK_UP, "chunk"),
        ]


def test_a_retry_after_is_obeyed() -> None:
    assert decide(errors.Throttled("x", retry_after=7), 1, base=1, cap=60).seconds == 7
    assert decide(errors.Unavailable("x", retry_after=7), 1, base=1, cap=60).seconds == 7


def test_who_asks_to_wait_is_waited_for_by_the_whole_account_at_no_cost_to_the_chunk() -> None:
    for kind in (errors.Throttled, errors.Unavailable, errors.OutcomeUnknown):
        decision = decide(kind("x", retry_after=7), 1, base=1, cap=60)
        assert (decision.action, decision.scope, decision.passing) == (RetryAction.PAUSE, "account", True)


@pytest.mark.parametrize(
    ("error", "before", "attempts"),
    [
        (errors.Blocked("x"), RetryAction.LATER, 1),
        (errors.Garbled("x"), RetryAction.LATER, retry_policy.FEW),
        (errors.Garbled("x", maybe_accepted=True), RetryAction.LOOK_UP, retry_policy.FEW),
    ],
)
def test_an_error_that_lasts_pauses_the_account_until_a_person_acts(
    error: RequestError, before: RetryAction, attempts: int
) -> None:
    assert decide(error, attempts, base=1, cap=60).action is before
    decision = decide(error, attempts + 1, base=1, cap=60)
    assert (decision.action, decision.scope, decision.needs_person) == (RetryAction.PAUSE, "account", True)


def test_a_blocked_request_is_repeated_once_and_slowly() -> None:
    assert decide(errors.Blocked("x"), 1, base=1, cap=60).seconds == 60


def test_an_import_is_lost_after_several_misses_and_the_servers_limit() -> None:
    assert retry_policy.import_is_lost(3, 101, 100)
    assert not retry_policy.import_is_lost(2, 1000, 100)
    assert not retry_policy.import_is_lost(3, 99, 100)


def test_an_import_that_cannot_be_asked_for_is_waited_for_as_long_as_its_verdicts_can_exist() -> None:
    assert retry_policy.import_is_overdue(11, 10, answered=True)
    assert not retry_policy.import_is_overdue(11, 10, answered=False)
    assert retry_policy.import_is_overdue(DAY + 11, 10, answered=False)


def test_verdicts_are_lost_sooner_when_their_day_is_over() -> None:
    assert not retry_policy.verdicts_are_lost(5, 100, gone=True)
    assert retry_policy.verdicts_are_lost(6, 100, gone=True)
    assert not retry_policy.verdicts_are_lost(1, DAY + 1, gone=True)
    assert retry_policy.verdicts_are_lost(2, DAY + 1, gone=True)
    assert not retry_policy.verdicts_are_lost(1000, 100, gone=False)
    assert retry_policy.verdicts_are_lost(6, DAY + 1, gone=False)


@given(st.integers(1, 10_000))
def test_backoff_has_full_jitter_below_its_bound(failures: int) -> None:
    assert 0 <= backoff(failures, 1, 60) <= min(60, 2.0 ** min(failures - 1, 30))


def test_a_bisection_is_spent_after_four_times_the_logarithm() -> None:
    assert not bisection_is_spent(4 * 13, 5000)
    assert bisection_is_spent(4 * 13 + 1, 5000)


def graphql(code: str, status: int | None = None) -> bytes:
    extensions: dict[str, object] = {"code": code}
    if status is not None:
        extensions["exception"] = {"status": status}
    return orjson.dumps({"errors": [{"message": "x", "extensions": extensions}], "data": None})


DAY = 24 * 3600
HTML = b"<html>nothing here</html>"
OK = orjson.dumps({"data": {"a": 1}})
AWAY = (errors.Unavailable, errors.OutcomeUnknown)
ANSWERS = [
    ("503", 503, HTML, errors.Unavailable, errors.OutcomeUnknown),
    ("520", 520, b"", errors.Unavailable, errors.OutcomeUnknown),
    ("429 html", 429, HTML, errors.Throttled, errors.Throttled),
    ("429 json", 429, b'{"message": "slow"}', errors.Throttled, errors.Throttled),
    ("exceeded in 200", 200, b'{"message": "You have exceeded 5"}', errors.Throttled, errors.Throttled),
    ("429 hidden", 200, graphql("INTERNAL_SERVER_ERROR", 429), errors.Throttled, errors.Throttled),
    ("401 text", 401, b"no", errors.Unauthorized, errors.Unauthorized),
    ("auth", 200, graphql("AUTHENTICATION_ERROR"), errors.Unauthorized, errors.Unauthorized),
    ("403 json", 403, b'{"message": "no"}', errors.Forbidden, errors.Forbidden),
    ("403 edge", 403, HTML, errors.Blocked, errors.Blocked),
    ("authorization", 200, graphql("AUTHORIZATION_ERROR"), errors.Forbidden, errors.Forbidden),
    ("413", 413, HTML, errors.TooLarge, errors.TooLarge),
    ("426", 200, graphql("INTERNAL_SERVER_ERROR", 426), errors.AccountLimit, errors.AccountLimit),
    ("not allowed", 200, graphql("OPERATION_NOT_ALLOWED"), errors.AccountLimit, errors.AccountLimit),
    ("gone", 200, graphql("RESOURCE_NOT_FOUND"), errors.ProjectGone, errors.ProjectGone),
    ("conflict", 200, graphql("RESOURCE_CONFLICT"), errors.Conflict, errors.Conflict),
    ("422", 200, graphql("INTERNAL_SERVER_ERROR", 422), errors.Refused, errors.Refused),
    ("malformed", 200, graphql("MALFORMED_REQUEST"), errors.Refused, errors.Refused),
    ("bad input", 400, graphql("BAD_USER_INPUT"), errors.Refused, errors.Refused),
    ("schema", 400, graphql("GRAPHQL_VALIDATION_FAILED"), errors.QueryRefused, errors.QueryRefused),
    ("not json", 200, HTML, errors.Garbled, errors.Garbled),
    ("no data", 200, b'{"data": null}', errors.Garbled, errors.Garbled),
    ("errors of no list", 200, b'{"errors": {"a": 1}}', errors.Garbled, errors.Garbled),
    ("internal 503", 200, graphql("INTERNAL_SERVER_ERROR", 503), errors.Unavailable, errors.OutcomeUnknown),
    ("odd extensions", 200, b'{"errors": [{"extensions": "x"}]}', errors.Unavailable, errors.OutcomeUnknown),
    ("internal", 200, graphql("INTERNAL_SERVER_ERROR", 500), errors.Unavailable, errors.OutcomeUnknown),
    ("no code", 200, b'{"errors": [{"message": "x"}]}', errors.Unavailable, errors.OutcomeUnknown),
    ("a code that is none", 200, b'{"errors": [{"extensions": {"code": {"a": []}}}]}', *AWAY),
    ("a status that is none", 200, b'{"errors": [{"extensions": {"exception": {"status": [429]}}}]}', *AWAY),
    ("a message that is none", 200, b'{"errors": [{"message": [[[{}]]]}]}', *AWAY),
    ("odd errors", 200, b'{"errors": ["x"]}', errors.Unavailable, errors.OutcomeUnknown),
]


@pytest.mark.parametrize(
    ("status", "body", "asks", "creates"), [row[1:] for row in ANSWERS], ids=[r[0] for r in ANSWERS]
)
def test_each_answer_has_its_class(
    status: int, body: bytes, asks: type[RequestError], creates: type[RequestError]
) -> None:
    with pytest.raises(RequestError) as of_query:
        responses.data_of(status, {}, body, creates=False)
    with pytest.raises(RequestError) as of_create:
        responses.data_of(status, {}, body, creates=True)

    assert (type(of_query.value), type(of_create.value)) == (asks, creates)


def test_data_of_an_answer_is_returned() -> None:
    assert responses.data_of(200, {}, OK, creates=True) == {"a": 1}


def test_a_look_up_that_finds_nothing_is_an_answer() -> None:
    one = orjson.dumps(
        {"data": {"i0": {"id": "1"}, "i1": None}, "errors": [{"extensions": {"code": "RESOURCE_NOT_FOUND"}}]}
    )

    assert responses.found(200, {}, one) == {"i0": {"id": "1"}, "i1": None}
    assert responses.found(200, {}, graphql("RESOURCE_NOT_FOUND")) == {}
    with pytest.raises(errors.Unauthorized):
        responses.found(200, {}, graphql("AUTHENTICATION_ERROR"))


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("5", 5.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("99999", 3600.0),
        ("soon", None),
        ("nan", None),
        ("inf", 3600.0),
        ("-inf", 0.0),
        ("1e999", 3600.0),
        ("9" * 5000, 3600.0),
        ("\u0665", 5.0),
        ("Fri, 31 Dec 99999999999 23:59:59 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 3600.0),
        ("Wed, 21 Oct 2015 07:28:00 +99999999999", None),
        ("Wed, 21 Oct 2015 99:99:99 GMT", None),
        ("\udcff", None),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_retry_after_is_read_within_reason(value: str, seconds: float | None) -> None:
    with pytest.raises(errors.Throttled) as throttled:
        responses.data_of(429, {"retry-after": value}, b"", creates=False)

    assert throttled.value.retry_after == seconds


def test_a_retry_after_in_the_past_is_now() -> None:
    with pytest.raises(errors.Unavailable) as error:
        responses.data_of(503, {"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, b"", creates=False)

    assert error.value.retry_after == 0.0


def test_a_retry_after_that_is_a_date_is_compared_with_the_date_of_the_answer_not_with_this_clock() -> None:
    dates = {"date": "Wed, 21 Oct 2015 07:28:00 GMT", "retry-after": "Wed, 21 Oct 2015 07:28:30 GMT"}
    with pytest.raises(errors.Throttled) as throttled:
        responses.data_of(429, dates, b"", creates=False)

    assert throttled.value.retry_after == 30.0


def test_a_row_without_a_verdict_is_sent_again_once() -> None:
    reason = retry_policy.reason_of_row([])
    assert reason == "no-verdict"
    assert retry_policy.is_sent_again(reason, "")
    assert retry_policy.is_sent_again(reason, "data-row-not-found")
    assert not retry_policy.is_sent_again(reason, "no-verdict")
    assert not retry_policy.is_sent_again(retry_policy.reason_of_row(["X"]), "")


def test_rows_are_held_for_what_labelbox_said() -> None:
    assert retry_policy.reason_of_row(["GeometryInvalid", "DataRowNotFound"]) == "data-row-not-found"
    assert retry_policy.reason_of_row(["SomethingNew"]) == "refused"


SPENT = "Your organization has used all LBUs of its plan for this month"


def refusal(message: str, status: int = 426, code: str = "INTERNAL_SERVER_ERROR") -> RequestError:
    body = {"errors": [{"message": message, "extensions": {"code": code, "exception": {"status": status}}}]}
    with pytest.raises(RequestError) as error:
        responses.data_of(200, {}, orjson.dumps(body), creates=True)
    return error.value


@pytest.mark.parametrize("message", [SPENT, "over 500 LBU", "Labelbox units exceeded"])
def test_a_spent_allowance_is_recognised_by_the_words_of_an_account_limit(message: str) -> None:
    assert type(refusal(message)) is errors.AllowanceSpent
    assert refusal(message).said == message
    assert type(refusal(message, code="OPERATION_NOT_ALLOWED")) is errors.AllowanceSpent


@pytest.mark.parametrize(
    ("message", "status", "kind"),
    [
        ("You have too many ontologies", 426, errors.AccountLimit),
        ("upgrade your plan", 426, errors.AccountLimit),
        ("the bulbs of this month", 426, errors.AccountLimit),
        (SPENT, 422, errors.Refused),
        (SPENT, 500, errors.OutcomeUnknown),
    ],
)
def test_no_other_refusal_is_taken_for_a_spent_allowance(message: str, status: int, kind: type[RequestError]) -> None:
    assert type(refusal(message, status)) is kind


@pytest.mark.parametrize(
    ("now", "ends"),
    [
        ("2026-11-29T14:00:00", "2026-12-01T00:00:00"),
        ("2026-12-31T23:59:59", "2027-01-01T00:00:00"),
        ("2026-12-01T00:00:00", "2027-01-01T00:00:00"),
        ("2028-02-29T12:00:00", "2028-03-01T00:00:00"),
    ],
)
def test_a_spent_allowance_pauses_the_account_until_the_first_of_the_next_month(now: str, ends: str) -> None:
    begins, renews = (datetime.fromisoformat(f"{text}+00:00").timestamp() for text in (now, ends))

    assert retry_policy._until_next_month(begins) == renews - begins
    decision = retry_policy.decide(errors.AllowanceSpent("x"), 1, base=1, cap=1)
    assert decision.needs_person
    assert 0 < decision.seconds <= 31 * DAY
