"""The live questions, with the sandbox in each of its modes; whatever happens, all that was created is deleted."""

import secrets
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis

from prelabel_worker.accounts.pacing import Pacer
from prelabel_worker.accounts.rate_limiter import Permits
from prelabel_worker.doctor.live.probe import Probe, pick
from prelabel_worker.doctor.live.questions import MAX_IMPORTS, Answer, Interview
from prelabel_worker.doctor.live.scratch import PREFIX, Scratch
from prelabel_worker.labelbox.client import Labelbox
from prelabel_worker.labelbox.errors import OutcomeUnknown
from tests.support.sandbox.process import SandboxProcess, data_of

LISTING = (
    "query L($p: ID!) { modelAssistedLabelingPredictionImports(skip: 0, first: 100, where: {projectId: $p}) { name } }"
)
CREATED = "createModelAssistedLabelingPredictionImport"
Asked = Callable[..., dict[str, Answer]]


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    started = SandboxProcess(
        tmp_path_factory.mktemp("sandbox"), "--requests-per-minute", "0", "--seconds-per-import", "0"
    )
    yield started
    started.stop()


@pytest.fixture
def sandbox(running: SandboxProcess) -> Iterator[SandboxProcess]:
    yield running
    running.control("DELETE", "/faults")
    running.control("POST", "/settings", {"duplicateNames": "refuse", "strictContentLength": False})


class Place:
    """A scratch project in the sandbox."""

    def __init__(self, sandbox: SandboxProcess, client: "redis.Redis", prefix: str) -> None:
        self.sandbox = sandbox
        self.id = f"c{secrets.token_hex(8)}"
        self.sandbox.project(self.id, {"tools": [{"tool": "rectangle", "name": "car"}]}, ["scratch-1"])
        self.labelbox = Labelbox(f"{sandbox.url}/graphql", "a-key", 2)
        self.pacer = Pacer(Permits(client, prefix, "a", 100_000, 5000))

    def probe(self, key: str = "scratch-1") -> Probe:
        return pick(self.id, self.labelbox.ontology(self.id), {"globalKey": key})

    def scratch(self, *, wait_seconds: float = 20, server_limit_seconds: float = 0.5) -> Scratch:
        limit = server_limit_seconds
        return Scratch(self.labelbox, self.pacer, self.id, wait_seconds=wait_seconds, server_limit_seconds=limit)

    def ask(self, key: str = "scratch-1", **options: Any) -> dict[str, Answer]:
        with self.scratch(**options) as scratch:
            answers = {answer.question: answer for answer in Interview(scratch, self.probe(key)).run()}
        assert scratch.remaining == []
        return answers

    def fault(self, name: str, **options: Any) -> None:
        self.sandbox.control("POST", "/faults", {"fault": name, "project": self.id, **options})

    def imports(self) -> list[str]:
        """Return the names of the imports in the project."""
        listed = data_of(self.sandbox.ask(LISTING, p=self.id))["modelAssistedLabelingPredictionImports"]
        return [each["name"] for each in listed]

    def created(self) -> int:
        """Return the number of uploads that reached the sandbox."""
        log = self.sandbox.control("GET", "/requests")
        return sum(each.get("operation") == CREATED and each.get("projectId") == self.id for each in log)


@pytest.fixture
def place(sandbox: SandboxProcess, client: "redis.Redis", prefix: str) -> Iterator[Place]:
    found = Place(sandbox, client, prefix)
    yield found
    assert found.imports() == []  # the promise of every test here
    found.labelbox.close()


def test_every_question_is_answered_and_every_import_deleted(place: Place) -> None:
    answers = place.ask()

    assert {name: answer.answered for name, answer in answers.items()} == {
        "first-import": "FINISHED, 1 status line, SUCCESS",
        "same-name": "refused (Labelbox answers RESOURCE_CONFLICT); the look-up still finds the first",
        "same-uuid-again": "FINISHED, 1 status line, SUCCESS; the API does not say whether it replaced the first",
        "same-uuid-in-file": "FINISHED, 2 status lines, SUCCESS, SUCCESS",
        "empty-file": "FINISHED, 0 status lines",
        "length-too-large": "FINISHED, 1 status line, SUCCESS",
        "length-too-small": "refused (Labelbox answers MALFORMED_REQUEST)",
        "row-errors": "feature: FAILURE (ValidationError); data row: FAILURE (DataRowNotFound)",
        "file-address": "the same address",
        "limit-headers": "none",
        "status-words": "FAILURE, SUCCESS",
        "deletion": "6 imports deleted; the look-up finds none of them; "
        "the API does not say whether their pre-labels are gone",
    }
    assert all(answer.good for answer in answers.values())
    assert place.created() == MAX_IMPORTS


@pytest.mark.parametrize(("mode", "found"), [("newest", "the newer"), ("oldest", "the older")])
def test_names_that_coexist_are_told_apart_and_both_deleted(place: Place, mode: str, found: str) -> None:
    place.sandbox.control("POST", "/settings", {"duplicateNames": mode})

    answers = place.ask()

    assert answers["same-name"].answered == f"accepted as another import; the look-up finds {found}"
    assert answers["deletion"].answered.startswith("7 imports deleted; the look-up finds none of them")


def test_a_server_that_refuses_a_length_that_is_too_large_is_detected(place: Place) -> None:
    place.sandbox.control("POST", "/settings", {"strictContentLength": True})

    assert place.ask()["length-too-large"].answered == "refused (Labelbox answers MALFORMED_REQUEST)"


