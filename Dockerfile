# Three images. `worker` runs workers, the migrations and the exporter. `console` shows pages. `tools` is for people: it
# also imports zones in Shapefiles and in other coordinate systems, and draws pictures as PNG.
#   docker build --target worker -t jurat .            docker run --rm jurat --help
#   docker build --target tools -t jurat-tools .       `make image` builds both where no registry can be reached
# BASE is any image with Python 3.11 or newer and its venv module.
ARG BASE=python:3.11-slim

FROM ${BASE} AS worker-libraries
COPY requirements/worker.txt requirements/otel.txt /build/
# Wheels alone: nothing is compiled, and no package runs code of its own while it is installed. 20 MB of the libraries'
# own tests go. Byte code does not depend on the times of files, which the builder sets, and so two builds are the same.
RUN python3 -m venv /opt/pip && python3 -m venv --without-pip /opt/venv \
    && /opt/pip/bin/pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check --no-compile \
        --quiet --require-hashes --only-binary :all: -r /build/worker.txt -r /build/otel.txt \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} + \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

FROM worker-libraries AS tools-libraries
COPY requirements/service.txt /build/
RUN /opt/pip/bin/pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check --no-compile \
        --quiet --require-hashes --only-binary :all: -r /build/service.txt \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} + \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

FROM worker-libraries AS console-libraries
COPY requirements/console.txt /build/
RUN /opt/pip/bin/pip --python /opt/venv/bin/python install --no-cache-dir --disable-pip-version-check --no-compile \
        --quiet --require-hashes --only-binary :all: -r /build/console.txt \
    && find /opt/venv -type d -name tests -prune -exec rm -r {} + \
    && python3 -m compileall -q --invalidation-mode unchecked-hash /opt/venv/lib

FROM ${BASE} AS source
WORKDIR /srv/jurat
COPY . .
RUN rm -r requirements && mv docs /srv/docs && python3 -m compileall -q --invalidation-mode unchecked-hash .

FROM ${BASE} AS program
# The day that useradd writes into /etc/shadow; a build without it has today's.
ARG SOURCE_DATE_EPOCH
# Nothing here installs packages: the base's own pip goes too.
RUN useradd --uid 10001 --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin jurat \
    && install -d -g jurat -m 2770 /erasures /heads /keys \
    && rm -rf /usr/local/bin/pip* /usr/local/lib/python3.*/site-packages/* /usr/local/lib/python3.*/ensurepip \
        /usr/lib/python3.*/ensurepip /usr/share/python-wheels
COPY --from=source /srv/jurat /srv/jurat
# Our root is first on the path: `config` and `tasks` are names that a library may have too.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONPATH=/srv/jurat \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    JURAT_LOG=json
# A number, so that Kubernetes can tell that it is not root.
USER 10001:10001
WORKDIR /srv/jurat
STOPSIGNAL SIGTERM
# Not bin/jurat, which starts two more interpreters to see what is installed: a health check asks every few seconds.
ENTRYPOINT ["python", "-P", "-m", "cli"]
ARG VERSION REVISION SOURCE
LABEL org.opencontainers.image.title="jurat" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.source="${SOURCE}" \
    org.opencontainers.image.licenses="Apache-2.0"

FROM program AS tools
COPY --from=tools-libraries /opt/venv /opt/venv
CMD ["--help"]

FROM program AS console
COPY --from=source /srv/docs /srv/jurat/docs
COPY --from=console-libraries /opt/venv /opt/venv
CMD ["console", "--help"]

# The last one, and so what a build without --target makes.
FROM program AS worker
COPY --from=worker-libraries /opt/venv /opt/venv
CMD ["worker"]
