"""Feature schemas: created alone, changed, and put into ontologies. The SDK does most of it by REST."""

from tests.sandbox.sdk.session import Session, operation, raises


@operation("then: upsert_feature_schema, get_feature_schema, create_feature_schema, get_feature_schemas by name")
def features(session: Session) -> None:
    lb, client = session.lb, session.client
    tool = lb.Tool(tool=lb.Tool.Type.POINT, name="Buoy", color="#ff0000")
    made = client.upsert_feature_schema(tool.asdict())
    assert (made.name, made.normalized["tool"], made.normalized["color"]) == ("Buoy", "point", "#ff0000")
    assert client.get_feature_schema(made.uid).normalized == made.normalized
    tool.feature_schema_id, tool.color = made.uid, "#00ff00"
    changed = client.upsert_feature_schema(tool.asdict())
    assert changed.uid == made.uid
    assert changed.normalized == {**made.normalized, "color": "#00ff00"}
    radio = lb.Classification(
        class_type=lb.Classification.Type.RADIO, name="buoyant", options=[lb.Option("yes"), lb.Option("no")]
    )
    alone = client.create_feature_schema(radio.asdict())
    assert [option["label"] for option in alone.normalized["options"]] == ["yes", "no"]
    session.features = [made, alone]
    assert {each.uid for each in client.get_feature_schemas("BUOY")} == {made.uid, alone.uid}
    boat = session.ontology.normalized["tools"][0]
    assert client.get_feature_schema(boat["featureSchemaId"]).normalized == boat, "features of ontologies are there too"
    with raises(session.errors.LabelboxError, "nowhere"):
        client.upsert_feature_schema({**tool.asdict(), "featureSchemaId": "nowhere"})


@operation("then: create_ontology_from_feature_schemas, insert_feature_schema_into_ontology")
def ontology_from_features(session: Session) -> None:
    lb, client = session.lb, session.client
    ids = [each.uid for each in session.features]
    made = client.create_ontology_from_feature_schemas("buoys", ids, media_type=lb.MediaType.Image)
    assert [node["featureSchemaId"] for node in made.normalized["tools"]] == ids[:1]
    assert [node["featureSchemaId"] for node in made.normalized["classifications"]] == ids[1:]
    assert made.normalized["classifications"] == [session.features[1].normalized]
    boat = session.ontology.normalized["tools"][0]["featureSchemaId"]
    for position, order in ((0, [boat, ids[0]]), (1, [ids[0], boat])):
        client.insert_feature_schema_into_ontology(boat, made.uid, position)
        tools = client.get_ontology(made.uid).normalized["tools"]
        assert [node["featureSchemaId"] for node in tools] == order
    assert client.is_feature_schema_archived(made.uid, boat) is False
    session.buoys = made


@operation("then: update_feature_schema_title, also in the ontologies that have it")
def rename(session: Session) -> None:
    client, (buoy, _) = session.client, session.features
    assert client.update_feature_schema_title(buoy.uid, "Mark").normalized["name"] == "Mark"
    assert client.get_ontology(session.buoys.uid).normalized["tools"][0]["name"] == "Mark"
    for feature, title in ((buoy.uid, ""), ("nowhere", "Mark")):
        with raises(session.errors.LabelboxError):
            client.update_feature_schema_title(feature, title)


@operation("then: delete_feature_schema_from_ontology, unarchive_feature_schema_node: archived if there are labels")
def remove(session: Session) -> None:
    client, ids = session.client, [each.uid for each in session.features]
    removed = client.delete_feature_schema_from_ontology(session.buoys.uid, ids[1])
    assert (removed.archived, removed.deleted) == (False, True)
    assert client.get_ontology(session.buoys.uid).normalized["classifications"] == []
    ontology, boat = session.ontology.uid, session.ontology.normalized["tools"][0]["featureSchemaId"]
    removed = client.delete_feature_schema_from_ontology(ontology, boat)
    assert (removed.archived, removed.deleted) == (True, False)
    assert client.is_feature_schema_archived(ontology, boat) is True
    client.unarchive_feature_schema_node(ontology, boat)
    assert client.is_feature_schema_archived(ontology, boat) is False
    with raises(session.errors.LabelboxError, "has no feature schema nowhere"):
        client.delete_feature_schema_from_ontology(ontology, "nowhere")


@operation("then: delete_unused_feature_schema, delete_unused_ontology, get_unused_ontologies and _feature_schemas")
def delete(session: Session) -> None:
    client, error, (buoy, _) = session.client, session.errors.LabelboxError, session.features
    with raises(error, "it is used in ontologies"):
        client.delete_unused_feature_schema(buoy.uid)
    with raises(error, f"The ontology is connected to projects: {session.project.uid}"):
        client.delete_unused_ontology(session.ontology.uid)
    assert session.buoys.uid in client.get_unused_ontologies()
    assert session.ontology.uid not in client.get_unused_ontologies()
    client.delete_unused_ontology(session.buoys.uid)
    assert buoy.uid in client.get_unused_feature_schemas()
    client.delete_unused_feature_schema(buoy.uid)
    with raises(error, "Feature schema is already deleted"):
        client.delete_unused_feature_schema(buoy.uid)
    with raises(error, "Cannot find root schema node with feature schema id nowhere"):
        client.delete_unused_feature_schema("nowhere")
