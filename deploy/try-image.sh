#!/usr/bin/env bash
# Builds the image without an engine or a registry, and runs its roles as a cluster would: 10001, no capability, a root file
# system that cannot be written. For a machine where `docker build` is not to be had; takes some minutes.
#
#   DATABASE_URL=mysql://… REDIS_CACHE_URL=… REDIS_STATE_URL=… CELERY_BROKER_URL=… deploy/try-image.sh
#
# As root on Debian or Ubuntu with buildah and debootstrap. The stores are ones to try things with: the database is migrated.
# The base is a Debian with Python in place of the official image. WORK is kept, so that a second run begins with its base.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${DATABASE_URL:?}" "${REDIS_CACHE_URL:?}" "${REDIS_STATE_URL:?}" "${CELERY_BROKER_URL:?}"
work=${WORK:-/var/tmp/handset-image}
suite=${SUITE:-bookworm}
port=${PORT:-18080}
image=localhost/handset:try
base=localhost/python:try
buildah=(buildah --root "$work/storage" --runroot "$work/run" --storage-driver "${STORAGE_DRIVER:-overlay}")

step() { printf '\n== %s\n' "$*"; }
fail() { echo "FAILED: $*"; exit 1; }

mounted=
running=
finish() {
  [ -z "$running" ] || kill -KILL "$(main_process)" "$running" 2>/dev/null || true
  [ -z "$mounted" ] || "${buildah[@]}" rm "$mounted" >/dev/null 2>&1 || true
}
trap finish EXIT
mkdir -p "$work"

step "a base: $suite with Python"
if [ ! -e "$work/base.tar" ]; then
  [ -e "$work/base/etc/debian_version" ] ||
    debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,python3-dev "$suite" "$work/base" >"$work/base.log"
  ln -sf python3 "$work/base/usr/bin/python"
  tar -C "$work/base" -cf "$work/base.tar.new" .
  mv "$work/base.tar.new" "$work/base.tar"
fi
if ! "${buildah[@]}" inspect --type image "$base" >/dev/null 2>&1; then
  container=$("${buildah[@]}" from scratch)
  "${buildah[@]}" add --quiet "$container" "$work/base.tar" / >/dev/null
  "${buildah[@]}" config --env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin "$container"
  "${buildah[@]}" commit --quiet --rm "$container" "$base" >/dev/null
fi
echo "$base: Python $(chroot "$work/base" python --version | cut -d' ' -f2)"

step "the image, by the Dockerfile"
# The machine's own certificates and pip.conf are lent for the build; they do not enter the image.
lent=(--volume /etc/ssl/certs/ca-certificates.crt:/etc/ssl/certs/ca-certificates.crt:ro)
[ ! -e "${PIP_CONFIG_FILE:-/etc/pip.conf}" ] || lent+=(--volume "${PIP_CONFIG_FILE:-/etc/pip.conf}:/etc/pip.conf:ro")
"${buildah[@]}" bud --isolation chroot --pull-never --format docker --layers --build-arg "PYTHON_IMAGE=$base" "${lent[@]}" \
  --tag "$image" . >"$work/build.log" 2>&1 || { tail -n 30 "$work/build.log"; fail "it does not build"; }
tail -n 1 "$work/build.log"
"${buildah[@]}" inspect --type image --format \
  'user {{.Docker.Config.User}}, entrypoint {{.Docker.Config.Entrypoint}}, command {{.Docker.Config.Cmd}}, stops by {{.Docker.Config.StopSignal}}' "$image"
mounted=$("${buildah[@]}" from --pull-never "$image")
root=$("${buildah[@]}" mount "$mounted")
mapfile -t built_in < <("${buildah[@]}" inspect --type image --format '{{range .Docker.Config.Env}}{{println .}}{{end}}' "$image" | sed '/^$/d')

# in_container VARIABLE… -- COMMAND…: in process, mount and IPC spaces of its own, with the network of this machine.
in_container() {
  local variables=()
  while [ "$1" != -- ]; do variables+=("$1"); shift; done
  shift
  # shellcheck disable=SC2016 # expanded inside
  exec unshare --mount --pid --ipc --fork --kill-child sh -euc '
    root=$1
    shift
    mount --make-rprivate /
    mount --bind "$root" "$root"
    mount -t proc -o nosuid,nodev,noexec proc "$root/proc"
    mount -t tmpfs -o nosuid,mode=755 tmpfs "$root/dev"
    for device in null zero random urandom; do
      : >"$root/dev/$device"
      mount --bind "/dev/$device" "$root/dev/$device"
    done
    mkdir "$root/dev/shm"
    mount -t tmpfs -o nosuid,nodev,mode=1777,size=64m tmpfs "$root/dev/shm"
    mount -t tmpfs -o nosuid,nodev,mode=1777,size=256m tmpfs "$root/tmp"
    : >>"$root/etc/resolv.conf"
    mount --bind /etc/resolv.conf "$root/etc/resolv.conf"
    mount --bind /etc/hosts "$root/etc/hosts"
    mount -o remount,bind,ro "$root"
    exec chroot "$root" setpriv --reuid 10001 --regid 10001 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
  ' sh "$root" env --ignore-environment --chdir=/app "${built_in[@]}" "${variables[@]}" "$@"
}
role() { in_container "${settings[@]}" -- /usr/bin/tini -- /app/entrypoint.sh "$@"; }

