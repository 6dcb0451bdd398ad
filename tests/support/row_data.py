"""Objects as `row_data`, right ones and wrong ones; the command and the sandbox must agree on all of them."""

from copy import deepcopy
from dataclasses import dataclass
from typing import Any

CONVERSATION = "application/vnd.labelbox.conversational"
CHAT = "application/vnd.labelbox.conversational.model-chat-evaluation"


@dataclass(frozen=True)
class Good:
    """An object as the vendor's guides, tests or SDK write it."""

    name: str
    media_type: str
    row_data: dict[str, Any]

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True)
class Bad:
    """A good object with one change, and where the error must point."""

    name: str
    row_data: Any
    path: str

    def __str__(self) -> str:
        return self.name


DOCUMENT: dict[str, Any] = {
    "pdf_url": "https://assets.example.org/logbook.pdf",
    "text_layer_url": "https://assets.example.org/logbook-textlayer.json",
}
TILES: dict[str, Any] = {
    "tile_layer_url": "https://tiles.example.org/{z}/{x}/{y}.png",
    "bounds": [[53.8702, 8.7011], [53.8688, 8.7049]],
    "min_zoom": 12,
    "max_zoom": 20,
    "epsg": "EPSG4326",
}
TALK: dict[str, Any] = {
    "type": CONVERSATION,
    "version": 1,
    "messages": [
        {
            "messageId": "m-1",
            "timestampUsec": 1530718491,
            "content": "Which berth?",
            "user": {"userId": "pilot", "name": "Pilot"},
            "align": "left",
            "canLabel": False,
        },
        {"messageId": "m-2", "content": "Berth 4. ⚓", "user": {"userId": "tower", "name": "Tower"}, "canLabel": True},
    ],
}
EVALUATION: dict[str, Any] = {
    "type": CHAT,
    "version": 2,
    "actors": {
        "a-1": {"role": "human", "metadata": {"name": "User"}},
        "a-2": {"role": "model", "metadata": {"modelConfigName": "tide-7b", "modelConfigId": "09cfe5cb"}},
    },
    "messages": {
        "q-1": {
            "actorId": "a-1",
            "content": [{"type": "text", "content": "When is high water?"}],
            "childMessageIds": ["r-1"],
        },
        "r-1": {"actorId": "a-2", "content": [{"type": "text", "content": "At 14:20."}], "childMessageIds": []},
    },
    "rootMessageIds": ["q-1"],
}
#: What `TiledImageData.asdict()` of the SDK writes.
SDK_TILES: dict[str, Any] = {
    "tileLayerUrl": "https://tiles.example.org/{z}/{x}/{y}.png",
    "bounds": [[8.7011, 53.8702], [8.7049, 53.8688]],
    "minZoom": 17,
    "maxZoom": 23,
    "maxNativeZoom": None,
    "epsg": "EPSG4326",
    "tileSize": 256,
    "alternativeLayers": [{"tileLayerUrl": "https://other.example.org/{z}/{x}/{y}?token=t", "name": "default"}],
    "version": 2,
}
GOOD = [
    Good("document", "PDF", DOCUMENT),
    Good("document without a text layer", "DOCUMENT", {"pdf_url": "https://assets.example.org/logbook.pdf"}),
    Good("document in camel case", "PDF", {"pdfUrl": "https://a.example/x.pdf", "textLayerUrl": "gs://bucket/x.json"}),
    Good("address in capitals", "PDF", {"pdf_url": "HTTPS://ASSETS.example.org/x.pdf"}),
    Good("tiles", "TMS_GEO", TILES),
    Good("tiles of the SDK", "TMS_GEO", SDK_TILES),
    Good("tiles without zooms", "TMS_GEO", {key: value for key, value in TILES.items() if "zoom" not in key}),
    Good("plain tiles", "TMS_SIMPLE", TILES | {"epsg": "Simple", "bounds": [[0, 0], [4096, 2048.5]]}),
    Good("plain tiles of the SDK", "TMS_SIMPLE", SDK_TILES | {"epsg": "SIMPLEPIXEL", "bounds": [[0, 0], [900, 700]]}),
    Good("tiles in a file", "TMS_GEO", {"tile_layer_url": "https://assets.example.org/harbour.tif?sig=1"}),
    Good("conversation", "CONVERSATIONAL", TALK),
    Good("conversation without messages, with outputs of models", "CONVERSATIONAL", TALK | {
        "messages": [],
        "modelOutputs": [{"title": "Model", "content": "Berth 4.", "modelConfigName": "tide-7b"}],
    }),
    Good("chat", "CONVERSATIONAL", EVALUATION),
    Good("draft of a chat", "CONVERSATIONAL", {
        "type": CHAT, "draft": True, "rootMessageIds": ["root1"], "actors": {}, "messages": {},
    }),
]  # fmt: skip


