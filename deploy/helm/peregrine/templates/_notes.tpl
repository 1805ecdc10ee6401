{{- define "peregrine.notes" -}}
Peregrine watches every node of this cluster.

  Are they ready?   kubectl -n {{ .Release.Namespace }} rollout status daemonset/{{ include "peregrine.fullname" . }}
  Ask one:          helm test -n {{ .Release.Namespace }} {{ .Release.Name }}
  Metrics:          kubectl -n {{ .Release.Namespace }} port-forward daemonset/{{ include "peregrine.fullname" . }} 9376
                    curl -s http://127.0.0.1:9376/metrics | grep ^falco_events
{{- if not (or .Values.serviceMonitor.create (include "peregrine.wants" (list .Values.podMonitor.enabled "monitoring.coreos.com/v1" .))) }}

No Prometheus operator was found, so nothing scrapes yet. With pod discovery in prometheus.yml, keep the
pods with the label app.kubernetes.io/name={{ include "peregrine.name" . }} and the port 9376, and set `instance` to the node.
{{- end }}
{{- if not (include "peregrine.lokiUrl" .) }}

No Loki is set (loki.url), so alerts are counted and not logged.
{{- end }}
{{- with include "peregrine.grpcListen" . }}

gRPC is served on {{ . }} with mutual TLS.
{{- end }}
{{- with include "peregrine.answers" . | trim }}

Values of Falco's chart that have no effect here:

  {{ . }}
{{- end }}
{{- end }}
