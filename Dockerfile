# A worker. No container engine has run this file yet. Built in two steps so that the image holds no build tools.
FROM python:3.12-slim AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE CHANGELOG.md constraints.txt ./
COPY producers producers
COPY worker worker
COPY sandbox sandbox
RUN python -m venv /opt/prelabel \
 && /opt/prelabel/bin/pip install --no-cache-dir --constraint constraints.txt '.[worker,sandbox]'

FROM python:3.12-slim
RUN useradd --create-home --uid 10001 prelabel
COPY --from=build /opt/prelabel /opt/prelabel
ENV PATH=/opt/prelabel/bin:$PATH PYTHONUNBUFFERED=1 PRELABEL_LOG_FORMAT=json
USER prelabel
WORKDIR /home/prelabel
# The worker ticks into Redis every 2 s; one that does not is not healthy, whatever its process says.
HEALTHCHECK --interval=15s --timeout=10s --start-period=20s \
  CMD prelabel status --json | python -c "import json, os, sys; host = os.uname().nodename; sys.exit(not any(w['host'] == host and w['seenSecondsAgo'] < 15 for w in json.load(sys.stdin)['workers']))"
STOPSIGNAL SIGTERM
ENTRYPOINT ["prelabel"]
CMD ["worker", "--concurrency", "2"]
