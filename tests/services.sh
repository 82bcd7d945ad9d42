#!/usr/bin/env bash
# `make test-services`: the whole suite, with the tests that need real stores, on one server database after another; then
# what happens when stores fail (needs the programs mariadbd and redis-server).
# PY is the Python to use. These variables choose the stores; the suite makes and drops databases test_<name>… on each
# server, and empties these two Redis databases and the six numbers below them:
#   TEST_DATABASE_URLS (separated by spaces), REDIS_STATE_URL, REDIS_CACHE_URL, CELERY_BROKER_URL
#   SUITE_DATABASE_URLS: more databases, for what talks to a database most: endpoints and platform, without the tests of
#   many processes
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PY:?the Python to use, as make test-services sets it}"

read -ra urls <<<"${TEST_DATABASE_URLS:-mysql://root@127.0.0.1:3306/handset postgres://postgres@127.0.0.1:5432/handset}"
read -ra more <<<"${SUITE_DATABASE_URLS:-}"
export REDIS_STATE_URL=${REDIS_STATE_URL:-redis://127.0.0.1:6379/14}
export REDIS_CACHE_URL=${REDIS_CACHE_URL:-redis://127.0.0.1:6379/15}
export CELERY_BROKER_URL=${CELERY_BROKER_URL:-amqp://guest:guest@127.0.0.1:5672//}

# Says where nothing listens; what a server thinks of the user and the password, it says itself.
answers() {
  local variable=$1 authority=${2#*://} port
  authority=${authority%%[/?]*}
  authority=${authority##*@}
  case $2 in mysql:*) port=3306 ;; postgres*) port=5432 ;; redis*) port=6379 ;; *) port=5672 ;; esac
  [[ $authority != *:* ]] || port=${authority##*:}
  timeout 5 bash -c "exec 3<>/dev/tcp/${authority%:*}/$port" 2>/dev/null && return
  echo "${2%%:*}: nothing answers at ${authority%:*}:$port. Start it, or name another in $variable."
  return 1
}

missing=0
for url in "${urls[@]}"; do answers TEST_DATABASE_URLS "$url" || missing=1; done
for url in "${more[@]}"; do answers SUITE_DATABASE_URLS "$url" || missing=1; done
for variable in REDIS_STATE_URL REDIS_CACHE_URL CELERY_BROKER_URL; do answers $variable "${!variable}" || missing=1; done
[ $missing = 0 ] || exit 1

failed=0
once=()
run() { "$PY" -m pytest "$@" || failed=1; }
# They look at what many processes do within a time, on a machine that may have other things to do: what fails is told, and
# tried once more by itself. A fault fails again.
run_one_by_one() {
  "$PY" -m pytest -n 0 "$@" && return
  printf '\n== once more, what failed\n'
  "$PY" -m pytest -n 0 "$@" --last-failed --last-failed-no-failures none || failed=1
}
suite() { # suite URL PLACE…
  printf '\n== the suite on %s\n' "${1%%:*}"
  DATABASE_URL=$1 run -n auto --maxprocesses 4 -p tests.worker_stores -m "not services and not browser and not faults" "${@:2}"
}
for url in "${urls[@]}"; do
  suite "$url"
  export DATABASE_URL=$url
  printf '\n== many processes on %s\n' "${url%%:*}"
  # One test at a time: they start servers of their own, and measure how fast one process hears of another.
  run_one_by_one -m services "${once[@]}"
  once=(--deselect tests/services/test_schemathesis.py)  # two minutes, mostly of what no database decides
done
for url in "${more[@]}"; do suite "$url" tests/apis tests/platform; done
printf '\n== stores that fail\n'
# Once: these start a MariaDB and a Redis of their own, to stop, pause, fill and kill them.
run_one_by_one -m faults
exit $failed
