# Serves the sample workspace: a build stage makes data and artifacts, the other only answers.
FROM python:3.12-slim-bookworm AS base
# libgomp: OpenMP, which the libraries for nearest neighbours and factors need.
RUN apt-get update \
    && apt-get install -y --no-install-recommends libgomp1 \
    && rm -rf /var/lib/apt/lists/*

FROM base AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE constraints.txt ./
COPY src ./src
RUN python -m venv /opt/recsys \
    && /opt/recsys/bin/pip install --no-cache-dir . -c constraints.txt
RUN mkdir /workspace \
    && /opt/recsys/bin/recsys demo -w /workspace \
    && /opt/recsys/bin/recsys build all -w /workspace \
    && mkdir /workspace/live

FROM base
RUN useradd --uid 10001 --create-home recsys
COPY --from=build /opt/recsys /opt/recsys
COPY --from=build --chown=recsys /workspace /workspace
USER recsys
ENV PATH=/opt/recsys/bin:$PATH RECSYS_WORKSPACE=/workspace NUMBA_CACHE_DIR=/tmp/numba
EXPOSE 8000
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:8000/ready', timeout=2)"]
CMD ["recsys", "serve", "--host", "0.0.0.0", "--workers", "2"]
