# Earmark's server and command line. The study lies in the volume /study; nothing else is written but /tmp and the cache.
FROM python:3.11-slim-bookworm AS build
WORKDIR /build
COPY requirements.txt requirements-nodeps.txt pyproject.toml setup.py README.md LICENSE atomic.py ./
RUN python -m venv /opt/earmark \
 && /opt/earmark/bin/pip install --no-cache-dir --extra-index-url https://download.pytorch.org/whl/cpu \
      -r requirements.txt \
 && /opt/earmark/bin/pip install --no-cache-dir --no-deps -r requirements-nodeps.txt
COPY analysis analysis
COPY app app
COPY db db
COPY examples examples
COPY quant quant
COPY survey survey
RUN /opt/earmark/bin/pip install --no-cache-dir --no-deps .

FROM python:3.11-slim-bookworm
LABEL org.opencontainers.image.title="Earmark" \
      org.opencontainers.image.description="Blind listening tests for quantized text-to-audio diffusion transformers" \
      org.opencontainers.image.licenses="MIT"
RUN useradd --system --uid 10001 --home-dir /nonexistent --shell /usr/sbin/nologin earmark \
 && install -d -o earmark -g earmark /study
COPY --from=build /opt/earmark /opt/earmark
ENV PATH=/opt/earmark/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    MPLCONFIGDIR=/tmp/matplotlib \
    XDG_CACHE_HOME=/tmp/cache
USER 10001
WORKDIR /study
VOLUME /study
EXPOSE 8000
HEALTHCHECK --interval=30s --timeout=5s --start-period=60s --retries=3 \
  CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8000/healthz', timeout=4)"]
ENTRYPOINT ["earmark"]
CMD ["serve", "/study", "--host", "0.0.0.0", "--port", "8000"]
