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

{{- define "peregrine.testSelector" -}}
app.kubernetes.io/name: {{ include "peregrine.name" . }}-test
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

{{- /* Falco's own image, in values brought along, is not ours to run. */ -}}
{{- define "peregrine.isFalcoImage" -}}
{{- if hasPrefix "falcosecurity/" .Values.image.repository -}}yes{{- end -}}
{{- end }}

{{- define "peregrine.daemonImage" -}}
{{- if include "peregrine.isFalcoImage" . -}}
peregrined:{{ .Chart.AppVersion }}
{{- else -}}
{{ include "peregrine.image" (list .Values.image .Chart) }}
{{- end -}}
{{- end }}

{{- define "peregrine.image" -}}
{{- $image := index . 0 -}}{{- $chart := index . 1 -}}
{{- with $image.registry -}}{{ . }}/{{- end -}}
{{ $image.repository }}:{{ $image.tag | default $chart.AppVersion }}
{{- end }}

{{- define "peregrine.isDeployment" -}}
{{- if eq .Values.exporter.kind "deployment" -}}
{{- if not (and (include "peregrine.certificates" .) (include "peregrine.clientCertificates" .)) -}}
{{- fail "exporter.kind: a deployment reaches the daemons by gRPC over TCP with mutual TLS; give certs.server.crt, certs.server.key, certs.client.crt, certs.client.key and certs.ca.crt, or certs.existingSecret and certs.existingClientSecret" -}}
{{- end -}}
yes
{{- end -}}
{{- end }}

{{- /* Of the pods that serve metrics. */ -}}
{{- define "peregrine.exporterSelector" -}}
{{ include "peregrine.selector" . }}
app.kubernetes.io/component: {{ if include "peregrine.isDeployment" . }}exporter{{ else }}daemon{{ end }}
{{- end }}

