# A worker, and the sandbox for those without an account. No container engine has run this file yet; what stands in for
# one is `make deploy-check`, see docs/how-to/deploy-with-containers.md.
#
# Pinned to a version, not to a digest: none could be looked up where this was written. To pin one:
#   docker build --build-arg BASE=python:3.12.12-slim-bookworm@sha256:… .
ARG BASE=python:3.12.12-slim-bookworm

# In two steps, so that the image holds neither the sources nor what builds them.
FROM ${BASE} AS build
WORKDIR /source
COPY pyproject.toml constraints.txt README.md LICENSE CHANGELOG.md ./
COPY producers producers
COPY worker worker
COPY sandbox sandbox
# Without a pip of its own: nothing is ever installed into the finished environment.
RUN python -m venv --without-pip /opt/prelabel \
 && pip --python /opt/prelabel/bin/python install --no-cache-dir --disable-pip-version-check \
    --constraint constraints.txt '.[worker,sandbox]'

FROM ${BASE}
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="prelabel" \
      org.opencontainers.image.description="Stream model predictions into Labelbox pre-labels" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.licenses="Apache-2.0"
# The folder's owner becomes the owner of a new volume that is mounted there.
RUN useradd --uid 10001 --create-home prelabel \
 && install --directory --owner=10001 --group=10001 /var/lib/prelabel
COPY --from=build /opt/prelabel /opt/prelabel
ENV PATH=/opt/prelabel/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    PRELABEL_LOG_FORMAT=json
# A number, so that Kubernetes can see that it is not root.
USER 10001:10001
WORKDIR /home/prelabel
STOPSIGNAL SIGTERM
# Progress, not a process id: a worker that lives and hangs is not healthy. Exit code 4 (Redis is away) counts too; what
# to do about it is for whoever reads it, see docs/how-to/deploy-with-containers.md.
HEALTHCHECK --interval=30s --timeout=15s --start-period=30s --retries=2 CMD ["prelabel", "healthy"]
ENTRYPOINT ["prelabel"]
CMD ["worker", "--concurrency", "2"]
