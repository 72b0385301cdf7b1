# An image of prm_jax for TPUs; --build-arg=EXTRA=cuda13 for GPUs. docs/launch.md says how it is used.
FROM python:3.11-slim
ARG EXTRA=tpu
WORKDIR /prm_jax
COPY . .
RUN pip install --no-cache-dir -c constraints.txt -e ".[${EXTRA}]"
