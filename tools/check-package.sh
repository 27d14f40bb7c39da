#!/usr/bin/env bash
# Builds and packs the gateway, installs it as a user would, and asks it something.
set -eu
cd "$(dirname "$0")/.."
export PATH="$PWD/node_modules/.bin:$PATH"
work=$(mktemp -d)
trap 'kill "${pid:-}" 2>/dev/null || true; rm -rf "$work" packages/gateway/dist' EXIT
npm run build
npm pack --workspace llm-patchbay --pack-destination "$work"
mkdir "$work/app"
cd "$work/app"
npm init --yes >/dev/null
npm install --ignore-scripts "$work"/llm-patchbay-*.tgz
node node_modules/llm-patchbay/bin/patchbay.js start --port 0 --no-detect --data-dir "$work/data" >"$work/out" &
pid=$!
for _ in $(seq 100); do
  grep -q '^listening url=' "$work/out" && break
  sleep 0.1
done
url=$(sed -n 's/^listening url=//p' "$work/out")
answer=$(curl -sf "$url/v1/chat/completions" -d '{"model":"echo","messages":[{"role":"user","content":"packed and installed"}]}')
echo "$answer"
grep -q 'packed and installed' <<<"$answer"
kill -TERM "$pid"
wait "$pid"
