# An image for workers, the console, the gateway, bridges, and for the sandbox. `make deploy-test` builds and runs it, see
# docs/how-to/deploy-with-containers.md.
#
# Pinned to a version, not to a digest, since no digest could be looked up when this was written. To pin a digest:
#   docker build --build-arg BASE=python:3.12.12-slim-bookworm@sha256:… .
ARG BASE=python:3.12.12-slim-bookworm

# In two stages, so that the image contains neither the sources nor the build tools.
FROM ${BASE} AS build
# The extras in the image; that of SQS is left out for its size. To add it: --build-arg EXTRAS=console,gateway,sqs
ARG EXTRAS=console,gateway,kafka,nats,sandbox
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE CHANGELOG.md ./
COPY producers producers
COPY worker worker
COPY sandbox sandbox
# Without pip, since nothing is installed into the finished environment.
RUN python -m venv --without-pip /opt/prelabel \
 && pip --python /opt/prelabel/bin/python install --no-cache-dir --disable-pip-version-check \
    --constraint constraints.txt ".[${EXTRAS}]"

FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="prelabel" \
      org.opencontainers.image.description="Stream model predictions into Labelbox pre-labels" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# The owner of this folder becomes the owner of a new volume that is mounted there.
RUN useradd --uid 10001 --create-home prelabel \
 && install --directory --owner=10001 --group=10001 /var/lib/prelabel
COPY --from=build /opt/prelabel /opt/prelabel
ENV PATH=/opt/prelabel/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PRELABEL_LOG_FORMAT=json
# A number, so that Kubernetes can check that it is not root.
USER 10001:10001
WORKDIR /home/prelabel
STOPSIGNAL SIGTERM
# Checks progress, since a worker can live and hang. Exit code 4 (Redis is down) counts as unhealthy too;
# docs/how-to/deploy-with-containers.md says how to react to it.
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s --retries=2 CMD ["prelabel", "healthy"]
ENTRYPOINT ["prelabel"]
CMD ["worker", "--concurrency", "2"]
