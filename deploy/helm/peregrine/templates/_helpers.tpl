{{- define "peregrine.name" -}}
{{ default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "peregrine.fullname" -}}
{{- if .Values.fullnameOverride -}}
{{ .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "peregrine.name" .) .Release.Name -}}
{{ .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else -}}
{{ printf "%s-%s" .Release.Name (include "peregrine.name" .) | trunc 63 | trimSuffix "-" }}
{{- end -}}
{{- end }}

{{- define "peregrine.selector" -}}
app.kubernetes.io/name: {{ include "peregrine.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "peregrine.labels" -}}
{{ include "peregrine.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{- define "peregrine.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ default (include "peregrine.fullname" .) .Values.serviceAccount.name }}
{{- else -}}
{{ default "default" .Values.serviceAccount.name }}
{{- end -}}
{{- end }}

{{- define "peregrine.image" -}}
{{- $image := index . 0 -}}{{- $chart := index . 1 -}}
{{- with $image.registry -}}{{ . }}/{{- end -}}
{{ $image.repository }}:{{ $image.tag | default $chart.AppVersion }}
{{- end }}

{{- /* The secret with the certificates of gRPC over TCP; empty: no TCP. */ -}}
{{- define "peregrine.certificates" -}}
{{- $certs := .Values.certs -}}
{{- if $certs.existingSecret -}}
{{ $certs.existingSecret }}
{{- else if or $certs.server.key $certs.server.crt $certs.ca.crt -}}
{{- if not (and $certs.server.key $certs.server.crt $certs.ca.crt) -}}
{{- fail "certs: gRPC over TCP needs certs.server.crt, certs.server.key and certs.ca.crt together; give all three by --set-file, or certs.existingSecret" -}}
{{- end -}}
{{ include "peregrine.fullname" . }}-certs
{{- end -}}
{{- end }}

{{- /* HOST:PORT of gRPC over TCP; empty: the unix socket alone. */ -}}
{{- define "peregrine.grpcListen" -}}
{{- $address := .Values.falco.grpc.bind_address -}}
{{- $isUnix := or (not $address) (hasPrefix "unix:" $address) -}}
{{- if and (not $isUnix) (not (include "peregrine.certificates" .)) -}}
{{- fail (printf "falco.grpc.bind_address: %s is TCP, which is served with mutual TLS only; give certs.server.crt, certs.server.key and certs.ca.crt" $address) -}}
{{- end -}}
{{- if not $isUnix -}}{{ $address }}
{{- else if include "peregrine.certificates" . -}}0.0.0.0:{{ .Values.falco.grpc.listenPort | default 5060 }}
{{- end -}}
{{- end }}

{{- define "peregrine.grpcPort" -}}
{{ include "peregrine.grpcListen" . | splitList ":" | last }}
{{- end }}

{{- /* In our words; Falco has eight levels. */ -}}
{{- define "peregrine.logLevel" -}}
{{- $level := lower .Values.falco.log_level -}}
{{- if has $level (list "trace" "debug" "info" "warn" "error") -}}{{ $level }}
{{- else if has $level (list "emergency" "alert" "critical") -}}error
{{- else if eq $level "warning" -}}warn
{{- else -}}info
{{- end -}}
{{- end }}

{{- /* include "peregrine.wants" (list SETTING API .): "yes" or "" */ -}}
{{- define "peregrine.wants" -}}
{{- $setting := index . 0 -}}{{- $api := index . 1 -}}{{- $root := index . 2 -}}
{{- if eq (toString $setting) "auto" -}}
{{- if $root.Capabilities.APIVersions.Has $api -}}yes{{- end -}}
{{- else if eq (toString $setting) "true" -}}yes
{{- end -}}
{{- end }}

{{- /* falcosidekick's address is taken if ours is not given. */ -}}
{{- define "peregrine.lokiUrl" -}}
{{- $sidekick := dig "config" "loki" "hostport" "" (.Values.falcosidekick | default dict) -}}
{{ .Values.loki.url | default $sidekick }}
{{- end }}

{{- define "peregrine.priority" -}}
{{- $priority := lower .Values.falco.priority -}}
{{ ternary "informational" $priority (eq $priority "info") }}
{{- end }}
