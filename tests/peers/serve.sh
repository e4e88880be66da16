#!/usr/bin/env bash
# Runs the real inference server in the foreground, offline: no platform calls, no STUN, no telemetry.
# It is ready when `GET /info` answers.
#
# usage: serve.sh PREFIX [PORT]
set -euo pipefail

prefix=$(realpath "${1:?usage: serve.sh PREFIX [PORT]}")
port=${2:-9001}
here=$(cd "$(dirname "$0")" && pwd)

# What the server writes goes below the directory named by STREAMSDK_SERVER_STATE. Default is PREFIX/state.
state=${STREAMSDK_SERVER_STATE:-$prefix/state}
# It mounts these two relative to the directory it runs in, and does not start without them.
mkdir -p "$state/cache" "$state/run/inference/landing/out/static" "$state/run/inference/landing/out/_next/static"
cd "$state/run"

export OFFLINE_MODE=True WEBRTC_WORKER_ENABLED=True
export MODEL_CACHE_DIR="$state/cache" INFERENCE_HOME="$state/cache"
export ALLOW_CUSTOM_PYTHON_EXECUTION_IN_WORKFLOWS=False ALLOW_NON_HTTPS_URL_INPUT=True
export HOST=127.0.0.1 PORT="$port" NUM_WORKERS=1 LOG_LEVEL="${LOG_LEVEL:-INFO}"
for enabled in CORE_MODELS_ENABLED ENABLE_STREAM_API ACTIVE_LEARNING_ENABLED NOTEBOOK_ENABLED ENABLE_BUILDER \
    ENABLE_DASHBOARD ENABLE_PROMETHEUS METRICS_ENABLED OTEL_TRACING_ENABLED; do
    export "$enabled=False"
done
export TELEMETRY_OPT_OUT=True DISABLE_VERSION_CHECK=True

exec "$prefix/server/bin/python" -m uvicorn server_app:app --app-dir "$here" \
    --host 127.0.0.1 --port "$port" --workers 1
