# syntax=docker/dockerfile:1
FROM python:3.13-slim-bookworm AS build
WORKDIR /src
RUN python -m venv /opt/authsvc
COPY requirements/server.txt requirements/
RUN /opt/authsvc/bin/pip install --no-cache-dir --no-compile --require-hashes -r requirements/server.txt
COPY pyproject.toml README.md CHANGELOG.md LICENSE ./
COPY authsvc authsvc
COPY generated generated
RUN /opt/authsvc/bin/pip install --no-cache-dir --no-compile --no-deps . \
    && /opt/authsvc/bin/pip uninstall --yes pip

FROM python:3.13-slim-bookworm
RUN useradd --system --uid 10001 --home-dir /var/lib/authsvc --create-home authsvc
COPY --from=build /opt/authsvc /opt/authsvc
ENV PATH=/opt/authsvc/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    AUTHSVC_DATA=/var/lib/authsvc \
    AUTHSVC_LISTEN=0.0.0.0:50051 \
    AUTHSVC_HTTP=0.0.0.0:8080
USER 10001
VOLUME /var/lib/authsvc
EXPOSE 50051 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s CMD ["authsvc", "healthcheck"]
ENTRYPOINT ["authsvc"]
CMD ["serve"]
