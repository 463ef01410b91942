# dclab with the embedded engine. The exercise, with its report in ./reports of the folder that you are in:
#
#   docker run --rm --user "$(id -u):$(id -g)" -v "$PWD:/work" IMAGE run --quick
#
# It needs no root and writes only to /work and /tmp: `--read-only --tmpfs /tmp` is possible. Build it of the wheel:
#
#   .ci/artefacts dist && docker build -t IMAGE .
FROM python:3.11-slim-bookworm AS install
# hdrhistogram has wheels for x86-64 alone; all else has them for arm64, too.
RUN [ "$(uname -m)" = x86_64 ] \
    || { apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev; }
COPY requirements.lock /tmp/
RUN python -m venv --without-pip /opt/dclab \
    && pip --python /opt/dclab/bin/python install --no-cache-dir --require-hashes -r /tmp/requirements.lock
COPY dist/*.whl /tmp/
RUN pip --python /opt/dclab/bin/python install --no-cache-dir --no-deps /tmp/*.whl

FROM python:3.11-slim-bookworm
# tini ends what a killed command leaves, which a process 1 has to do. Left out: what dclab uses nothing of, 35 MB compressed.
RUN printf 'path-exclude=%s\n' /usr/bin/promtool '/usr/share/javascript/*' >/etc/dpkg/dpkg.cfg.d/dclab \
    && apt-get update \
    && apt-get install --yes --no-install-recommends prometheus redis-server siege tini \
    && apt-get clean \
    && rm -rf /var/lib/apt/lists/*
COPY --from=install /opt/dclab /opt/dclab
# Any user may be named with --user, one without an entry and a home, too.
ENV PATH=/opt/dclab/bin:$PATH HOME=/tmp PYTHONDONTWRITEBYTECODE=1
LABEL org.opencontainers.image.title="dockercoins-lab" \
      org.opencontainers.image.description="Lab assistant for the DockerCoins exercise" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /work
USER 10001:10001
ENTRYPOINT ["tini", "--", "dclab"]
CMD ["--help"]
