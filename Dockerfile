# syntax=docker/dockerfile:1
# One image for every role; see entrypoint.sh. Runs as 10001 on a read-only root file system that has a writable /tmp.
ARG PYTHON_IMAGE=docker.io/library/python:3.13-slim

FROM ${PYTHON_IMAGE} AS build
# Versions follow the base image's distribution.
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends build-essential default-libmysqlclient-dev pkg-config \
  && rm -rf /var/lib/apt/lists/*
RUN python -m venv /opt/venv
COPY requirements.txt /tmp/requirements.txt
# The lock names every package, so none is looked for; nothing installs at run time, so pip goes.
RUN /opt/venv/bin/python -m pip install --no-cache-dir --no-deps --require-hashes --requirement /tmp/requirements.txt \
  && /opt/venv/bin/python -m pip check \
  && /opt/venv/bin/python -m pip uninstall --yes pip setuptools

FROM ${PYTHON_IMAGE}
# hadolint ignore=DL3008
RUN apt-get update \
  && apt-get install --yes --no-install-recommends libmariadb3 tini \
  && rm -rf /var/lib/apt/lists/* \
  && useradd --uid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin handset \
  && install --directory --owner=handset --group=handset /files
COPY --from=build /opt/venv /opt/venv
WORKDIR /app
COPY . .
# Embedded is for one machine: in a container a missing setting is refused, never filled in.
ENV PATH=/opt/venv/bin:$PATH \
  HOME=/tmp \
  PYTHONDONTWRITEBYTECODE=1 \
  PYTHONUNBUFFERED=1 \
  DJANGO_SETTINGS_MODULE=core.settings \
  DJANGO_ENV=production \
  BIND_ADDRESS=0.0.0.0 \
  VAR_DIR=/tmp/handset
# Secrets of the moment: they sign nothing here, and do not stay. Byte code is compiled now, since the file system is
# read-only later.
# hadolint ignore=SC1091
RUN DJANGO_ENV=embedded VAR_DIR=/tmp/build python manage.py new_secrets >/tmp/secrets \
  && set -a && . /tmp/secrets && set +a \
  && python manage.py collectstatic --no-input \
  && rm -rf /tmp/secrets /tmp/build \
  && python -m compileall -q --invalidation-mode unchecked-hash api core

USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# Liveness of `web`; other roles switch it off, and Kubernetes has its own probes.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
  CMD ["python", "-c", "import os, urllib.request as u; u.urlopen('http://127.0.0.1:' + os.environ.get('PORT', '8000') + '/health/live/', timeout=2)"]
# tini reaps what is orphaned; without -g, since Celery's own shutdown wants the signal in its main process only.
ENTRYPOINT ["/usr/bin/tini", "--", "/app/entrypoint.sh"]
CMD ["web"]

# The workflow adds source, revision and version.
LABEL org.opencontainers.image.title="Handset" \
  org.opencontainers.image.description="A mobile-first backend: every call comes from a registered device."
