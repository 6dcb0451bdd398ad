"""Say of short texts whether they are glad or angry, with VADER, and publish it as a radio with its confidence.

pip install vaderSentiment
python examples/models/sentiment.py [PROJECT]
"""

import sys
from collections.abc import Iterator
from typing import Any

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from prelabel import Publisher

TEXTS = {
    "reviews/1": "The pilot was friendly and the berth was great. Thank you!",
    "reviews/2": "Terrible crane, our deck load was damaged and nobody apologised.",
    "reviews/3": "The tug arrived at six.",
}


def messages(project_id: str) -> Iterator[dict[str, Any]]:
    """Yield a message for each text."""
    model = SentimentIntensityAnalyzer()
    for key, text in TEXTS.items():
        compound = model.polarity_scores(text)["compound"]  # from -1 to 1
        feeling = "glad" if compound >= 0.05 else "angry" if compound <= -0.05 else "neutral"
        yield {
            "projectId": project_id,
            "dataRow": {"globalKey": key},
            "model": {"name": "vader", "version": "3.3"},
            "annotations": [{"name": "feeling", "answer": {"name": feeling}, "confidence": abs(compound)}],
        }


if __name__ == "__main__":
    with Publisher() as publisher:
        for message in messages(*sys.argv[1:2] or ["sentiment"]):
            publisher.publish(message)
