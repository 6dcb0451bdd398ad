"""How Celery is told where its broker is: by our settings alone, with every server verified."""

import ssl

import pytest
from amqp.exceptions import AccessRefused, NotAllowed
from celery import Celery
from kombu.exceptions import OperationalError

from prelabel_worker.runtime import broker
from prelabel_worker.settings import load_settings


def app_of(url: str) -> Celery:
    app = Celery(set_as_current=False)
    app.conf.update(broker.configuration(load_settings(broker_url=url)))
    return app


def test_the_broker_of_another_application_in_the_environment_is_not_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CELERY_BROKER_URL", "redis://elsewhere:1/0")
    app = app_of("redis://:pw@ours:2/3")

    assert app.connection_for_read().as_uri() == "redis://ours:2/3"
    assert app.connection_for_write().as_uri() == "redis://ours:2/3"


def test_celery_shows_a_broker_without_its_password() -> None:
    shown = f"{app_of('redis://:s3cret@ours:2/3').connection_for_write()!r}"

    assert "redis://ours:2/3" in shown
    assert "s3cret" not in shown


def test_rabbitmq_under_tls_is_verified_by_its_name_unless_the_url_says_otherwise() -> None:
    def told(url: str) -> dict[str, object]:
        return broker.configuration(load_settings(broker_url=url))["broker_use_ssl"]  # type: ignore[no-any-return]

    verified = told("amqps://u:pw@localhost//")
    assert (verified["cert_reqs"], verified["server_hostname"]) == (ssl.CERT_REQUIRED, "localhost")
    assert told("amqps://u:pw@h//?ssl_cert_reqs=none")["cert_reqs"] == ssl.CERT_NONE
    assert "server_hostname" not in told("amqps://u:pw@h//?ssl_check_hostname=false")


def test_a_refusal_of_rabbitmq_has_a_remedy_also_when_kombu_wraps_it() -> None:
    wrapped = OperationalError("x")
    wrapped.__cause__ = AccessRefused("no")

    assert "check the user" in (broker.remedy(wrapped) or "")
    assert "check the virtual host" in (broker.remedy(NotAllowed("no vhost")) or "")
    assert broker.remedy(OperationalError("away")) is None
