"""Environments of peers: made once, and a reason when pip cannot install what they need."""

from pathlib import Path

import pytest

from benchmarks import peers
from benchmarks.peers import NoPeer, Peer, installed


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(peers, "FOLDER", tmp_path)
    return tmp_path


@pytest.mark.slow
def test_a_peer_that_pip_cannot_install_says_why_and_is_not_installed() -> None:
    peer = Peer("nothing", ("--no-such-option",))

    with pytest.raises(NoPeer, match=r"nothing cannot be installed: .*no such option"):
        installed(peer)

    assert not peer.is_installed()


def test_an_environment_is_made_once_for_the_same_requirements() -> None:
    peer = Peer("one", ("celery-batches==0.11", "orjson<4"))
    peer.python.parent.mkdir(parents=True)
    peer.python.touch()
    assert not peer.is_installed()  # pip was ended before it was done

    peer.note.write_text("celery-batches==0.11\norjson<4", "utf-8")

    assert installed(peer) == peer.python
    assert not Peer("one", ("celery-batches==0.12", "orjson<4")).is_installed()