{{- /* Sockets of runtimes as KIND=PATH, one a line. */ -}}
{{- define "peregrine.runtimes" -}}
{{- $found := list -}}
{{- $collectors := .Values.collectors -}}
{{- $kinds := dict "containerd" "containerd" "crio" "cri" "docker" "docker" "podman" "podman" -}}
{{- range $name, $kind := $kinds -}}
{{- with get $collectors $name -}}
{{- if .enabled -}}
{{- $sockets := .sockets | default list -}}
{{- if .socket -}}{{- $sockets = list .socket -}}{{- end -}}
{{- range $sockets -}}
{{- $found = append $found (printf "%s=%s" $kind .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $engine := $collectors.containerEngine | default dict -}}
{{- if dig "enabled" true $engine -}}
{{- range $kind := list "containerd" "cri" "docker" "podman" -}}
{{- $one := dig "engines" $kind dict $engine -}}
{{- if dig "enabled" true $one -}}
{{- range dig "sockets" list $one -}}
{{- /* containerd's socket speaks CRI too, and its own API tells more. */ -}}
{{- $isContainerd := and (eq $kind "cri") (hasSuffix "containerd.sock" .) -}}
{{- $found = append $found (printf "%s=%s" (ternary "containerd" $kind $isContainerd) .) -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- end -}}
{{- $found | uniq | join "\n" -}}
{{- end }}

{{- /* The folders of those sockets, one a line; volumes are named by their number. */ -}}
{{- define "peregrine.runtimeFolders" -}}
{{- $folders := list -}}
{{- range splitList "\n" (include "peregrine.runtimes" .) -}}
{{- if . -}}
{{- $folders = append $folders (dir (index (splitn "=" 2 .) "_1")) -}}
{{- end -}}
{{- end -}}
{{- $folders | uniq | join "\n" -}}
{{- end }}

{{- /* The secret with the exporter's certificates, which it needs as a Deployment. */ -}}
{{- define "peregrine.clientCertificates" -}}
{{- $certs := .Values.certs -}}
{{- if $certs.existingClientSecret -}}
{{ $certs.existingClientSecret }}
{{- else if and $certs.client.crt $certs.client.key $certs.ca.crt -}}
{{ include "peregrine.fullname" . }}-client-certs
{{- end -}}
{{- end }}

{{- /* What both shapes of the exporter share: a container, but for what differs by its place. */ -}}
{{- define "peregrine.exporter" -}}
image: {{ include "peregrine.image" (list .Values.exporter.image .Chart) }}
imagePullPolicy: {{ .Values.exporter.image.pullPolicy }}
{{- with .Values.exporter.args }}
args: {{- toYaml . | nindent 2 }}
{{- end }}
ports:
  - { name: metrics, containerPort: 9376 }
securityContext:
  runAsUser: 65532
  runAsGroup: 65532
  runAsNonRoot: true
  allowPrivilegeEscalation: false
  readOnlyRootFilesystem: true
  capabilities:
    drop: [ALL]
  seccompProfile:
    type: RuntimeDefault
resources: {{- toYaml .Values.exporter.resources | nindent 2 }}
livenessProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 15
  timeoutSeconds: 5
  failureThreshold: 4
readinessProbe:
  # Connected to its daemons.
  httpGet: { path: /readyz, port: metrics }
  periodSeconds: 5
  timeoutSeconds: 5
{{- end }}

{{- define "peregrine.exporterEnv" -}}
- { name: PEREGRINE_LISTEN, value: '0.0.0.0:9376' }
- { name: PEREGRINE_SERIES_BUDGET, value: {{ int64 .Values.exporter.seriesBudget | quote }} }
{{- with include "peregrine.lokiUrl" . }}
- { name: PEREGRINE_LOKI_URL, value: {{ . | quote }} }
{{- end }}
{{- with .Values.loki.tenant }}
- { name: PEREGRINE_LOKI_TENANT, value: {{ . | quote }} }
{{- end }}
{{- with .Values.exporter.env }}
{{ toYaml . }}
{{- end }}
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

{{- /* Whether there are log lines for dashboards to show. */ -}}
{{- define "peregrine.hasLogs" -}}
{{- $isShipped := include "peregrine.lokiUrl" . | trim | ne "" -}}
{{- range .Values.exporter.env -}}
{{- if and (eq .name "PEREGRINE_LOKI_URL") (or .value .valueFrom) -}}{{- $isShipped = true -}}{{- end -}}
{{- end -}}
{{- ternary $isShipped .Values.dashboards.logs (eq (toString .Values.dashboards.logs) "auto") -}}
{{- end }}

{{- /* falcosidekick's address is taken if ours is not given. */ -}}
{{- define "peregrine.lokiUrl" -}}
{{- $sidekick := dig "config" "loki" "hostport" "" (.Values.falcosidekick | default dict) -}}
{{ .Values.loki.url | default $sidekick }}
{{- end }}

{{- /* Where Falco's chart has authorities for its HTTP output, by default: what is there here. */ -}}
{{- define "peregrine.falcoCertificates" -}}
{{- $mounted := "" -}}
{{- range .Values.mounts.volumeMounts -}}
{{- if hasPrefix "/etc/falco/certs" .mountPath -}}{{- $mounted = "/etc/falco/certs/" -}}{{- end -}}
{{- end -}}
{{- if $mounted -}}{{ $mounted }}
{{- else if include "peregrine.certificates" . -}}/etc/peregrine/certs/ca.crt
{{- end -}}
{{- end }}

{{- /* Keys of falco.yaml that the daemon takes as they are. */ -}}
{{- define "peregrine.passedOn" -}}
append_output buffer_format_base64 json_include_message_property json_include_output_fields_property json_include_output_property json_include_tags_property rules static_fields time_format_iso_8601
{{- end }}

{{- /* include "peregrine.change" (list KEY VALUE): an argument of the daemon that sets the key. */ -}}
{{- define "peregrine.change" -}}
{{- $key := index . 0 -}}{{- $value := index . 1 -}}
{{- $text := ternary $value (toJson $value) (kindIs "string" $value) -}}
{{ printf "-o=%s=%s" $key $text | quote }}
{{- end }}

{{- define "peregrine.priority" -}}
{{- $priority := lower .Values.falco.priority -}}
{{ ternary "informational" $priority (eq $priority "info") }}
{{- end }}
