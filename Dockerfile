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
# Compiled once here, because the user below may not write: Glance, and by loading it what it uses of Python, which the image
# above comes without. Whatever rights the files had where this was built, that user may read them.
RUN chmod -R a+rX . \
 && /venv/bin/python -m compileall -q app.py glance widgets \
 && /venv/bin/python -c "import glance.start, glance.mqtt.decode.decoder, glance.outbound.clients; glance.sources.kinds()"
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    GLANCE_HOST=0.0.0.0 \
    GLANCE_PORT=8080 \
    GLANCE_DATA=/data
USER glance
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["python", "-c", "import http.client as h, os, sys; c = h.HTTPConnection('127.0.0.1', int(os.environ['GLANCE_PORT']), timeout=4); c.request('GET', '/healthz'); sys.exit(c.getresponse().status != 200)"]
# exec form: SIGTERM reaches Python itself
CMD ["python", "app.py"]