step "secrets, by the image itself"
mapfile -t settings < <(
  (in_container DJANGO_ENV=embedded -- /usr/bin/tini -- /app/entrypoint.sh manage new_secrets) |
    sed -E "s/^([A-Z_]+)='(.*)'$/\1=\2/"
)
settings+=(
  "DATABASE_URL=$DATABASE_URL" "REDIS_CACHE_URL=$REDIS_CACHE_URL" "REDIS_STATE_URL=$REDIS_STATE_URL"
  "CELERY_BROKER_URL=$CELERY_BROKER_URL" FILES_PATH=/tmp/files ALLOWED_HOSTS=api.example.com TRUSTED_PROXY_COUNT=1
  FRONTEND_URL=https://api.example.com EMAIL_PROVIDER=smtp EMAIL_FROM=no-reply@example.com
  "PORT=$port" WEB_CONCURRENCY=2 WEB_THREADS=8 DRAIN_SECONDS=3
)
printf '%s\n' "${settings[@]%%=*}" | paste -sd ' '

step "what the container may do"
# shellcheck disable=SC2016 # expanded inside
(in_container -- sh -c '
  id
  grep -E "^(Cap(Inh|Prm|Eff|Bnd|Amb)|NoNewPrivs|Seccomp):" /proc/self/status
  for place in / /app /app/core /opt/venv /etc /files; do
    if touch "$place/probe" 2>/dev/null; then echo "writable: $place"; exit 1; fi
  done
  touch /tmp/probe /dev/shm/probe
  echo "writable: /tmp and /dev/shm, nothing else"
  for program in gcc cc make pip; do if command -v $program; then echo "it has $program"; exit 1; fi; done
  echo "no compiler, no pip"
') || fail "it may do more, or less"

step "a start that is refused"
for missing in SECRET_KEY JWT_SIGNING_KEYS DATABASE_URL TRUSTED_PROXY_COUNT; do
  kept=()
  for setting in "${settings[@]}"; do [ "${setting%%=*}" = "$missing" ] || kept+=("$setting"); done
  (in_container "${kept[@]}" -- /usr/bin/tini -- /app/entrypoint.sh web) >"$work/refused.log" 2>&1 && fail "it starts without $missing"
  grep -m 1 -o "[^ ]*$missing is missing.*" "$work/refused.log" || { tail -n 5 "$work/refused.log"; fail "no sentence about $missing"; }
done

step "migrate"
(role migrate) || fail "migrate"

# started LOG ROLE…: in the background; `stopped` sends SIGTERM to tini, as an engine does.
started() {
  local log=$1
  shift
  (role "$@") >"$log" 2>&1 &
  running=$!
}
main_process() { tr -d ' ' <"/proc/$running/task/$running/children"; } # tini, as this machine counts it
stopped() {
  local status=0 began=$SECONDS
  kill -TERM "$(main_process)"
  "${1:-true}" || return 1
  wait "$running" || status=$?
  running=
  echo "SIGTERM: ended after $((SECONDS - began)) s with status $status"
  [ $status = 0 ]
}
ask() { curl --silent --output "$work/answer" --write-out '%{http_code}' --max-time 5 "http://127.0.0.1:$port$1" "${@:2}" || true; }
until_answers() { # until_answers SECONDS STATUS PATH
  local deadline=$((SECONDS + $1))
  until [ "$(ask "$3")" = "$2" ]; do [ $SECONDS -lt $deadline ] || return 1; sleep 0.2; done
}
drains() { until_answers 10 503 /health/ready/ && [ "$(ask /health/live/)" = 200 ] && echo "draining: ready 503, live 200"; }

step "web"
[ "$(ask /health/live/)" = 000 ] || fail "somebody else answers on port $port; set PORT"
began=$SECONDS
started "$work/web.log" web
until_answers 90 200 /health/live/ || { cat "$work/web.log"; fail "it does not live"; }
echo "startup: live after $((SECONDS - began)) s"
until_answers 10 200 /health/ready/ || { cat "$work/web.log"; fail "it is not ready"; }
token=$(printf '%s\n' "${settings[@]}" | sed -n 's/^METRICS_TOKEN=//p')
echo "ready: $(ask /health/ready/) $(cat "$work/answer")"
echo "health: $(ask /health/ --header "Authorization: Bearer $token") $(cat "$work/answer")"
echo "metrics: $(ask /metrics --header "Authorization: Bearer $token"), $(grep -c '^handset_' "$work/answer") series; without token: $(ask /metrics)"
echo "the API: $(ask /api/v1/auth/check/ --header 'Host: api.example.com' --header 'X-Forwarded-Proto: https') $(head -c 120 "$work/answer")"
ps -o uid,pid,ppid,args --ppid "$(main_process)" | cut -c1-100
stopped drains || fail "it does not drain"

for name in worker beat; do
  step "$name"
  started "$work/$name.log" "$name"
  deadline=$((SECONDS + 60))
  until grep -qE 'ready\.|beat: Starting' "$work/$name.log"; do
    [ $SECONDS -lt $deadline ] || { cat "$work/$name.log"; fail "$name does not start"; }
    sleep 0.2
  done
  stopped || fail "$name does not end"
  if grep -q Traceback "$work/$name.log"; then cat "$work/$name.log"; fail "$name complains"; fi
done

printf '\nThe image does what it should.\n'
