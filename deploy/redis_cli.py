"""Stand in for `redis-cli` on machines without one: `redis_cli.py -p PORT [-a PASSWORD] COMMAND …`.

The packaged server has no redis-cli, which the health check of the compose file uses.
"""

import argparse
import os
import sys

import redis


def main() -> int:
    """Send one command to this machine and print the answer or the error; exit code 1 if there is no connection."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-p", type=int, dest="port")
    parser.add_argument("-a", default=os.environ.get("REDISCLI_AUTH"), dest="password")
    parser.add_argument("command", nargs=argparse.REMAINDER)
    options = parser.parse_args()
    client = redis.Redis(port=options.port, password=options.password, decode_responses=True, socket_timeout=5)
    try:
        answer = client.execute_command(*options.command)  # type: ignore[no-untyped-call]
    except redis.AuthenticationError as error:  # a ConnectionError in redis-py; redis-cli prints it
        answer = f"(error) {error}"
    except (redis.ConnectionError, redis.TimeoutError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    except redis.ResponseError as error:
        answer = f"(error) {error}"
    finally:
        client.close()
    # redis-py turns the answer to PING into True.
    sys.stdout.write(f"{'PONG' if answer is True else answer}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