def changed(row_data: dict[str, Any], path: str, value: Any = ...) -> dict[str, Any]:
    """Return the object with another value at a path such as `messages.0.user`, or without it."""
    copy: Any = deepcopy(row_data)
    *steps, last = (int(step) if step.isdigit() else step for step in path.split("."))
    holder = copy
    for step in steps:
        holder = holder[step]
    if value is ...:
        del holder[last]
    else:
        holder[last] = value
    return copy  # type: ignore[no-any-return]


BAD = [
    Bad("an empty object", {}, "row_data"),
    Bad("an object of no medium", {"invalid_object": "invalid_value"}, "row_data"),
    Bad("a type that does not exist", changed(TALK, "type", "conversation"), "row_data"),
    Bad("a text layer alone", changed(DOCUMENT, "pdf_url"), "row_data"),
    Bad("a number as an address", changed(DOCUMENT, "pdf_url", 7), "row_data.pdf_url"),
    Bad("an address that is null", changed(DOCUMENT, "pdf_url", None), "row_data.pdf_url"),
    Bad("an address without a host", changed(DOCUMENT, "pdf_url", "https:///x.pdf"), "row_data.pdf_url"),
    Bad("an address of another scheme", changed(DOCUMENT, "text_layer_url", "ftp://a/x"), "row_data.text_layer_url"),
    Bad("an address of S3", changed(DOCUMENT, "pdf_url", "s3://bucket/x.pdf"), "row_data.pdf_url"),
    Bad("a misspelt key", DOCUMENT | {"textlayer_url": "https://a.example/x"}, "row_data"),
    Bad("a key in two spellings", DOCUMENT | {"pdfUrl": "https://a.example/x"}, "row_data"),
    Bad("tiles with a key of documents", TILES | {"text_layer_url": "https://a.example/x"}, "row_data"),
    Bad("a layer without places", changed(TILES, "tile_layer_url", "https://a.example/1.png"),
        "row_data.tile_layer_url"),
    Bad("a layer without a zoom", changed(TILES, "tile_layer_url", "https://a.example/{x}/{y}.png"),
        "row_data.tile_layer_url"),
    Bad("no bounds", changed(TILES, "bounds"), "row_data.bounds"),
    Bad("one corner", changed(TILES, "bounds", [[53.8, 8.7]]), "row_data.bounds"),
    Bad("a corner of three numbers", changed(TILES, "bounds.0", [1, 2, 3]), "row_data.bounds[0]"),
    Bad("a corner of texts", changed(TILES, "bounds.1", ["1", "2"]), "row_data.bounds[1][0]"),
    Bad("a corner of truth", changed(TILES, "bounds.1.0", True), "row_data.bounds[1][0]"),
    Bad("equal corners", changed(TILES, "bounds", [[53.8, 8.7], [53.8, 8.8]]), "row_data.bounds"),
    Bad("longitude first", changed(TILES, "bounds", [[108.7, 53.8], [108.8, 53.9]]), "row_data.bounds[0][0]"),
    Bad("latitude first in version 2", SDK_TILES | {"bounds": [[53.8, 108.7], [53.9, 108.8]]},
        "row_data.bounds[0][1]"),
    Bad("no coordinate system", changed(TILES, "epsg"), "row_data.epsg"),
    Bad("a coordinate system that does not exist", changed(TILES, "epsg", "EPSG:4326"), "row_data.epsg"),
    Bad("a number of a coordinate system", changed(TILES, "epsg", 4326), "row_data.epsg"),
    Bad("a zoom below 0", changed(TILES, "min_zoom", -1), "row_data.min_zoom"),
    Bad("a zoom with a fraction", changed(TILES, "max_zoom", 20.5), "row_data.max_zoom"),
    Bad("zooms in the wrong order", changed(TILES, "min_zoom", 21), "row_data.min_zoom"),
    Bad("version 3", TILES | {"version": 3}, "row_data.version"),
    Bad("no size of tiles", TILES | {"tile_size": 0}, "row_data.tile_size"),
    Bad("a further layer without a name", changed(SDK_TILES, "alternativeLayers.0.name"),
        "row_data.alternativeLayers[0].name"),
    Bad("a further layer without an address", changed(SDK_TILES, "alternativeLayers.0.tileLayerUrl"),
        "row_data.alternativeLayers[0].tile_layer_url"),
    Bad("a conversation without a version", changed(TALK, "version"), "row_data.version"),
    Bad("a conversation of version 2", changed(TALK, "version", 2), "row_data.version"),
    Bad("messages by id in a conversation", changed(TALK, "messages", {}), "row_data.messages"),
    Bad("no messages", changed(TALK, "messages"), "row_data.messages"),
    Bad("251 messages", changed(TALK, "messages", [
        TALK["messages"][0] | {"messageId": f"m-{at}"} for at in range(251)
    ]), "row_data.messages"),
    Bad("one id twice", changed(TALK, "messages.1.messageId", "m-1"), "row_data.messages[1].messageId"),
    Bad("a message without an id", changed(TALK, "messages.0.messageId"), "row_data.messages[0].messageId"),
    Bad("a message without content", changed(TALK, "messages.0.content"), "row_data.messages[0].content"),
    Bad("a message of 10,001 characters", changed(TALK, "messages.0.content", "a" * 10_001),
        "row_data.messages[0].content"),
    Bad("a message of nobody", changed(TALK, "messages.0.user"), "row_data.messages[0].user"),
    Bad("a user without a name", changed(TALK, "messages.0.user.name"), "row_data.messages[0].user.name"),
    Bad("a user as a text", changed(TALK, "messages.0.user", "Pilot"), "row_data.messages[0].user"),
    Bad("another side", changed(TALK, "messages.0.align", "top"), "row_data.messages[0].align"),
    Bad("a text as truth", changed(TALK, "messages.0.canLabel", "yes"), "row_data.messages[0].canLabel"),
    Bad("a misspelt key of a message", changed(TALK, "messages.0.canLabels", True), "row_data.messages[0].canLabels"),
    Bad("a chat of version 1", changed(EVALUATION, "version", 1), "row_data.version"),
    Bad("a list of messages in a chat", changed(EVALUATION, "messages", []), "row_data.messages"),
    Bad("a chat without actors", changed(EVALUATION, "actors"), "row_data.actors"),
    Bad("another role", changed(EVALUATION, "actors.a-2.role", "robot"), "row_data.actors.a-2.role"),
    Bad("an actor that does not exist", changed(EVALUATION, "messages.r-1.actorId", "a-9"),
        "row_data.messages.r-1.actorId"),
    Bad("a reply that does not exist", changed(EVALUATION, "messages.q-1.childMessageIds", ["r-9"]),
        "row_data.messages.q-1.childMessageIds[0]"),
    Bad("a first message that does not exist", changed(EVALUATION, "rootMessageIds", ["q-9"]),
        "row_data.rootMessageIds[0]"),
    Bad("content as a text in a chat", changed(EVALUATION, "messages.q-1.content", "Hello"),
        "row_data.messages.q-1.content"),
    Bad("a part without a type", changed(EVALUATION, "messages.q-1.content.0.type"),
        "row_data.messages.q-1.content[0].type"),
    Bad("a part without its text", changed(EVALUATION, "messages.q-1.content.0.content"),
        "row_data.messages.q-1.content[0].content"),
]  # fmt: skip
