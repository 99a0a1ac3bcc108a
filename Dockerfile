# syntax=docker/dockerfile:1
FROM python:3.13-slim AS wheel
RUN pip install --no-cache-dir --quiet build
WORKDIR /source
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY personalize_emu personalize_emu
RUN python -m build --wheel --outdir /wheel .

FROM python:3.13-slim
LABEL org.opencontainers.image.source=https://github.com/personalize-emu/personalize-emu
RUN useradd --create-home emulator
# For `serve --data-dir /data`; a named volume takes over the owner.
RUN install --directory --owner emulator /data
VOLUME ["/data"]
# The dependencies in a layer of their own, which is built again only when they change.
COPY pyproject.toml constraints.txt /tmp/
RUN python -c "import tomllib; print(*tomllib.load(open('/tmp/pyproject.toml', 'rb'))['project']['dependencies'], sep='\\n')" \
        > /tmp/requirements.txt && \
    pip install --no-cache-dir --quiet --constraint /tmp/constraints.txt --requirement /tmp/requirements.txt && \
    rm /tmp/pyproject.toml /tmp/constraints.txt /tmp/requirements.txt
COPY --from=wheel /wheel /wheel
RUN pip install --no-cache-dir --quiet --no-deps /wheel/*.whl
USER emulator
WORKDIR /home/emulator
EXPOSE 4577
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s CMD ["personalize-emu", "health", "--host", "127.0.0.1"]
ENTRYPOINT ["personalize-emu"]
CMD ["serve", "--host", "0.0.0.0"]
