# The program with everything in it, on a Debian without the tools that built it.
#
#   docker build --tag streamsdk .
#   docker run --network host streamsdk worker --listen 0.0.0.0:9001
#
# `cargo xtask deploy` runs the steps that install packages, and looks whether the program finds its libraries after them.
# Both stages are of one release of Debian: the program is linked against the libraries of the first.

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        cmake \
        g++ \
        gcc \
        libavcodec-dev \
        libavformat-dev \
        libavutil-dev \
        libc6-dev \
        libclang-common-14-dev \
        libclang1-14 \
        libswscale-dev \
        libvpx-dev \
        make \
        nasm \
        pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /streamsdk
COPY . .
# What was fetched and built stays with the builder: the next image takes a minute instead of many. The program is copied,
# because what is in a cache is not in the stage.
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,target=/streamsdk/target \
    cargo build --locked --release --package streamsdk-cli --features full \
    && cp target/release/streamsdk /usr/local/bin/streamsdk

FROM debian:bookworm-slim
# The libraries of FFmpeg and libvpx, and the certificates that HTTPS and TURN over TLS are verified by.
RUN apt-get update \
    && apt-get install --yes --no-install-recommends \
        ca-certificates \
        libavcodec59 \
        libavformat59 \
        libavutil57 \
        libswscale6 \
        libvpx7 \
    && rm -rf /var/lib/apt/lists/*
# Kubernetes can only see that it is not root when it is a number below. A new volume takes over who owns the folder.
RUN groupadd --gid 10001 streamsdk \
    && useradd --uid 10001 --gid streamsdk --no-log-init --no-create-home --home-dir /var/lib/streamsdk \
        --shell /usr/sbin/nologin streamsdk \
    && install --directory --owner=streamsdk --group=streamsdk --mode=0750 /var/lib/streamsdk
COPY deploy/streamsdk-health /usr/local/bin/streamsdk-health
COPY --from=build /usr/local/bin/streamsdk /usr/local/bin/streamsdk
USER 10001:10001
WORKDIR /var/lib/streamsdk
# Signaling of a worker. Its media comes by UDP at ports that the system picks: see docs/deploying.md.
EXPOSE 9001/tcp
# Of a worker. Whatever else is run says in STREAMSDK_HEALTH what is to be asked, or has it empty.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s --retries=3 CMD ["streamsdk-health"]
ENTRYPOINT ["streamsdk"]
CMD ["worker", "--listen", "0.0.0.0:9001"]
