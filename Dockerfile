# syntax=docker/dockerfile:1
# Two stages: the first builds the browser's bundle and a virtual environment, the second only runs it.
# The result runs as an unprivileged user, works with a read-only root, and writes to /data and to nothing else.

FROM python:3.13-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_NO_INPUT=1
WORKDIR /src

COPY requirements.txt requirements-build.txt requirements-node.txt ./
RUN python -m venv /opt/sottovoce \
 && /opt/sottovoce/bin/pip install --require-hashes --only-binary :all: -r requirements.txt
RUN python -m venv .venv \
 && .venv/bin/pip install --require-hashes --only-binary :all: -r requirements-build.txt -r requirements-node.txt

COPY .ci/with-node .ci/with-node
COPY service/server/client service/server/client
RUN .ci/with-node npm --prefix service/server/client ci --silent \
 && .ci/with-node npm --prefix service/server/client run --silent build

COPY pyproject.toml README.md LICENSE ./
COPY crypto crypto
COPY abuse abuse
COPY polls polls
COPY service service
# A wheel, not a link to the source: the second stage has no source folder. The build tools stay in this stage.
RUN .venv/bin/pip wheel --no-build-isolation --no-deps --wheel-dir /wheel . \
 && /opt/sottovoce/bin/pip install --no-deps --no-index /wheel/*.whl \
 && /opt/sottovoce/bin/pip uninstall --yes pip

FROM python:3.13-slim-bookworm
RUN groupadd --gid 10001 sottovoce \
 && useradd --uid 10001 --gid sottovoce --no-create-home --home-dir /data --shell /usr/sbin/nologin sottovoce \
 && install --directory --owner=sottovoce --group=sottovoce --mode=0700 /data
COPY --from=build /opt/sottovoce /opt/sottovoce
ENV PATH=/opt/sottovoce/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    SOTTOVOCE_DATA=/data \
    SOTTOVOCE_HOST=0.0.0.0 \
    SOTTOVOCE_PORT=8080
USER sottovoce
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as r; r.urlopen('http://127.0.0.1:' + os.environ['SOTTOVOCE_PORT'] + '/v1/server', timeout=4).close()"]
ENTRYPOINT ["sottovoce"]
CMD ["serve"]