def test_no_answer_holds_a_key_a_name_or_a_payload(place: Place) -> None:
    text = str(place.ask())

    for secret in ("a-key", "scratch-1", PREFIX, "bbox", place.id):
        assert secret not in text


def test_an_error_name_that_is_not_a_word_is_not_printed(place: Place) -> None:
    """The error's name contains data that was sent."""
    place.fault("row-failure", error="the bbox on scratch-1 is odd")

    (only,) = place.ask().values()
    assert only.answered == "not taken: FINISHED, 1 status line, FAILURE (not a word)"


def test_a_first_pre_label_that_is_refused_ends_the_questions(place: Place) -> None:
    answers = place.ask("not-in-the-project")

    (only,) = answers.values()
    assert not only.good
    assert only.answered == "not taken: FINISHED, 1 status line, FAILURE (DataRowNotFound)"


def test_a_first_import_that_fails_as_a_whole_says_the_shape_of_its_error_file(place: Place) -> None:
    place.fault("failed-import")

    (only,) = place.ask().values()
    assert only.answered == "not taken: FAILED; keys in the error file: error"


def test_an_import_that_does_not_end_is_given_up_and_deleted(place: Place) -> None:
    place.fault("stuck-running", seconds=60)

    (only,) = place.ask(wait_seconds=0.5).values()
    assert only.answered == "no answer: still RUNNING after 0.5 s"


@pytest.mark.parametrize(
    "fault",
    [
        {"name": "accept-then-time-out", "cut": True},
        {"name": "accept-then-time-out", "status": 504},
        {"name": "reset"},
        {"name": "500", "operations": "create"},
        {"name": "graphql-error", "operations": "create"},
    ],
    ids=str,
)
def test_an_upload_whose_answer_is_lost_is_deleted_all_the_same(place: Place, fault: dict[str, Any]) -> None:
    place.fault(**fault)

    answers = place.ask()
    assert answers["first-import"].answered.startswith("no answer")


def test_an_upload_that_takes_effect_late_is_still_found(place: Place) -> None:
    """The name is looked for as long as the server may act on it."""
    scratch = place.scratch(server_limit_seconds=4)
    late = Labelbox(f"{place.sandbox.url}/graphql", "a-key", 0.3)
    scratch.labelbox = late
    place.fault("latency", latency=2, operations="create")
    with pytest.raises(OutcomeUnknown), scratch:
        scratch.make(scratch.name("late"), b"")
    late.close()

    assert scratch.remaining == []
    assert scratch.deleted == 1


def test_a_step_that_fails_in_the_middle_does_not_end_the_others(place: Place) -> None:
    with place.scratch() as scratch:
        answers = []
        for answer in Interview(scratch, place.probe()).run():
            answers.append(answer)
            if answer.question == "same-name":
                place.fault("accept-then-time-out", cut=True)

    assert [answer.question for answer in answers if not answer.good] == ["same-uuid-again"]
    assert answers[-1].question == "deletion"
    assert scratch.remaining == []


def test_being_told_to_slow_down_stops_the_questions(place: Place) -> None:
    with place.scratch() as scratch:
        answers = []
        for answer in Interview(scratch, place.probe()).run():
            answers.append(answer)
            if answer.question == "empty-file":
                place.fault("429", operations="create")

    assert [answer.answered.split(":")[0] for answer in answers[-1:]] == ["stopped"]
    assert answers[-1].question == "length-too-large"


def test_an_interruption_deletes_what_was_made(place: Place) -> None:
    scratch = place.scratch()

    def interrupted() -> None:
        with scratch:
            for answer in Interview(scratch, place.probe()).run():
                if answer.question == "same-uuid-in-file":
                    raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()

    assert scratch.deleted == 3
    assert scratch.remaining == []


def test_an_upload_that_was_interrupted_after_it_arrived_is_deleted(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = place.labelbox.create_import

    def interrupted(*args: Any, **options: Any) -> None:
        upload(*args, **options)
        raise KeyboardInterrupt

    monkeypatch.setattr(place.labelbox, "create_import", interrupted)
    scratch = place.scratch()
    with pytest.raises(KeyboardInterrupt), scratch:
        scratch.make(scratch.name("cut"), b"")

    assert (scratch.remaining, scratch.deleted) == ([], 1)


def test_deleting_continues_through_a_short_outage(place: Place) -> None:
    with place.scratch() as scratch:
        scratch.make(scratch.name("one"), b"")
        scratch.make(scratch.name("two"), b"")
        place.sandbox.control("POST", "/faults", {"fault": "503", "times": 4})

    assert (scratch.remaining, scratch.deleted) == ([], 2)


def test_deleting_continues_without_a_redis_that_counts(place: Place) -> None:
    nowhere = redis.Redis(unix_socket_path="/nonexistent/redis.sock")
    with place.scratch() as scratch:
        scratch.make(scratch.name("one"), b"")
        scratch.pacer = Pacer(Permits(nowhere, "x", "a", 100, 10))

    assert (scratch.remaining, scratch.deleted) == ([], 1)


def test_imports_that_could_not_be_deleted_are_named(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("prelabel_worker.doctor.live.scratch._CLEAN_SECONDS", 0.5)
    with place.scratch() as scratch:
        name = scratch.name("one")
        scratch.make(name, b"")
        place.sandbox.control("POST", "/faults", {"fault": "503", "seconds": 60})

    assert scratch.remaining == [name]
    assert name.startswith(f"{PREFIX}-")
    place.sandbox.control("DELETE", "/faults")
    assert place.imports() == [name]
    assert scratch.clean() == []
