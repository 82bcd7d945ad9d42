#!/usr/bin/env bash
# Writes the manifests of the chart to standard output: deploy/render.sh > deploy/manifests/handset.yaml. HELM: the program.
set -euo pipefail
cd "$(dirname "$0")"
cat <<'HEAD'
# Rendered from deploy/helm/handset by deploy/render.sh; do not edit. Before the first time, and with each new image:
#   kubectl create namespace handset && kubectl --namespace handset create secret generic handset --from-env-file .env
#   set the image's digest (kustomize's `images`), delete the Job handset-migrate, apply it alone and wait for it, then the rest.
HEAD
"${HELM:-helm}" template handset helm/handset --namespace handset --kube-version 1.31.0 --values manifests/values.yaml
