#!/usr/bin/env bash
# The demonstration: the centre, three emulated stations in a storm, and a webhook receiver, each
# the same program as in production. Ctrl-C stops all of it; what stays is the folder data/.
set -u
bin=${CARGO_TARGET_DIR:-target}/debug
mkdir -p data
pids=()

stop() {
    trap '' INT TERM
    echo
    echo "stopping …"
    # Nodes first, so that the centre can still acknowledge what they hold.
    for ((i = ${#pids[@]} - 1; i >= 0; i--)); do
        kill -TERM "${pids[i]}" 2>/dev/null
        wait "${pids[i]}" 2>/dev/null
    done
    echo "stopped. What was stored is in data/; start again with make run, begin anew with rm -r data."
    exit "${1:-0}"
}
trap 'stop 0' INT TERM

start() { # name, command…
    local name=$1
    shift
    # A session of its own keeps the terminal's Ctrl-C away from it: it is stopped in order, above.
    # What labels its lines must outlive the Ctrl-C too, to pass on the last of them.
    setsid "$@" > >(trap '' INT TERM && exec sed -u "s/^/[$name] /") 2>&1 &
    pids+=($!)
}

# The newest values of all datastreams, without any tool but bash.
latest() {
    exec 3<>/dev/tcp/127.0.0.1/8080 || return 1
    printf 'GET /api/v1/latest HTTP/1.0\r\nHost: 127.0.0.1:8080\r\n\r\n' >&3
    cat <&3
    exec 3<&-
}

first_reading() {
    local began=$SECONDS row='"station":"\([^"]*\)","channel":"\([^"]*\)","quantity":"[^"]*","unit":"\([^"]*\)","value":\([-0-9.]*\)'
    for _ in $(seq 100); do
        reading=$(latest 2>/dev/null | sed -n "s/.*\[{$row.*/\1 \2 \4 \3/p")
        if [ -n "$reading" ]; then
            echo "  First reading after $((SECONDS - began)) s:  $reading"
            return
        fi
        sleep 0.1
    done
    echo "  No reading after 10 s; see the lines above" >&2
}

rm -f data/ready.json
start receiver "$bin/tram-receiver" --listen 127.0.0.1:8081 --secret-file config/demo/webhook.secret --log data/webhook.jsonl
start centre "$bin/tram-ingest" run --config config/demo/ingest.toml --ready-file data/ready.json
for _ in $(seq 100); do
    [ -e data/ready.json ] && break
    kill -0 "${pids[1]}" 2>/dev/null || { wait "${pids[1]}"; stop $?; }
    sleep 0.1
done
for station in sapa-slope-01 lao-cai-river-01 kim-thanh-gate-01; do
    start "$station" "$bin/tram-edge" run --config "config/stations/$station.toml"
done
cat <<'TEXT'

  Trạm is running.  The page:  http://127.0.0.1:8080
  A storm at 60 times its pace: the Red River at Lào Cai passes alarm level I within a minute.
  Webhooks are printed here and kept in data/webhook.jsonl.  Stop with Ctrl-C.

TEXT
first_reading
# Whichever ends first ends the demonstration: nothing here should end by itself.
wait -n "${pids[@]}"
echo "one of the programs has ended by itself; see its last lines above" >&2
stop 1
