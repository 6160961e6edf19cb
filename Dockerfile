# The two commands in a container, and JupyterLab; Binder takes this file, too:
#   docker build -t developmental-pruning .
#   docker run --rm -v "$PWD/results:/home/reader/paper/results" developmental-pruning            make figures
#   docker run --rm developmental-pruning make test
#   docker run --rm -p 8888:8888 developmental-pruning jupyter lab --ip=0.0.0.0
FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
ARG NB_USER=reader
ARG NB_UID=1000
RUN useradd --create-home --home-dir /home/reader --uid ${NB_UID} ${NB_USER}
USER ${NB_USER}
ENV HOME=/home/reader
WORKDIR /home/reader/paper
COPY --chown=${NB_UID} . .
RUN make env
ENV PATH=/home/reader/paper/.venv/bin:$PATH
CMD ["make", "figures"]
