# One image for all of the service's processes: worker, migrations, command line.
#   docker build -t jurat .        docker run --rm jurat --help
ARG PYTHON_VERSION=3.11

FROM python:${PYTHON_VERSION}-slim AS build
COPY requirements/service.txt /build/
# Wheels alone: nothing is compiled, and no package runs code of its own while it is installed.
RUN python -m venv /opt/venv \
    && /opt/venv/bin/pip install --no-cache-dir --disable-pip-version-check \
        --require-hashes --only-binary :all: -r /build/service.txt
WORKDIR /srv/jurat
COPY . .
RUN rm -r requirements && /opt/venv/bin/python -m compileall -q /srv/jurat

FROM python:${PYTHON_VERSION}-slim
LABEL org.opencontainers.image.licenses="Apache-2.0"
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jurat
COPY --from=build /opt/venv /opt/venv
COPY --from=build /srv/jurat /srv/jurat
# Our root stands first on the path: `config` and `tasks` are names that a library may have too.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/srv/jurat \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    JURAT_LOG=json
# A number, so that Kubernetes can tell that it is not root.
USER 10001:10001
WORKDIR /srv/jurat
STOPSIGNAL SIGTERM
ENTRYPOINT ["/srv/jurat/bin/jurat"]
CMD ["worker"]
