"""Steps 2 and 3: ontology and project."""

from tests.sandbox.sdk.session import Session, operation, raises


@operation("2. create_ontology of tools, nested classifications and options")
def create_ontology(session: Session) -> None:
    lb = session.lb
    radio = lb.Classification(
        class_type=lb.Classification.Type.RADIO,
        name="flag",
        options=[lb.Option(value="red", label="red"), lb.Option(value="green", label="green")],
    )
    tool = lb.Tool(tool=lb.Tool.Type.BBOX, name="boat", classifications=[radio])
    weather = lb.Classification(class_type=lb.Classification.Type.TEXT, name="weather")
    builder = lb.OntologyBuilder(
        tools=[tool, lb.Tool(tool=lb.Tool.Type.RELATIONSHIP, name="tows")], classifications=[weather]
    )
    session.ontology = session.client.create_ontology("harbour", builder.asdict(), media_type=lb.MediaType.Image)
    boat = session.ontology.normalized["tools"][0]
    nodes = [boat, boat["classifications"][0], *boat["classifications"][0]["options"]]
    nodes += session.ontology.normalized["classifications"]
    ids = [node[key] for node in nodes for key in ("schemaNodeId", "featureSchemaId")]
    assert len(set(ids)) == 10
    assert all(len(each) == 25 for each in ids)
    assert (session.ontology.object_schema_count, session.ontology.classification_schema_count) == (2, 1)


@operation("2. get_ontology, get_ontologies by name, OntologyBuilder.from_ontology")
def read_ontology(session: Session) -> None:
    found = session.client.get_ontology(session.ontology.uid)
    assert found.normalized == session.ontology.normalized
    listed = list(session.client.get_ontologies("HARB"))
    assert session.ontology.uid in [each.uid for each in listed]
    built = session.lb.OntologyBuilder.from_ontology(found)
    assert built.tools[0].feature_schema_id == found.normalized["tools"][0]["featureSchemaId"]
    with raises(session.errors.ResourceNotFoundError):
        session.client.get_ontology("cunknown")


@operation("3. create_project, get_project, update")
def create_project(session: Session) -> None:
    media_type = session.lb.MediaType.Image
    session.project = session.client.create_project(name="P", description="boats", media_type=media_type)
    found = session.client.get_project(session.project.uid)
    assert (found.name, found.description, found.media_type) == ("P", "boats", media_type)
    assert found.auto_audit_number_of_labels == 3
    found.update(name="Port")
    assert session.client.get_project(session.project.uid).name == "Port"


@operation("3. connect_ontology; project.ontology answers the very ids")
def connect_ontology(session: Session) -> None:
    assert session.project.labeling_frontend() is None
    session.project.connect_ontology(session.ontology)
    assert session.project.labeling_frontend().name == "Editor"
    connected = session.project.ontology()
    assert (connected.uid, connected.normalized) == (session.ontology.uid, session.ontology.normalized)


@operation("3. connect_ontology again", since=7)
def connect_again(session: Session) -> None:
    session.project.connect_ontology(session.ontology)
    assert session.project.ontology().uid == session.ontology.uid


@operation("3. delete a project; an unknown one is not found")
def delete_project(session: Session) -> None:
    other = session.client.create_project(name="other", media_type=session.lb.MediaType.Text)
    other.delete()
    for unknown in (other.uid, "cunknown"):
        with raises(session.errors.ResourceNotFoundError):
            session.client.get_project(unknown)


@operation("3. enable_model_assisted_labeling: pre-labels are shown to labelers")
def show(session: Session) -> None:
    assert session.project.enable_model_assisted_labeling() is True
