{{- /* What Falco's values mean here, where they have no effect; one line each in NOTES.txt. */ -}}
{{- define "peregrine.answers" -}}
{{- $top := dict
  "driver" "there is one way to capture, eBPF programs on tracepoints, and nothing to build or load"
  "falcoctl" "rules come from the image and customRules; nothing is downloaded"
  "gvisor" "gVisor's own events are not read"
  "healthChecks" "liveness and readiness ask the exporter, whatever is set"
  "metrics" "metrics are always served on port 9376, as falco_events and peregrine(d)_…"
  "rbac" "the API server is never asked, so no role is needed"
  "scc" "on OpenShift, give the service account the privileged constraint"
  "services" "the metrics service is always there; other services belong into extraObjects"
  "tty" "output is never buffered"
  "falco-talon" "nothing acts on alerts; give Falco Talon the alerts through Alertmanager's webhook"
  "k8s-metacollector" "pods are known from the container runtimes; nothing is collected from the API server"
  "podHostname" "alerts have the name of the node as hostname"
  "podSecurityPolicy" "gone with Kubernetes 1.25; docs/install.md says what Pod Security must allow"
  "podSecurityContext" "fsGroup is fixed, since it lets the exporter open the socket; containers are set by containerSecurityContext"
  "grafana" "dashboards are set by dashboards.*"
  "falcosidekickui" "Grafana and the exporter's page take its place"
  "responseActions" "nothing acts on alerts; give Falco Talon the alerts through Alertmanager's webhook"
  "namespaceOverride" "the release's namespace is used"
  "revisionHistoryLimit" "Kubernetes' default is used"
-}}
{{- $falco := dict
  "grpc_output" "always on"
  "grpcOutput" "always on"
  "rules_file" "the built-in rules are always loaded, and every file of customRules"
  "rules_files" "the built-in rules are always loaded, and every file of customRules"
  "load_plugins" "plugins are not loaded; send a Falco's alerts to the exporter by its HTTP output (docs/install.md)"
  "plugins" "plugins are not loaded; send a Falco's alerts to the exporter by its HTTP output (docs/install.md)"
  "engine" "there is one engine, eBPF programs on tracepoints"
  "buffered_outputs" "output is never buffered"
  "outputs" "alerts are never throttled; Alertmanager groups them"
  "output_timeout" "a slow subscriber never blocks: it reads from the journal"
  "outputs_queue" "the journal takes the place of the queue; journal.limitBytes bounds it"
  "program_output" "no program is started; use the file output or Alertmanager's webhook"
  "syslog_output" "standard output goes to the node's log collector"
  "webserver" "health and metrics are on port 9376"
  "metrics" "always on, in falco_events and peregrine(d)_…"
  "syscall_event_drops" "drops are always counted, announced as notices and alerted on"
  "syscall_event_timeouts" "a silent daemon is alerted on: PeregrineStreamSilent"
  "syscall_buf_size_preset" "the size of the ring buffers is fixed"
  "base_syscalls" "the set follows from the rules"
  "libs_logger" "log_level sets it"
  "log_stderr" "the log is always on standard error"
  "log_syslog" "the log is always on standard error"
  "watch_config_files" "a change of customRules restarts the pods, one after the other"
  "config_files" "settings come from this chart alone"
  "syscall_drop_failed_exit" "failed calls are always judged"
  "falco_libs" "the table of processes is bounded and sizes itself"
  "container_engines" "collectors.* sets them"
  "plugins_hostinfo" "plugins are not loaded"
  "capture" "captures to files are not made"
-}}
{{- range $key := keys .Values | sortAlpha }}
{{- with get $top $key }}
  {{ $key }}: {{ . }}
{{- end }}
{{- end }}
{{- range $key := keys .Values.falco | sortAlpha }}
{{- with get $falco $key }}
  falco.{{ $key }}: {{ . }}
{{- end }}
{{- end }}
{{- if include "peregrine.isFalcoImage" . }}
  image: {{ .Values.image.repository }} is Falco's; set image.registry and image.repository to where you pushed peregrined
{{- end }}
{{- range $key := keys (omit .Values.serviceMonitor "create" "interval" "labels") | sortAlpha }}
  serviceMonitor.{{ $key }}: no effect; a monitor of your own goes into extraObjects
{{- end }}
{{- if hasKey .Values.falco.grpc "threadiness" }}
  falco.grpc.threadiness: threads are as many as needed
{{- end }}
{{- range $key := list "private_key" "cert_chain" "root_certs" }}
{{- if hasKey $.Values.falco.grpc $key }}
  falco.grpc.{{ $key }}: certificates are given by certs.*
{{- end }}
{{- end }}
{{- if hasKey .Values.falco.http_output "max_consecutive_timeouts" }}
  falco.http_output.max_consecutive_timeouts: what times out is sent again for a minute, then counted in peregrined_sink_failed_total
{{- end }}
{{- if hasKey .Values.falco.file_output "keep_alive" }}
  falco.file_output.keep_alive: the file always stays open
{{- end }}
{{- if not .Values.falco.grpc.enabled }}
  falco.grpc.enabled: the unix socket stays on, since the exporter listens there
{{- end }}
{{- if and (hasPrefix "unix:" .Values.falco.grpc.bind_address) (ne .Values.falco.grpc.bind_address "unix:///run/peregrine/peregrine.sock") }}
  falco.grpc.bind_address: the socket stays at /run/peregrine/peregrine.sock within the pod
{{- end }}
{{- if and (ne .Values.exporter.kind "deployment") (or .Values.certs.clientCrt .Values.certs.client.crt .Values.certs.client.key .Values.certs.existingClientSecret) }}
  certs.client: the exporter is in the same pod and uses the unix socket (but for exporter.kind=deployment); give the client certificate to your client
{{- end }}
{{- with .Values.falcosidekick }}
  falcosidekick: the exporter takes its place{{ if dig "config" "loki" "hostport" "" . }}; its Loki address was taken over{{ end }}; other outputs go through Alertmanager (docs/migrate.md)
{{- end }}
{{- if or (dig "kubernetes" "enabled" false .Values.collectors) (hasKey .Values.collectors "enabled") }}
  collectors.enabled, collectors.kubernetes: pods are known from the container runtimes; set collectors.containerd, .crio, .docker, .podman
{{- end }}
{{- range $key := list "labelMaxLen" "withSize" "hooks" "pluginRef" }}
{{- if hasKey ($.Values.collectors.containerEngine | default dict) $key }}
  collectors.containerEngine.{{ $key }}: no effect; labels are cut at 4 KiB, and runtimes are followed by their events
{{- end }}
{{- end }}
{{- range $engine := list "lxc" "libvirt_lxc" "bpm" }}
{{- if dig "engines" $engine "enabled" false ($.Values.collectors.containerEngine | default dict) }}
  collectors.containerEngine.engines.{{ $engine }}: its containers have the name that is in their cgroup, and no service to ask
{{- end }}
{{- end }}
{{- if .Values.controller.revisionHistoryLimit }}
  controller.revisionHistoryLimit: Kubernetes' default is used
{{- end }}
{{- if dig "deployment" "" .Values.controller }}
  controller.deployment: there is one pod per node, always
{{- end }}
{{- if eq (dig "kind" "daemonset" .Values.controller) "deployment" }}
  controller.kind: there is one pod per node, always
{{- end }}
{{- end }}
