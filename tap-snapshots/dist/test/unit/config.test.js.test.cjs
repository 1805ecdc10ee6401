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

A setting comes from its flag, else from the environment, else from the YAML file
(key without dashes in front), else it has its default.

  --falco ADDRESS
      Daemon to subscribe to: unix:///path or host:port. May be given several times. Default: unix:///run/peregrine/peregrine.sock. [PEREGRINE_FALCO]
  --falco-tls-ca FILE
      Certificate authority of daemons on TCP, PEM. [PEREGRINE_FALCO_TLS_CA]
  --falco-tls-cert FILE
      Our certificate for daemons on TCP, PEM. [PEREGRINE_FALCO_TLS_CERT]
  --falco-tls-key FILE
      Key of our certificate, PEM. [PEREGRINE_FALCO_TLS_KEY]
  --hostname NAME
      Stands in for a host name that a daemon does not send. [PEREGRINE_HOSTNAME]
  --listen HOST:PORT
      Where /metrics, /healthz, /readyz and the page are served. Default: 127.0.0.1:9376. [PEREGRINE_LISTEN]
  --log-level LEVEL
      One of debug, info, warn, error. Default: info. [PEREGRINE_LOG_LEVEL]
  --loki-password-file FILE
      File that holds the password for --loki-user. [PEREGRINE_LOKI_PASSWORD_FILE]
  --loki-tenant ID
      Loki's tenant (X-Scope-OrgID). [PEREGRINE_LOKI_TENANT]
  --loki-url URL
      Loki to ship to, such as http://127.0.0.1:3100. None: nothing is shipped. [PEREGRINE_LOKI_URL]
  --loki-user NAME
      User for basic authentication at Loki. [PEREGRINE_LOKI_USER]
  --outbox-age DURATION
      Entries that Loki did not take for this long are given up. Default: 7d. [PEREGRINE_OUTBOX_AGE]
  --outbox-size SIZE
      Bytes on disk for what Loki has not taken yet. Default: 256MiB. [PEREGRINE_OUTBOX_SIZE]
  --series-budget COUNT
      Most series of falco_events; more fold into overflow series. Default: 20000. [PEREGRINE_SERIES_BUDGET]
  --state-dir DIRECTORY
      Counts, positions and outbox. :temporary: for a directory that goes with the process. Default: /var/lib/peregrine-exporter. [PEREGRINE_STATE_DIR]
  --config FILE
      YAML file of settings. [PEREGRINE_CONFIG]
  --print-config
      Print the settings in force and exit.
  --version, --help

`
