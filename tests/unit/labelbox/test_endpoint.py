"""Labelbox's endpoint: two addresses of one host, whatever the URL looks like."""

import pytest

from prelabel_worker.labelbox.endpoint import Endpoint


@pytest.mark.parametrize(
    ("text", "batches"),
    [
        ("https://api.labelbox.com/graphql", "https://api.labelbox.com/_gql"),
        ("http://graphql.localhost/graphql", "http://graphql.localhost/_gql"),
        ("https://graphql/graphql", "https://graphql/_gql"),
        ("https://h:8443/graphql/proxy/graphql/?to=/graphql", "https://h:8443/graphql/proxy/_gql/?to=/graphql"),
        ("https://h/api", "https://h/api"),
        ("https://h/graphql/v2", "https://h/graphql/v2"),
        ("https://[2001:db8::1]:1/graphql", "https://[2001:db8::1]:1/_gql"),
    ],
)
def test_only_the_last_part_of_the_path_differs_between_the_two_addresses(text: str, batches: str) -> None:
    endpoint = Endpoint.parse(text)

    assert (endpoint.queries, endpoint.batches) == (text, batches)


@pytest.mark.parametrize(
    "text",
    [
        "https://api.labelbox.com@elsewhere.example/graphql",
        "https://elsewhere.example\\@api.labelbox.com/graphql",
        "https://api.labelbox.com/graphql#_gql",
        "https://api.labelbox.com\t.elsewhere.example/graphql",
        "https://läbelbox.com/graphql",
        "ftp://api.labelbox.com/graphql",
        "https://host:0/graphql",
        "//api.labelbox.com/graphql",
    ],
)
def test_an_ambiguous_url_is_not_an_endpoint(text: str) -> None:
    with pytest.raises(ValueError, match="expected https://host/graphql") as error:
        Endpoint.parse(text)

    assert text not in str(error.value)
