{{/* What the pods of the Deployment and of the migrations have in common: no rights, no writable
     root, secrets as files. */}}

{{- define "authsvc.podSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "authsvc.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* Of a map from settings to keys of the Secret. */}}
{{- define "authsvc.secretFiles" -}}
{{- range $setting, $key := . }}
{{- if $key }}
- name: {{ $setting }}_FILE
  value: /run/secrets/authsvc/{{ $key }}
{{- end }}
{{- end }}
{{- end }}

{{- define "authsvc.commonMounts" -}}
- name: secrets
  mountPath: /run/secrets/authsvc
  readOnly: true
- name: data
  mountPath: /var/lib/authsvc
- name: tmp
  mountPath: /tmp
{{- if .Values.trustedCa.configMap }}
- name: trusted-ca
  mountPath: /etc/authsvc/ca
  readOnly: true
{{- end }}
{{- end }}

{{/* Of (dict "root" $ "files" MAP). */}}
{{- define "authsvc.commonVolumes" -}}
- name: secrets
  secret:
    secretName: {{ .root.Values.secrets.existingSecret | quote }}
    defaultMode: 0440
    items:
      {{- range $key := .files | values | uniq | sortAlpha }}
      {{- if $key }}
      - {key: {{ $key | quote }}, path: {{ $key | quote }}}
      {{- end }}
      {{- end }}
- name: data # counters that the workers share
  emptyDir: {medium: Memory, sizeLimit: 64Mi}
- name: tmp
  emptyDir: {medium: Memory, sizeLimit: 16Mi}
{{- if .root.Values.trustedCa.configMap }}
- name: trusted-ca
  configMap:
    name: {{ .root.Values.trustedCa.configMap | quote }}
    items:
      - {key: {{ .root.Values.trustedCa.key | quote }}, path: {{ .root.Values.trustedCa.key | quote }}}
{{- end }}
{{- end }}
