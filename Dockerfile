# syntax=docker/dockerfile:1
# What the image holds is Debian's Python, the locked wheels and authsvc, and nothing else: no shell,
# no package manager. Why: docs/decisions/0027-container.md.
ARG BASE=docker.io/library/debian:13.8-slim

FROM ${BASE} AS tools
SHELL ["/bin/bash", "-euo", "pipefail", "-c"]
# hadolint ignore=DL3008,DL3009
RUN apt-get update -q \
    && apt-get install -q --yes --no-install-recommends binutils ca-certificates python3 python3-venv \
    && python3 -m venv /build
COPY deploy/container /usr/local/bin/

FROM tools AS root
RUN root-file-system /rootfs

FROM tools AS dependencies
ENV PIP_NO_CACHE_DIR=1 PIP_NO_COMPILE=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
COPY requirements/image.txt requirements/build.txt /requirements/
RUN python3 -m venv --without-pip /opt/authsvc \
    && /build/bin/pip install --only-binary :all: --require-hashes -r /requirements/build.txt \
    && /build/bin/pip --python /opt/authsvc/bin/python install --only-binary :all: --require-hashes -r /requirements/image.txt
RUN slim-down /opt/authsvc && byte-compile /opt/authsvc

FROM dependencies AS application
COPY pyproject.toml README.md CHANGELOG.md LICENSE /src/
COPY authsvc /src/authsvc
COPY generated /src/generated
RUN /build/bin/pip wheel --no-deps --no-index --no-build-isolation --wheel-dir /wheels /src \
    && /build/bin/pip --python /opt/authsvc/bin/python install --no-deps --no-index --root /application /wheels/*.whl \
    && byte-compile /application/opt/authsvc /application

FROM scratch
COPY --from=root /rootfs /
COPY --from=dependencies /opt/authsvc /opt/authsvc
COPY --from=application /application /
ENV PATH=/opt/authsvc/bin:/usr/bin \
    LANG=C.UTF-8 \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    AUTHSVC_DATA=/var/lib/authsvc/data \
    AUTHSVC_LISTEN=0.0.0.0:50051 \
    AUTHSVC_HTTP=0.0.0.0:8080
USER 10001:10001
VOLUME /var/lib/authsvc
EXPOSE 50051 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=15s --retries=3 CMD ["authsvc", "healthcheck"]
ENTRYPOINT ["authsvc"]
CMD ["serve"]
