"""spaCy finds ships, ports and times with rules, which need no weights, in a text with characters beyond 16 bits."""

import json

import spacy

from tests.frameworks.report import Output, place, release

TEXTS = {
    "report-1": "The tug Lisbeth 🚢 arrived at six\r\nat the north quay.",
    "report-2": "Fog.",
    "report-3": "Lisbeth left the north quay at nine; Lisbeth is late.",
}

if __name__ == "__main__":
    here = place()
    pipeline = spacy.blank("en")
    names = [
        {"label": "ship", "pattern": "Lisbeth"},
        {"label": "port", "pattern": [{"LOWER": "north"}, {"LOWER": "quay"}]},
    ]
    pipeline.add_pipe("entity_ruler").add_patterns(names)
    times = [{"label": "time", "pattern": [{"LOWER": {"IN": ["six", "nine"]}}]}]
    pipeline.add_pipe("span_ruler").add_patterns(times)
    documents, spans = [], 0
    for name, text in TEXTS.items():
        document = pipeline(text)
        document.cats = {"arrival": 0.75 if "arrived" in text else 0.25, "departure": 0.5}
        spans += len(document.ents) + len(document.spans["ruler"])
        documents.append(document.to_json() | {"id": name})
    (here.folder / "documents.jsonl").write_text("".join(json.dumps(one) + "\n" for one in documents), "utf-8")
    options = {"global_key": "{id}"}
    here.report(
        release("spacy"),
        Output("entities, spans and categories", spans, 3, "spacy", "documents.jsonl", "TEXT", options),
    )
