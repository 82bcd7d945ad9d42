#!/bin/sh
# What a container of this image does: web | worker | beat | migrate | manage <command>. Further arguments go to the
# program, such as `worker --concurrency 4`. Each ends in `exec`, so that signals reach the program itself.
set -eu
cd "$(dirname "$0")"

role=${1:-web}
[ $# -eq 0 ] || shift

case $role in
  web)
    python manage.py wait_for_database
    exec python -m gunicorn --config core/gunicorn.conf.py "$@" core.wsgi:application
    ;;
  worker)
    python manage.py wait_for_database
    exec python -m celery --app core.celery:app worker "$@"
    ;;
  beat)
    # One replica. Its schedule is a cache; what really runs when is decided by rows of the database.
    python manage.py wait_for_database
    exec python -m celery --app core.celery:app beat --schedule /tmp/celerybeat-schedule --pidfile= "$@"
    ;;
  migrate)
    # The only role that changes the schema; several at once take turns.
    python manage.py wait_for_database
    exec python manage.py migrate_once "$@"
    ;;
  manage)
    exec python manage.py "$@"
    ;;
  ws)
    # Comes with notifications, which this version does not have: docs/decisions/0028.
    echo "entrypoint.sh: this version has no role 'ws'; set websockets.enabled=false" >&2
    exit 64 # EX_USAGE
    ;;
  *)
    echo "entrypoint.sh: web, worker, beat, migrate or manage <command>, not '$role'" >&2
    exit 64 # EX_USAGE
    ;;
esac
