"""All six steps for the media whose `row_data` is an object, as the vendor's guides and notebooks do them."""

from collections.abc import Iterable, Mapping
from typing import Any

from tests.sandbox.sdk.session import Session, operation, raises
from tests.support.row_data import DOCUMENT, EVALUATION, SDK_TILES, TALK, TILES


def six_steps(
    session: Session, key: str, row: Mapping[str, Any], ontology: Any, project: Any, annotations: Iterable[Any]
) -> list[dict[str, Any]]:
    """Add a data row, connect ontology and project, make a batch, import; return the pre-labels of the project."""
    dataset = session.client.create_dataset(name=key)
    task = dataset.create_data_rows([{**row, "global_key": key}])
    task.wait_till_done()
    assert (task.status, task.errors) == ("COMPLETE", None)
    project.connect_ontology(ontology)
    assert project.ontology().uid == ontology.uid
    project.create_batch(key, global_keys=[key])
    label = session.types.Label(data={"global_key": key}, annotations=list(annotations))
    job = session.mal.create_from_objects(session.client, project.uid, key, [label])
    job.wait_till_done(sleep_time_seconds=0)
    assert job.errors == []
    assert {each["status"] for each in job.statuses} == {"SUCCESS"}
    return session.pre_labels(project.uid)  # type: ignore[no-any-return]


@operation("1.–6. a PDF with a text layer: boxes and entities")
def document(session: Session) -> None:
    lb, types = session.lb, session.types
    tools = [lb.Tool(tool=lb.Tool.Type.BBOX, name="entry"), lb.Tool(tool=lb.Tool.Type.NER, name="ship")]
    media_type = lb.MediaType.Document
    ontology = session.client.create_ontology("D", lb.OntologyBuilder(tools=tools).asdict(), media_type=media_type)
    box = types.DocumentRectangle(
        start=types.Point(x=72, y=113), end=types.Point(x=470, y=147), page=1, unit=types.RectangleUnit.POINTS
    )
    tokens = types.DocumentEntity(
        text_selections=[types.DocumentTextSelection(token_ids=["t-2", "t-3"], group_id="g-4", page=1)]
    )
    lines = six_steps(
        session,
        "sdk-document",
        {"row_data": DOCUMENT, "media_type": "PDF"},
        ontology,
        session.client.create_project(name="D", media_type=media_type),
        [types.ObjectAnnotation(name="entry", value=box), types.ObjectAnnotation(name="ship", value=tokens)],
    )
    assert {line["name"] for line in lines} == {"entry", "ship"}


@operation("1.–6. a tile layer with bounds, by TiledImageData and as a dict: points and boxes in degrees")
def tiles(session: Session) -> None:
    lb, types = session.lb, session.types
    layer = types.TileLayer(url=SDK_TILES["tileLayerUrl"])
    corners = [types.Point(x=x, y=y) for x, y in SDK_TILES["bounds"]]
    data = types.TiledImageData(
        tile_layer=layer,
        tile_bounds=types.TiledBounds(epsg=types.EPSG.EPSG4326, bounds=corners),
        zoom_levels=(17, 23),
        alternative_layers=[types.TileLayer(url=SDK_TILES["alternativeLayers"][0]["tileLayerUrl"])],
    )
    assert data.asdict() == SDK_TILES
    tools = [lb.Tool(tool=lb.Tool.Type.POINT, name="bollard"), lb.Tool(tool=lb.Tool.Type.BBOX, name="quay")]
    media_type = lb.MediaType.Geospatial_Tile
    ontology = session.client.create_ontology("T", lb.OntologyBuilder(tools=tools).asdict(), media_type=media_type)
    point = types.Point(x=8.7021, y=53.8699)
    quay = types.Rectangle(start=types.Point(x=8.7011, y=53.8688), end=types.Point(x=8.7049, y=53.8702))
    for key, row_data in (("sdk-tiles", data.asdict()), ("sdk-tiles-as-a-dict", TILES)):
        lines = six_steps(
            session,
            key,
            {"row_data": row_data, "media_type": "TMS_GEO"},
            ontology,
            session.client.create_project(name=key, media_type=media_type),
            [types.ObjectAnnotation(name="bollard", value=point), types.ObjectAnnotation(name="quay", value=quay)],
        )
        assert {line["name"] for line in lines} == {"bollard", "quay"}


