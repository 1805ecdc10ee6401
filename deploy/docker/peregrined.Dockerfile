# The daemon. Build from the repository's root:
#   docker build -f deploy/docker/peregrined.Dockerfile -t peregrined .
#
# Both arguments may name an image of your own, such as one that `docker import` made of a local
# root file system, where no registry is reachable. BUILD_IMAGE needs rustup's cargo and apt-get,
# BASE_IMAGE a C library no older than BUILD_IMAGE's.
ARG BUILD_IMAGE=docker.io/library/rust:1.90-bookworm
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends clang libelf-dev make pkg-config zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY proto proto
COPY native native
RUN cd native \
 && cargo build --release --locked -p peregrined \
 && mkdir /out && cp target/release/peregrined /out/ \
 && strip --strip-debug /out/peregrined

FROM ${BASE_IMAGE}
COPY --from=build /out/peregrined /usr/local/bin/peregrined
ENTRYPOINT ["/usr/local/bin/peregrined"]
