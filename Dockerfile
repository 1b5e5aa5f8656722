FROM python:3.11-slim-bookworm AS build
COPY requirements.txt /
RUN python -m venv /venv \
 && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r /requirements.txt \
 && /venv/bin/pip uninstall -y pip setuptools

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Glance" \
      org.opencontainers.image.description="A self-hosted dashboard that is there at once" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --uid 1000 --no-create-home --home-dir /data --shell /usr/sbin/nologin glance \
 && install -d -o glance -g glance -m 0700 /data
COPY --from=build /venv /venv
WORKDIR /app
COPY app.py LICENSE ./
COPY glance glance
COPY widgets widgets
# compiled once here, because the user below may not write
RUN /venv/bin/python -m compileall -q app.py glance widgets
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GLANCE_HOST=0.0.0.0 \
    GLANCE_PORT=8080 \
    GLANCE_DATA=/data
USER glance
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import os, urllib.request as u; u.urlopen(f\"http://127.0.0.1:{os.environ['GLANCE_PORT']}/healthz\", timeout=4)"]
# exec form: SIGTERM reaches Python itself
CMD ["python", "app.py"]
