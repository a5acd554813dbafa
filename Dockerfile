# pollerd and every connector, as a user of its own. How to run it: README.md, "Compose".
ARG PYTHON_IMAGE=python:3.13-slim-trixie

FROM ${PYTHON_IMAGE} AS build
WORKDIR /src
COPY pyproject.toml README.md ./
COPY poller poller
COPY connectors connectors
# Byte code is compiled here: the user of the second stage could not write it, and would compile again at each start.
RUN python3 -m venv /opt/pollerd \
    && /opt/pollerd/bin/pip install --no-cache-dir --compile '.[all]' \
    && /opt/pollerd/bin/pip uninstall --yes pip

FROM ${PYTHON_IMAGE}
LABEL org.opencontainers.image.title="pollerd" \
      org.opencontainers.image.description="The AWS Lambda event source contract as a daemon" \
      org.opencontainers.image.licenses="Apache-2.0"
# tini reaps what functions leave behind: in a container that falls to the first process. The other two are what sandboxes are made of, where
# the engine allows them (config/compose/sandbox.yaml).
RUN apt-get update \
    && apt-get install --yes --no-install-recommends bubblewrap passt tini \
    && rm -rf /var/lib/apt/lists/* \
    && groupadd --gid 9870 pollerd \
    && useradd --uid 9870 --gid pollerd --home-dir /var/lib/pollerd --no-create-home --shell /usr/sbin/nologin pollerd \
    && install --directory --owner=pollerd --group=pollerd --mode=0700 /var/lib/pollerd \
    && install --directory --mode=0755 /etc/pollerd
COPY --from=build /opt/pollerd /opt/pollerd
ENV PATH=/opt/pollerd/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1
WORKDIR /var/lib/pollerd
USER 9870:9870
VOLUME /var/lib/pollerd
EXPOSE 9870
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=15s --timeout=10s --start-period=30s --retries=3 CMD ["pollerd", "health", "/etc/pollerd"]
ENTRYPOINT ["tini", "--", "pollerd"]
CMD ["run", "/etc/pollerd"]
