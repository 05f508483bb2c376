{{/* What can't be installed, each with the sentence that says what to do. */}}

{{- define "authsvc.refusals" -}}
{{- if not .Values.image.repository -}}
{{- fail "image.repository is missing: name where the image of authsvc was pushed to." -}}
{{- end -}}
{{- if not .Values.secrets.existingSecret -}}
{{- fail "secrets.existingSecret is missing: make a Secret with the keys database-url, redis-url and master-key, and name it." -}}
{{- end -}}
{{- range list "AUTHSVC_DATABASE_URL" "AUTHSVC_REDIS_URL" "AUTHSVC_MASTER_KEY" -}}
{{- if not (get $.Values.secrets.files .) -}}
{{- fail (printf "secrets.files.%s is missing: name the key of the Secret that holds it." .) -}}
{{- end -}}
{{- end -}}
{{- if not .Values.settings.AUTHSVC_ISSUER -}}
{{- fail "settings.AUTHSVC_ISSUER is missing: give the https URL that tokens name as their issuer." -}}
{{- end -}}
{{- if not (hasPrefix "https://" (toString .Values.settings.AUTHSVC_ISSUER)) -}}
{{- fail "settings.AUTHSVC_ISSUER is not an https URL: give one, without a slash at its end." -}}
{{- end -}}
{{- if and (not .Values.tls.existingSecret) (not .Values.mesh.encrypts) -}}
{{- fail "The gRPC port would not be encrypted: name a certificate in tls.existingSecret, or state with mesh.encrypts=true that a mesh does it." -}}
{{- end -}}
{{- if and .Values.tls.existingSecret .Values.mesh.encrypts -}}
{{- fail "tls.existingSecret and mesh.encrypts=true exclude each other: keep one of them." -}}
{{- end -}}
{{- if and .Values.tls.clientCa.existingSecret (not .Values.tls.existingSecret) -}}
{{- fail "tls.clientCa.existingSecret needs tls.existingSecret: set that too." -}}
{{- end -}}
{{- if and .Values.tls.existingSecret (eq (.Values.settings.AUTHSVC_TRANSPORT | default "grpcio") "native") -}}
{{- fail "settings.AUTHSVC_TRANSPORT=native never encrypts and goes with mesh.encrypts=true alone: use grpcio with tls.existingSecret." -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is above autoscaling.maxReplicas: lower the one or raise the other." -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (not (dig "requests" "cpu" "" .Values.resources)) -}}
{{- fail "autoscaling.enabled needs resources.requests.cpu, which the target is a share of: set it." -}}
{{- end -}}
{{- end }}
