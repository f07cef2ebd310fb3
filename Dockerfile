# The images of the appliance and of the webhook, from Debian's packages and, pinned by hash, PyPI's. Where Debian's
# archive gives the same packages, two builds of one commit give the same files.
#
# Behind a proxy that signs with its own authority, give its certificates as the build secret `ca`
# and a pip.conf that names them (`cert = /run/secrets/ca`) as the secret `pip`. No layer keeps either.
#
# A new value of ANEW: nothing that an earlier build made is used. With CCACHE_DISABLE=1 and PIP_NO_CACHE_DIR=1 no
# object and no wheel in the caches either.
ARG BASE=debian:trixie-slim

FROM ${BASE} AS build
ARG ANEW CCACHE_DISABLE PIP_NO_CACHE_DIR
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update -qq && \
    apt-get install -yqq --no-install-recommends ccache cmake g++ ninja-build pkg-config python3-pip python3-venv \
        libbrotli-dev libpcap-dev libseccomp-dev libsimdjson-dev libssl-dev libzstd-dev zlib1g-dev
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore PIP_NO_COMPILE=1
ENV CCACHE_DIR=/root/.cache/ccache CMAKE_CXX_COMPILER_LAUNCHER=ccache
# The same files each time: bytecode holds sets, in the order of their members' hashes, and a wheel times of day.
ENV PYTHONHASHSEED=0 SOURCE_DATE_EPOCH=315532800
WORKDIR /src

# The dependencies in a layer of their own: they change less often than the code.
COPY requirements requirements
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache \
    python3 -m venv --without-pip /opt/build && python3 -m venv --without-pip /opt/tcp-sniffer && \
    pip --python /opt/build/bin/python install -q --require-hashes -r requirements/build.txt && \
    pip --python /opt/tcp-sniffer/bin/python install -q --require-hashes -r requirements/appliance.txt

COPY pyproject.toml README.md LICENSE sniffer.schema.json message.schema.json ./
COPY native native
COPY appliance appliance
COPY webhook webhook
RUN --mount=type=cache,target=/root/.cache \
    pip --python /opt/build/bin/python wheel -q --no-index --no-build-isolation --no-deps --wheel-dir /wheels . && \
    pip --python /opt/tcp-sniffer/bin/python install -q --no-index --no-deps /wheels/*.whl

# At run time the root is read-only: without bytecode every start would compile all it imports, some
# ten seconds under a small CPU quota. "unchecked": valid whatever time stamps the copy gets.
RUN python3 -m compileall -qf --invalidation-mode unchecked-hash /opt/tcp-sniffer/lib

FROM ${BASE} AS appliance-base
ARG ANEW
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update -qq && \
    PYTHONHASHSEED=0 apt-get install -yqq --no-install-recommends ca-certificates python3 libbrotli1 libpcap0.8t64 \
        libseccomp2 libsimdjson25 && \
    rm -rf /var/log/* /var/cache/ldconfig /var/cache/debconf /var/lib/dpkg/*-old

FROM build AS appliance-bill
COPY scripts/sbom.py .
COPY --from=appliance-base /var/lib/dpkg/status .
ARG VERSION=dev
RUN /opt/build/bin/python sbom.py tcp-sniffer "$VERSION" /opt/tcp-sniffer/lib/python3*/site-packages status > bill.json

FROM appliance-base AS appliance
COPY --from=build /opt/tcp-sniffer /opt/tcp-sniffer
COPY --from=appliance-bill /src/bill.json /usr/share/sbom/tcp-sniffer.cdx.json

ARG VERSION=dev REVISION=unknown
LABEL org.opencontainers.image.title="tcp-sniffer" \
      org.opencontainers.image.description="Listens to a pod's HTTP traffic without touching it" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/tcp-sniffer/bin:$PATH PYTHONDONTWRITEBYTECODE=1 TCP_SNIFFER_BUILD=${REVISION}

# Root, for capabilities of another user's would need privilege escalation; NET_RAW is the only one used.
USER 0
# With ON_FATAL=idle the supervisor stays whatever becomes of the sniffer; else it becomes the sniffer.
ENTRYPOINT ["tcp-sniffer-supervisor", "tcp-sniffer"]
CMD ["run"]

# The webhook: the same package, its own dependencies, and no library, for it sees no packets.
FROM build AS webhook-build
ARG ANEW CCACHE_DISABLE PIP_NO_CACHE_DIR
RUN --mount=type=secret,id=ca --mount=type=secret,id=pip,target=/etc/pip.conf --mount=type=cache,target=/root/.cache \
    python3 -m venv --without-pip /opt/tcp-sniffer-webhook && \
    pip --python /opt/tcp-sniffer-webhook/bin/python install -q --require-hashes -r requirements/webhook.txt && \
    pip --python /opt/tcp-sniffer-webhook/bin/python install -q --no-index --no-deps /wheels/*.whl && \
    rm /opt/tcp-sniffer-webhook/lib/python3*/site-packages/appliance/libsniffer.so \
        /opt/tcp-sniffer-webhook/lib/python3*/site-packages/appliance/tcp-sniffer-recording-guard \
        /opt/tcp-sniffer-webhook/bin/tcp-sniffer-supervisor && \
    python3 -m compileall -qf --invalidation-mode unchecked-hash /opt/tcp-sniffer-webhook/lib

FROM ${BASE} AS webhook-base
ARG ANEW
RUN --mount=type=cache,target=/var/cache/apt,sharing=locked \
    --mount=type=cache,target=/var/lib/apt/lists,sharing=locked \
    rm -f /etc/apt/apt.conf.d/docker-clean && apt-get update -qq && \
    PYTHONHASHSEED=0 apt-get install -yqq --no-install-recommends python3 && \
    rm -rf /var/log/* /var/cache/ldconfig /var/cache/debconf /var/lib/dpkg/*-old

FROM webhook-build AS webhook-bill
COPY scripts/sbom.py .
COPY --from=webhook-base /var/lib/dpkg/status .
ARG VERSION=dev
RUN /opt/build/bin/python sbom.py tcp-sniffer-webhook "$VERSION" \
        /opt/tcp-sniffer-webhook/lib/python3*/site-packages status > bill.json

FROM webhook-base AS webhook
COPY --from=webhook-build /opt/tcp-sniffer-webhook /opt/tcp-sniffer-webhook
COPY --from=webhook-bill /src/bill.json /usr/share/sbom/tcp-sniffer-webhook.cdx.json

ARG VERSION=dev REVISION=unknown
LABEL org.opencontainers.image.title="tcp-sniffer-webhook" \
      org.opencontainers.image.description="Adds the tcp-sniffer sidecar to labelled pods" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}"
ENV PATH=/opt/tcp-sniffer-webhook/bin:$PATH PYTHONDONTWRITEBYTECODE=1

USER 65532:65532
EXPOSE 8443
ENTRYPOINT ["tcp-sniffer-webhook"]
CMD ["serve"]
