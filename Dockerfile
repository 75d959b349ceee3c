# Runs qaclims_mm on a CPU (the default) or on NVIDIA GPUs:
#   docker build -t qaclims_mm .
#   docker build -t qaclims_mm:cuda --build-arg DEVICE=cuda .
#   docker run --rm -v "$PWD:/data" qaclims_mm                                  # quickstart, into ./work_dirs
#   docker run --rm --gpus all --shm-size 8g -v "$PWD:/data" qaclims_mm:cuda run my_project/pipeline.py
# Files belong to root unless you add --user "$(id -u):$(id -g)".
ARG PYTHON=3.11

# with compilers, for what has no wheel
FROM python:${PYTHON} AS build
# cpu or cuda: torch's wheels without CUDA, which are far smaller, or PyPI's, which bring CUDA's libraries
ARG DEVICE=cpu
# an extra of setup.py; run has what pipelines need, all has what every sub-command needs
ARG EXTRA=all
ENV PIP_NO_CACHE_DIR=1 PATH=/opt/venv/bin:$PATH
RUN python -m venv /opt/venv
WORKDIR /opt/qaclims_mm
# before the package, so that a change of the code downloads nothing again
COPY requirements/constraints.txt requirements/
RUN case "$DEVICE" in \
        cpu) index=https://download.pytorch.org/whl/cpu ;; \
        cuda) index=https://pypi.org/simple ;; \
        *) echo "DEVICE must be cpu or cuda, but is $DEVICE." >&2; exit 1 ;; \
    esac \
    && pip install --constraint requirements/constraints.txt --index-url "$index" --extra-index-url https://pypi.org/simple torch torchvision
COPY . .
RUN pip install --constraint requirements/constraints.txt ".[$EXTRA]"

FROM python:${PYTHON}-slim
# OpenCV's wheels need these two
RUN apt-get update && apt-get install -y --no-install-recommends libgl1 libglib2.0-0 && rm -rf /var/lib/apt/lists/*
COPY --from=build /opt/venv /opt/venv
ENV PATH=/opt/venv/bin:$PATH PYTHONUNBUFFERED=1 HOME=/tmp HF_HOME=/data/.cache/huggingface
WORKDIR /data
ENTRYPOINT ["qaclims"]
CMD ["quickstart"]
