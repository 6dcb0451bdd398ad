"""What a Redis client is in our signatures: a `redis.Redis` that answers bytes.

redis-py's own types answer unions of str and bytes and of sync and async, which no setting of ours produces.
"""

from typing import Any

Client = Any
