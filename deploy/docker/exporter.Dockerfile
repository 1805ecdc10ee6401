# The exporter. Build from the repository's root:
#   docker build -f deploy/docker/exporter.Dockerfile -t peregrine .
#
# Node itself comes from package-lock.json, so the image runs the version that the tests ran.
# Both arguments may name an image of your own, such as one that `docker import` made of a local
# root file system, where no registry is reachable.
ARG BUILD_IMAGE=docker.io/library/node:24-bookworm-slim
ARG BASE_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --no-audit --no-fund
COPY tsconfig.json ./
COPY proto proto
COPY src src
# Node's headers and manuals, and a second name of its binary, are a third of the image.
RUN node_modules/.bin/tsc -p tsconfig.json \
 && npm prune --omit=dev --no-audit --no-fund \
 && rm -rf node_modules/node/node_modules
# A folder of the user's own, for a volume to take over.
RUN mkdir -p /out/var/lib/peregrine-exporter


FROM ${BASE_IMAGE}
COPY --chown=65532:65532 --from=build /out/var/lib/peregrine-exporter /var/lib/peregrine-exporter
COPY --from=build /app/node_modules /app/node_modules
COPY --from=build /app/package.json /app/package.json
COPY --from=build /app/proto /app/proto
COPY --from=build /app/dist/src /app/dist/src
USER 65532:65532
# Memory goes back to the kernel at once, and the young generation stays small: a third less
# resident memory under load, for a few per cent of a CPU.
ENV MALLOC_ARENA_MAX=1 MALLOC_MMAP_THRESHOLD_=131072 MALLOC_TRIM_THRESHOLD_=262144
ENV NODE_OPTIONS="--max-semi-space-size=8 --max-old-space-size=256"
HEALTHCHECK CMD ["/app/node_modules/.bin/node", "/app/dist/src/main.js", "--healthcheck"]
ENTRYPOINT ["/app/node_modules/.bin/node", "/app/dist/src/main.js"]
