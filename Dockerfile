# An image of prm_jax for TPUs; --build-arg=EXTRA=cuda13 for GPUs. docs/launch.md says how it is used.
FROM python:3.11-slim
ARG EXTRA=tpu
WORKDIR /prm_jax
COPY . .
RUN pip install --no-cache-dir -c constraints.txt -e ".[${EXTRA}]"
# An ordinary user, who cannot replace a device or a system's file. Mounted directories must let
# this number write: --user=$(id -u) and HOME=/tmp run it as somebody else.
RUN useradd --create-home --uid=1000 prm && chown prm /prm_jax
USER prm
