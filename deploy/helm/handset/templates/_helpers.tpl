{{- define "handset.name" -}}
{{- .Release.Name | trunc 40 | trimSuffix "-" -}}
{{- end -}}

{{- define "handset.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}

{{/* Given a dict of the root and the role: what finds the pods of the role. */}}
{{- define "handset.selector" -}}
app.kubernetes.io/name: handset
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .role }}
{{- end -}}

{{- define "handset.labels" -}}
{{ include "handset.selector" . }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
{{- end -}}

{{/* What every pod has: nobody's rights, a file system that cannot be written, and two places in memory that can. */}}
{{- define "handset.pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false # they would name variables such as HANDSET_PORT
{{- with .root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  runAsNonRoot: true
  runAsUser: 10001
  runAsGroup: 10001
  fsGroup: 10001
  seccompProfile: { type: RuntimeDefault }
volumes:
  - name: tmp
    emptyDir: { sizeLimit: 2Gi }
  - name: shm
    emptyDir: { medium: Memory, sizeLimit: 64Mi }
{{- end -}}

{{- define "handset.container" -}}
image: {{ include "handset.image" .root | quote }}
imagePullPolicy: {{ .root.Values.image.pullPolicy }}
securityContext:
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities: { drop: [ALL] }
volumeMounts:
  - { name: tmp, mountPath: /tmp }
  - { name: shm, mountPath: /dev/shm }
{{- end -}}

{{/* Hooks run before the release's own ConfigMap is there, so every pod carries the variables itself. */}}
{{- define "handset.env" -}}
{{- range $name, $value := .Values.config }}
- name: {{ $name }}
  value: {{ $value | quote }}
{{- end }}
- name: API_DOCS_ENABLED
  value: {{ .Values.api.docs.enabled | quote }}
{{- end -}}

{{- define "handset.from" -}}
- secretRef: { name: {{ .Values.existingSecret }} }
{{- end -}}

{{- define "handset.spread" -}}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels:
      {{- include "handset.selector" . | nindent 6 }}
  matchLabelKeys: [pod-template-hash]
{{- end -}}
