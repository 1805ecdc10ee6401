/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`dist/test/unit/series.test.js > TAP > the page > must match snapshot 1`] = `
# HELP falco_events Alerts of the watched hosts, by rule and by where they happened.
# TYPE falco_events counter
falco_events{rule="Rule",priority="4",hostname="node-a",source="syscall",tags=",a,b,",k8s_ns_name="shop",k8s_pod_name="cart-1"} 2
falco_events{rule="A \\"quoted\\" \\\\ rule",priority="4",hostname="node-a",source="syscall",tags="",k8s_ns_name="",k8s_pod_name=""} 1
# HELP falco_event_last_seen_timestamp_seconds When the newest alert of this series reached the exporter.
# TYPE falco_event_last_seen_timestamp_seconds gauge
falco_event_last_seen_timestamp_seconds{rule="Rule",priority="4",hostname="node-a",source="syscall",tags=",a,b,",k8s_ns_name="shop",k8s_pod_name="cart-1"} 1700000000.5
falco_event_last_seen_timestamp_seconds{rule="A \\"quoted\\" \\\\ rule",priority="4",hostname="node-a",source="syscall",tags="",k8s_ns_name="",k8s_pod_name=""} 1700000001

`
