FROM python:3.13-slim
WORKDIR /build
COPY pyproject.toml README.md LICENSE ./
COPY schemas schemas
COPY personalize_emu personalize_emu
RUN pip install --no-cache-dir --quiet . && rm -rf /build
WORKDIR /
RUN useradd --create-home emulator
USER emulator
EXPOSE 4577
CMD ["personalize-emu", "serve", "--host", "0.0.0.0"]
