#!/usr/bin/env bash
# `make check`: what can be known without running a test. Stops at the first step that fails. PY is the Python to use.
set -euo pipefail
cd "$(dirname "$0")/.."
: "${PY:?the Python to use, as make check sets it}"
bin=$(dirname "$PY")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
# Neither this machine's variables nor its embedded data: files of its own, a database in memory.
while read -r name; do unset "$name" "${name}_FILE"; done < <(sed -n 's/^# \([A-Z][A-Z0-9_]*\)=.*/\1/p' .env.example)
export VAR_DIR=$work/var DATABASE_URL=sqlite://:memory:

step() { printf '\n== %s\n' "$*"; }

# A generated file and the command that writes it agree.
up_to_date() {
  diff -u "$1" "$2" || { echo "$1 is not what the code says: run make schema"; return 1; }
}

step "format"
"$PY" -m ruff format --check .

step "lint"
"$PY" -m ruff check .

step "layers"
"$bin/lint-imports"

step "types"
"$PY" -m mypy

step "migrations say what the models say"
"$PY" manage.py makemigrations --check --dry-run

step "migrations run beside the code before them"
# Refuses dropping and renaming; the rest is told by the statements of a server (tests/services/test_releases.py), since SQLite
# makes its tables anew, NOT NULL and all. The first migration has no code before it.
"$PY" manage.py lintmigrations api --settings tests.linting --sql-analyser sqlite --exclude-migration-test NOT_NULL --no-cache \
  --quiet ok ignore --ignore-name 0001_initial

step "docs/openapi.yaml says what the API does"
"$PY" manage.py spectacular --validate --fail-on-warn --file "$work/openapi.yaml"
up_to_date docs/openapi.yaml "$work/openapi.yaml"

step "docs/openapi.yaml is valid OpenAPI"
"$bin/openapi-spec-validator" docs/openapi.yaml

step "docs/errors.md says what the errors are"
"$PY" manage.py error_codes >"$work/errors.md"
up_to_date docs/errors.md "$work/errors.md"

step "the settings of a deployment"
# Fresh secrets, and stores that need not be there: the check reads settings, and asks nobody.
"$PY" manage.py new_secrets >"$work/secrets"
(
  set -a
  # shellcheck source=/dev/null
  . "$work/secrets"
  set +a
  export DJANGO_ENV=production ALLOWED_HOSTS=api.example.com TRUSTED_PROXY_COUNT=1
  export FRONTEND_URL=https://app.example.com EMAIL_PROVIDER=smtp EMAIL_FROM=no-reply@example.com
  export DATABASE_URL=postgres://handset:secret@postgres.invalid/handset CELERY_BROKER_URL=amqp://rabbitmq.invalid//
  export REDIS_CACHE_URL=redis://redis-cache.invalid/0 REDIS_STATE_URL=redis://redis-state.invalid/0
  export AWS_STORAGE_BUCKET_NAME=handset-files
  "$PY" manage.py check --deploy --fail-level WARNING
)

if command -v shellcheck >/dev/null; then
  step "shell scripts"
  shellcheck entrypoint.sh deploy/*.sh tests/*.sh .ci/run
fi

printf '\nEverything holds.\n'
