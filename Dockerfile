# The two commands in a container:
#   docker build -t developmental-pruning .
#   docker run --rm -v "$PWD/results:/home/reader/paper/results" developmental-pruning            make figures
#   docker run --rm developmental-pruning make test
#   docker run --rm -p 8888:8888 developmental-pruning .venv/bin/jupyter lab --ip=0.0.0.0
FROM python:3.11-slim-bookworm
RUN apt-get update && apt-get install --yes --no-install-recommends git make && rm -rf /var/lib/apt/lists/*
RUN useradd --create-home reader
USER reader
WORKDIR /home/reader/paper
COPY --chown=reader . .
RUN make env
CMD ["make", "figures"]