@operation("1.–6. a conversation: entities, and answers about messages")
def conversation(session: Session) -> None:
    lb, types = session.lb, session.types
    topics = lb.Classification(
        class_type=lb.Classification.Type.CHECKLIST,
        scope=lb.Classification.Scope.INDEX,
        name="topics",
        options=[lb.Option(value="berth")],
    )
    builder = lb.OntologyBuilder(tools=[lb.Tool(tool=lb.Tool.Type.NER, name="berth")], classifications=[topics])
    media_type = lb.MediaType.Conversational
    lines = six_steps(
        session,
        "sdk-conversation",
        {"row_data": TALK, "media_type": "CONVERSATIONAL"},
        session.client.create_ontology("C", builder.asdict(), media_type=media_type),
        session.client.create_project(name="C", media_type=media_type),
        [
            types.ObjectAnnotation(name="berth", value=types.ConversationEntity(start=0, end=6, message_id="m-2")),
            types.ClassificationAnnotation(
                name="topics",
                message_id="m-1",
                value=types.Checklist(answer=[types.ClassificationAnswer(name="berth")]),
            ),
        ],
    )
    assert {line["messageId"] for line in lines} == {"m-1", "m-2"}


@operation("1.–6. an offline multimodal chat: its ontology kind, its project, selections and rankings")
def offline_chat(session: Session) -> None:
    lb, types = session.lb, session.types
    kinds = lb.Tool.Type
    tools = [
        lb.Tool(tool=kinds.MESSAGE_SINGLE_SELECTION, name="best reply"),
        lb.Tool(tool=kinds.MESSAGE_MULTI_SELECTION, name="usable replies"),
        lb.Tool(tool=kinds.MESSAGE_RANKING, name="reply order"),
    ]
    reply = {"message_id": "r-1", "model_config_name": "tide-7b"}
    tasks = {
        "best reply": types.MessageSingleSelectionTask(**reply, parent_message_id="q-1"),
        "usable replies": types.MessageMultiSelectionTask(
            selected_messages=[types.MessageInfo(**reply)], parent_message_id="q-1"
        ),
        "reply order": types.MessageRankingTask(
            ranked_messages=[types.OrderedMessageInfo(**reply, order=1)], parent_message_id="q-1"
        ),
    }
    ontology = session.client.create_ontology(
        "M",
        lb.OntologyBuilder(tools=tools).asdict(),
        media_type=lb.MediaType.Conversational,
        ontology_kind=lb.OntologyKind.ModelEvaluation,
    )
    project = session.client.create_offline_model_evaluation_project(name="M")
    lines = six_steps(
        session,
        "sdk-chat",
        {"row_data": EVALUATION},
        ontology,
        project,
        [types.MessageEvaluationTaskAnnotation(name=name, value=value) for name, value in tasks.items()],
    )
    assert {line["name"] for line in lines} == tasks.keys()
    assert session.client.get_project(project.uid).editor_task_type.value == "OFFLINE_MODEL_CHAT_EVALUATION"


@operation("3. an ontology of another kind is not connected to a project of chats, nor one of chats to another")
def kinds_of_ontologies(session: Session) -> None:
    lb = session.lb
    media_type = lb.MediaType.Conversational
    ordinary = session.client.create_ontology("O", {"tools": [], "classifications": []}, media_type=media_type)
    of_chats = session.client.create_ontology(
        "M", {"tools": [], "classifications": []}, media_type=media_type, ontology_kind=lb.OntologyKind.ModelEvaluation
    )
    live = session.client.create_model_evaluation_project(name="live")
    live.connect_ontology(of_chats)
    offline = session.client.create_offline_model_evaluation_project(name="offline")
    for project, ontology in (
        (offline, ordinary),
        (session.client.create_project(name="C", media_type=media_type), of_chats),
    ):
        with raises(session.errors.MalformedQueryException, "needs an ontology with"):
            project.connect_ontology(ontology)


@operation("1. media types that do not exist, and row data of another medium, become failed rows")
def wrong_rows(session: Session) -> None:
    rows = [
        {"row_data": "https://cdn.example/a.jpg", "global_key": "bad-media", "media_type": "IMAGES"},
        {"row_data": TALK, "global_key": "bad-content", "media_type": "IMAGE"},
        {"row_data": {"invalid_object": "invalid_value"}, "global_key": "bad-object"},
        {"row_data": {**TILES, "epsg": "EPSG1"}, "global_key": "bad-tiles"},
    ]
    task = session.dataset.create_data_rows(rows)
    task.wait_till_done()
    found = {row["globalKey"]: each["message"] for each in task.failed_data_rows for row in each["failedDataRows"]}
    assert "Found invalid media type: 'IMAGES'. Did you mean IMAGE?" in found["bad-media"]
    assert "Found invalid contents for media type: 'IMAGE'" in found["bad-content"]
    assert "detected: application/json" in found["bad-object"]
    assert "row_data.epsg" in found["bad-tiles"]
