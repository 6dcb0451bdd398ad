"""The guide about bridges works as it stands."""

import re
import shlex

import redis

from tests.support.bridging import Bridges
from tests.support.sources import ROOT

PAGE = (ROOT / "docs/how-to/bridge-brokers.md").read_text("utf-8")


def test_the_example_of_a_stream_publishes_its_record(bridges: Bridges, client: "redis.Redis") -> None:
    (mapping,) = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)
    (write, bridge) = re.findall(r"^\$ (.*)$", PAGE, re.MULTILINE)
    bridges.mapping.write_text(mapping.replace("demo-project", "p"))
    stream = f"{bridges.prefix}:detections"
    _, _, _, name, field, value = shlex.split(write)
    assert name == "*"
    client.xadd(stream, {field: value})
    words = shlex.split(bridge.replace("--mapping mapping.toml", "").replace(" detections", f" {stream}"))

    bridges.run(*words[2:])

    (message,) = bridges.messages()
    assert message["dataRow"] == {"globalKey": "cam-1/000184.jpg"}
    assert message["model"] == {"name": "yolo-11s"}
    assert [(each["name"], each["bbox"]) for each in message["annotations"]] == [
        ("vessel", {"left": 10, "top": 20, "width": 50, "height": 60})
    ]
