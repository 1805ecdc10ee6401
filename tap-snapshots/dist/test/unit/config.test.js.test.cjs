/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`dist/test/unit/config.test.js > TAP > every setting is in the help; the configuration in force reads back > must match snapshot 1`] = `
peregrine: counts and ships the alerts of peregrined and Falco

Usage: peregrine [--config FILE] [--setting VALUE]...
       peregrine doctor [the same]      try every connection, say what to fix
       peregrine receiver [--listen HOST:PORT]
                                        show what Alertmanager notifies

A setting comes from its flag, else from the environment, else from the YAML file
(key without dashes in front), else it has its default.

  --alertmanager-filter MATCHER
      Only alerts that match go to Alertmanager directly; see --loki-filter. May be given several times. [PEREGRINE_ALERTMANAGER_FILTER]
  --alertmanager-max-age DURATION
      Alerts that happened longer ago do not go to Alertmanager directly, such as what a journal holds of the days before a fresh start; they are counted and shipped. Default: 1h. [PEREGRINE_ALERTMANAGER_MAX_AGE]
  --alertmanager-min-priority PRIORITY
      Alerts less urgent than this do not go to Alertmanager directly. Default: Critical. [PEREGRINE_ALERTMANAGER_MIN_PRIORITY]
  --alertmanager-password-file FILE
      File that holds the password of --alertmanager-user. [PEREGRINE_ALERTMANAGER_PASSWORD_FILE]
  --alertmanager-resolve DURATION
      An alert that did not happen again for this long is resolved at Alertmanager. Longer than the alerts of our rules for Prometheus last, so that their end does not let those speak. Default: 20m. [PEREGRINE_ALERTMANAGER_RESOLVE]
  --alertmanager-token-file FILE
      File that holds a bearer token for Alertmanager. [PEREGRINE_ALERTMANAGER_TOKEN_FILE]
  --alertmanager-url URL
      Alertmanager to send alerts to directly; name every member of a cluster, not a balancer. None: nothing is sent. [PEREGRINE_ALERTMANAGER_URL]
  --alertmanager-user NAME
      User for basic authentication at Alertmanager. [PEREGRINE_ALERTMANAGER_USER]
  --extra-label LABEL=FIELD
      One more label of falco_events, from an output field, such as image=container.image.repository. [PEREGRINE_EXTRA_LABEL]
  --falco ADDRESS
      Daemon to subscribe to: unix:///path, host:port, dns:host:port for every address of a name, or dir:///path for every *.sock in a directory. May be given several times; none for the HTTP intake alone. Default: unix:///run/peregrine/peregrine.sock. [PEREGRINE_FALCO]
  --falco-tls-ca FILE
      Certificate authority of daemons on TCP, PEM. [PEREGRINE_FALCO_TLS_CA]
  --falco-tls-cert FILE
      Our certificate for daemons on TCP, PEM. [PEREGRINE_FALCO_TLS_CERT]
  --falco-tls-key FILE
      Key of our certificate, PEM. [PEREGRINE_FALCO_TLS_KEY]
  --grafana-loki-uid UID
      Uid of the Loki data source in Grafana, for links. Default: loki. [PEREGRINE_GRAFANA_LOKI_UID]
  --grafana-url URL
      Grafana, for links to Explore on the page and in notifications. [PEREGRINE_GRAFANA_URL]
  --hostname NAME
      Stands in for a host name that a daemon does not send. [PEREGRINE_HOSTNAME]
  --intake-body-limit SIZE
      Largest body of one request, unpacked. Default: 4MiB. [PEREGRINE_INTAKE_BODY_LIMIT]
  --intake-listen HOST:PORT
      Where Falco's http_output and falcosidekick-like senders may post JSON. None: nowhere. [PEREGRINE_INTAKE_LISTEN]
  --intake-password-file FILE
      File that holds the password of --intake-user. [PEREGRINE_INTAKE_PASSWORD_FILE]
  --intake-tls-cert FILE
      Certificate of the intake, PEM. None: plain HTTP. [PEREGRINE_INTAKE_TLS_CERT]
  --intake-tls-client-ca FILE
      Certificate authority, PEM: senders at the intake must show a certificate that it signed. [PEREGRINE_INTAKE_TLS_CLIENT_CA]
  --intake-tls-key FILE
      Key of the certificate of the intake, PEM. [PEREGRINE_INTAKE_TLS_KEY]
  --intake-token-file FILE
      File that holds the bearer token that senders must show. [PEREGRINE_INTAKE_TOKEN_FILE]
  --intake-user NAME
      User whom senders must name by basic authentication. [PEREGRINE_INTAKE_USER]
  --listen HOST:PORT
      Where /metrics, /healthz, /readyz and the page are served. Default: 127.0.0.1:9376. [PEREGRINE_LISTEN]
  --log-level LEVEL
      One of debug, info, warn, error. Default: info. [PEREGRINE_LOG_LEVEL]
  --loki-filter MATCHER
      Only alerts that match go to Loki: FIELD=VALUE, FIELD!=VALUE, FIELD=~REGEX or FIELD!~REGEX, where FIELD is rule, priority, source, hostname, tags, output or an output field. May be given several times; all must match. [PEREGRINE_LOKI_FILTER]
  --loki-header NAME=VALUE
      One more header of each push; no place for secrets. [PEREGRINE_LOKI_HEADER]
  --loki-min-priority PRIORITY
      Alerts less urgent than this do not go to Loki. Default: Debug. [PEREGRINE_LOKI_MIN_PRIORITY]
  --loki-namespace-tenant NAMESPACE=TENANT
      Alerts of pods in this namespace go to this tenant. May be given several times. [PEREGRINE_LOKI_NAMESPACE_TENANT]
  --loki-password-file FILE
      File that holds the password for --loki-user. [PEREGRINE_LOKI_PASSWORD_FILE]
  --loki-streams COUNT
      Most log streams in use at Loki within half an hour; above it, pods and then hosts become structured metadata. Default: 2000. [PEREGRINE_LOKI_STREAMS]
  --loki-tenant ID
      Loki's tenant (X-Scope-OrgID). [PEREGRINE_LOKI_TENANT]
  --loki-tls-ca FILE
      Certificate authority of Loki, PEM, where it is none of the known. [PEREGRINE_LOKI_TLS_CA]
  --loki-tls-cert FILE
      Our certificate for Loki, PEM. [PEREGRINE_LOKI_TLS_CERT]
  --loki-tls-key FILE
      Key of our certificate for Loki, PEM. [PEREGRINE_LOKI_TLS_KEY]
  --loki-token-file FILE
      File that holds a bearer token for Loki. [PEREGRINE_LOKI_TOKEN_FILE]
  --loki-url URL
      Loki to ship to, such as http://127.0.0.1:3100. None: nothing is shipped. [PEREGRINE_LOKI_URL]
  --loki-user NAME
      User for basic authentication at Loki. [PEREGRINE_LOKI_USER]
  --loki-window DURATION
      Times further back are moved up to it, with the true time in event_time: Loki refuses entries older than its reject_old_samples_max_age. Default: 6d. [PEREGRINE_LOKI_WINDOW]
  --outbox-age DURATION
      Entries that Loki did not take for this long are given up. Default: 7d. [PEREGRINE_OUTBOX_AGE]
  --outbox-size SIZE
      Bytes on disk for what Loki has not taken yet; entries are packed there, to about a tenth. Default: 256MiB. [PEREGRINE_OUTBOX_SIZE]
  --page on|off
      Serve the page with the live alerts. Default: on. [PEREGRINE_PAGE]
  --pod-name-from SOURCE
      kubernetes, or container: without Kubernetes, let k8s_pod_name be the name of the container. Default: kubernetes. [PEREGRINE_POD_NAME_FROM]
  --priority-label number|name
      The label priority of falco_events: 0 (emergency) to 7 (debug) as falco-exporter has it, or Falco's name. Default: number. [PEREGRINE_PRIORITY_LABEL]
  --series-budget COUNT
      Most series of falco_events; more fold into overflow series. Default: 20000. [PEREGRINE_SERIES_BUDGET]
  --series-filter MATCHER
      Only alerts that match are counted; see --loki-filter. [PEREGRINE_SERIES_FILTER]
  --series-idle DURATION
      A series without an alert for this long leaves /metrics; its count is kept and goes on when it comes back. Default: 24h. [PEREGRINE_SERIES_IDLE]
  --series-min-priority PRIORITY
      Alerts less urgent than this are not counted. Default: Debug. [PEREGRINE_SERIES_MIN_PRIORITY]
  --state-dir DIRECTORY
      Counts, positions and outbox. :temporary: for a directory that goes with the process. Default: /var/lib/peregrine-exporter. [PEREGRINE_STATE_DIR]
  --static-label LABEL=VALUE
      One more label of falco_events, the same on all series, and structured metadata of each log line. [PEREGRINE_STATIC_LABEL]
  --web-config-file FILE
      TLS and basic authentication of --listen, in Prometheus' web configuration format. [PEREGRINE_WEB_CONFIG_FILE]
  --config FILE
      YAML file of settings. [PEREGRINE_CONFIG]
  --print-config
      Print the settings in force and exit.
  --healthcheck
      Ask the exporter that runs with these settings whether it is alive; exit code 0 if so.
  --version, --help

SIGHUP reads the settings again and takes over daemons and their certificates, filters,
least priorities, users and certificates of --listen, and the log level.

`
