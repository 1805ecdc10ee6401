/* IMPORTANT
 * This snapshot file is auto-generated, but designed for humans.
 * It should be checked into source control and tracked carefully.
 * Re-generate by setting TAP_SNAPSHOT=1 and running tests.
 * Make sure to inspect the output below.  Do not ignore changes!
 */
'use strict'
exports[`dist/test/stack/helm.test.js > TAP > deployment: both are as they were > daemonset 1`] = `
---
# Source: peregrine/templates/daemonset.yaml
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: node-watch-peregrine
  labels:
    app.kubernetes.io/name: peregrine
    app.kubernetes.io/instance: node-watch
    app.kubernetes.io/version: "0.1.0"
    app.kubernetes.io/managed-by: Helm
    helm.sh/chart: peregrine-0.1.0
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: peregrine
      app.kubernetes.io/instance: node-watch
      app.kubernetes.io/component: daemon
  updateStrategy:
    rollingUpdate:
      maxSurge: 0
      maxUnavailable: 1
    type: RollingUpdate
  template:
    metadata:
      labels:
        app.kubernetes.io/name: peregrine
        app.kubernetes.io/instance: node-watch
        app.kubernetes.io/version: "0.1.0"
        app.kubernetes.io/managed-by: Helm
        helm.sh/chart: peregrine-0.1.0
        app.kubernetes.io/component: daemon
      annotations:
        # New rules or certificates, new pods.
        checksum/rules: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
        checksum/certs: 211f75a376985eedfa2bd99d00ca5d41e6fa247391cc78b9cafed82b8f09477f
        kubectl.kubernetes.io/default-container: peregrined
    spec:
      serviceAccountName: node-watch-peregrine
      automountServiceAccountToken: false
      tolerations:
        - operator: Exists
      # The processes of the node, by their true pids.
      hostPID: true
      terminationGracePeriodSeconds: 30
      securityContext:
        # Lets the exporter open the socket, which has mode 0660.
        fsGroup: 65532
      containers:
        - name: peregrined
          image: peregrined:0.1.0
          imagePullPolicy: IfNotPresent
          args:
            - --grpc-socket=unix:///run/peregrine/peregrine.sock
            - --grpc-socket-group=65532
            - --rules-dir=/etc/peregrine/rules.d
            - --priority=debug
            - --rule-matching=first
            - --state-dir=/var/lib/peregrine
            - --journal-limit-bytes=268435456
            - --journal-age=7d
            - --stdout=text
            - --log-level=info
            - --runtime-socket=containerd=/host/run/containerd/containerd.sock
            - --runtime-socket=containerd=/host/run/k3s/containerd/containerd.sock
            - --runtime-socket=containerd=/host/run/k0s/containerd.sock
            - --runtime-socket=cri=/host/run/crio/crio.sock
            - --grpc-listen=0.0.0.0:5060
            - --tls-cert=/etc/peregrine/certs/server.crt
            - --tls-key=/etc/peregrine/certs/server.key
            - --tls-client-ca=/etc/peregrine/certs/ca.crt
          env:
            - name: NODE_NAME
              valueFrom:
                fieldRef: { fieldPath: spec.nodeName }
          ports:
            - { name: grpc, containerPort: 5060 }
          securityContext:
            allowPrivilegeEscalation: false
            appArmorProfile:
              type: Unconfined
            capabilities:
              add:
              - BPF
              - PERFMON
              - SYS_PTRACE
              - DAC_READ_SEARCH
              - CHOWN
              - SETPCAP
              drop:
              - ALL
            privileged: false
            readOnlyRootFilesystem: true
            runAsUser: 0
            seccompProfile:
              type: Unconfined
          resources:
            limits:
              memory: 512Mi
            requests:
              cpu: 100m
              memory: 128Mi
          volumeMounts:
            - { name: run, mountPath: /run/peregrine }
            - { name: journal, mountPath: /var/lib/peregrine }
            - { name: rules, mountPath: /etc/peregrine/rules.d, readOnly: true }
            - { name: tracing, mountPath: /sys/kernel/tracing, readOnly: true }
            - { name: runtime-0, mountPath: /host/run/containerd, readOnly: true }
            - { name: runtime-1, mountPath: /host/run/k3s/containerd, readOnly: true }
            - { name: runtime-2, mountPath: /host/run/k0s, readOnly: true }
            - { name: runtime-3, mountPath: /host/run/crio, readOnly: true }
            - { name: certs, mountPath: /etc/peregrine/certs, readOnly: true }
      volumes:
        - name: run
          emptyDir: { medium: Memory, sizeLimit: 1Mi }
        - name: journal
          hostPath: { path: /var/lib/peregrine, type: DirectoryOrCreate }
        - name: rules
          configMap: { name: node-watch-peregrine-rules }
        - name: tracing
          hostPath: { path: /sys/kernel/tracing }
        # The folders and not the sockets: a runtime that starts again makes a new one.
        - name: runtime-0
          hostPath: { path: /run/containerd, type: DirectoryOrCreate }
        - name: runtime-1
          hostPath: { path: /run/k3s/containerd, type: DirectoryOrCreate }
        - name: runtime-2
          hostPath: { path: /run/k0s, type: DirectoryOrCreate }
        - name: runtime-3
          hostPath: { path: /run/crio, type: DirectoryOrCreate }
        - name: certs
          secret: { secretName: daemons, defaultMode: 256 }

`

exports[`dist/test/stack/helm.test.js > TAP > deployment: both are as they were > deployment 1`] = `
---
# Source: peregrine/templates/deployment.yaml
apiVersion: v1
kind: PersistentVolumeClaim
metadata:
  name: node-watch-peregrine-exporter
  labels:
    app.kubernetes.io/name: peregrine
    app.kubernetes.io/instance: node-watch
    app.kubernetes.io/version: "0.1.0"
    app.kubernetes.io/managed-by: Helm
    helm.sh/chart: peregrine-0.1.0
spec:
  accessModes: [ReadWriteOnce]
  resources:
    requests:
      storage: 1Gi
---
# Source: peregrine/templates/deployment.yaml
# One exporter for all daemons.
apiVersion: apps/v1
kind: Deployment
metadata:
  name: node-watch-peregrine-exporter
  labels:
    app.kubernetes.io/name: peregrine
    app.kubernetes.io/instance: node-watch
    app.kubernetes.io/version: "0.1.0"
    app.kubernetes.io/managed-by: Helm
    helm.sh/chart: peregrine-0.1.0
spec:
  # The store has one owner, and the old one must be gone before the new one reads it.
  replicas: 1
  strategy: { type: Recreate }
  selector:
    matchLabels:
      app.kubernetes.io/name: peregrine
      app.kubernetes.io/instance: node-watch
      app.kubernetes.io/component: exporter
  template:
    metadata:
      labels:
        app.kubernetes.io/name: peregrine
        app.kubernetes.io/instance: node-watch
        app.kubernetes.io/version: "0.1.0"
        app.kubernetes.io/managed-by: Helm
        helm.sh/chart: peregrine-0.1.0
        app.kubernetes.io/component: exporter
      annotations:
        checksum/certs: 211f75a376985eedfa2bd99d00ca5d41e6fa247391cc78b9cafed82b8f09477f
    spec:
      serviceAccountName: node-watch-peregrine
      automountServiceAccountToken: false
      terminationGracePeriodSeconds: 30
      securityContext:
        # Owns the volume and may read the certificates.
        fsGroup: 65532
      containers:
        - name: exporter
          image: peregrine:0.1.0
          imagePullPolicy: IfNotPresent
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
          resources:
            limits:
              memory: 512Mi
            requests:
              cpu: 50m
              memory: 128Mi
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
          env:
            # Each address of the name is a daemon; looked at again every ten seconds.
            - { name: PEREGRINE_FALCO, value: 'dns:node-watch-peregrine-daemons.security.svc:5060' }
            - { name: PEREGRINE_FALCO_TLS_CA, value: /etc/peregrine/certs/ca.crt }
            - { name: PEREGRINE_FALCO_TLS_CERT, value: /etc/peregrine/certs/client.crt }
            - { name: PEREGRINE_FALCO_TLS_KEY, value: /etc/peregrine/certs/client.key }
            - { name: PEREGRINE_LISTEN, value: '0.0.0.0:9376' }
            - { name: PEREGRINE_SERIES_BUDGET, value: "20000" }
          volumeMounts:
            - { name: store, mountPath: /var/lib/peregrine-exporter }
            - { name: certs, mountPath: /etc/peregrine/certs, readOnly: true }
      volumes:
        - name: store
          persistentVolumeClaim: { claimName: node-watch-peregrine-exporter }
        - name: certs
          secret: { secretName: exporter, defaultMode: 288 }

`

exports[`dist/test/stack/helm.test.js > TAP > falco: the pods are as they were > daemonset 1`] = `
---
# Source: peregrine/templates/daemonset.yaml
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: node-watch-peregrine
  labels:
    app.kubernetes.io/name: peregrine
    app.kubernetes.io/instance: node-watch
    app.kubernetes.io/version: "0.1.0"
    app.kubernetes.io/managed-by: Helm
    helm.sh/chart: peregrine-0.1.0
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: peregrine
      app.kubernetes.io/instance: node-watch
      app.kubernetes.io/component: daemon
  updateStrategy:
    rollingUpdate:
      maxSurge: 0
      maxUnavailable: 1
    type: RollingUpdate
  template:
    metadata:
      labels:
        app.kubernetes.io/name: peregrine
        app.kubernetes.io/instance: node-watch
        app.kubernetes.io/version: "0.1.0"
        app.kubernetes.io/managed-by: Helm
        helm.sh/chart: peregrine-0.1.0
        app.kubernetes.io/component: daemon
      annotations:
        # New rules or certificates, new pods.
        checksum/rules: 30151517d5f0538457ce321691f5420543bea5df8471ddb66bdd2815af227167
        checksum/certs: 9f3b1f16c23dd869e1758bca92379271738136877464d6bc2d2f86ea853171cc
        kubectl.kubernetes.io/default-container: peregrined
    spec:
      serviceAccountName: node-watch-peregrine
      automountServiceAccountToken: false
      tolerations:
        - effect: NoSchedule
          operator: Exists
      # The processes of the node, by their true pids.
      hostPID: true
      terminationGracePeriodSeconds: 30
      securityContext:
        # Lets the exporter open the socket, which has mode 0660.
        fsGroup: 65532
      initContainers:
        # What a hostPath volume is created with belongs to root; the exporter does not run as root.
        - name: own-store
          image: peregrine:0.1.0
          imagePullPolicy: IfNotPresent
          command: [/app/node_modules/.bin/node, -e]
          args: ["require('node:fs').chownSync('/var/lib/peregrine-exporter', 65532, 65532)"]
          securityContext:
            runAsUser: 0
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
              add: [CHOWN]
            seccompProfile:
              type: RuntimeDefault
          resources:
            requests: { cpu: 10m, memory: 64Mi }
            limits: { memory: 128Mi }
          volumeMounts:
            - { name: store, mountPath: /var/lib/peregrine-exporter }
      containers:
        - name: peregrined
          image: peregrined:0.1.0
          imagePullPolicy: Always
          args:
            - --grpc-socket=unix:///run/peregrine/peregrine.sock
            - --grpc-socket-group=65532
            - --rules-dir=/etc/peregrine/rules.d
            - --priority=notice
            - --rule-matching=all
            - --state-dir=/var/lib/peregrine
            - --journal-limit-bytes=268435456
            - --journal-age=7d
            - --stdout=json
            - --json-output
            - --http-output=http://siem/
            - "-o=http_output.insecure=true"
            - --log-level=warn
            - --runtime-socket=containerd=/host/run/k3s/containerd/containerd.sock
            - --runtime-socket=cri=/host/run/crio/crio.sock
            - --runtime-socket=docker=/host/var/run/docker.sock
          env:
            - name: NODE_NAME
              valueFrom:
                fieldRef: { fieldPath: spec.nodeName }
          securityContext:
            allowPrivilegeEscalation: false
            appArmorProfile:
              type: Unconfined
            capabilities:
              add:
              - BPF
              - PERFMON
              - SYS_PTRACE
              - DAC_READ_SEARCH
              - CHOWN
              - SETPCAP
              drop:
              - ALL
            privileged: false
            readOnlyRootFilesystem: true
            runAsUser: 0
            seccompProfile:
              type: Unconfined
          resources:
            limits:
              memory: 512Mi
            requests:
              cpu: 100m
              memory: 128Mi
          volumeMounts:
            - { name: run, mountPath: /run/peregrine }
            - { name: journal, mountPath: /var/lib/peregrine }
            - { name: rules, mountPath: /etc/peregrine/rules.d, readOnly: true }
            - { name: tracing, mountPath: /sys/kernel/tracing, readOnly: true }
            - { name: runtime-0, mountPath: /host/run/k3s/containerd, readOnly: true }
            - { name: runtime-1, mountPath: /host/run/crio, readOnly: true }
            - { name: runtime-2, mountPath: /host/var/run, readOnly: true }
        - name: exporter
          image: peregrine:0.1.0
          imagePullPolicy: IfNotPresent
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
          resources:
            limits:
              memory: 512Mi
            requests:
              cpu: 50m
              memory: 128Mi
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
          env:
            - { name: PEREGRINE_FALCO, value: 'unix:///run/peregrine/peregrine.sock' }
            - name: PEREGRINE_HOSTNAME
              valueFrom:
                fieldRef: { fieldPath: spec.nodeName }
            - { name: PEREGRINE_LISTEN, value: '0.0.0.0:9376' }
            - { name: PEREGRINE_SERIES_BUDGET, value: "20000" }
            - { name: PEREGRINE_LOKI_URL, value: "http://loki:3100" }
          volumeMounts:
            - { name: run, mountPath: /run/peregrine, readOnly: true }
            - { name: store, mountPath: /var/lib/peregrine-exporter }
      volumes:
        - name: run
          emptyDir: { medium: Memory, sizeLimit: 1Mi }
        - name: journal
          hostPath: { path: /var/lib/peregrine, type: DirectoryOrCreate }
        - name: store
          hostPath: { path: /var/lib/peregrine-exporter, type: DirectoryOrCreate }
        - name: rules
          configMap: { name: node-watch-peregrine-rules }
        - name: tracing
          hostPath: { path: /sys/kernel/tracing }
        # The folders and not the sockets: a runtime that starts again makes a new one.
        - name: runtime-0
          hostPath: { path: /run/k3s/containerd, type: DirectoryOrCreate }
        - name: runtime-1
          hostPath: { path: /run/crio, type: DirectoryOrCreate }
        - name: runtime-2
          hostPath: { path: /var/run, type: DirectoryOrCreate }

`

exports[`dist/test/stack/helm.test.js > TAP > operator: the pods are as they were > daemonset 1`] = `
---
# Source: peregrine/templates/daemonset.yaml
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: node-watch-peregrine
  labels:
    app.kubernetes.io/name: peregrine
    app.kubernetes.io/instance: node-watch
    app.kubernetes.io/version: "0.1.0"
    app.kubernetes.io/managed-by: Helm
    helm.sh/chart: peregrine-0.1.0
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: peregrine
      app.kubernetes.io/instance: node-watch
      app.kubernetes.io/component: daemon
  updateStrategy:
    rollingUpdate:
      maxSurge: 0
      maxUnavailable: 1
    type: RollingUpdate
  template:
    metadata:
      labels:
        app.kubernetes.io/name: peregrine
        app.kubernetes.io/instance: node-watch
        app.kubernetes.io/version: "0.1.0"
        app.kubernetes.io/managed-by: Helm
        helm.sh/chart: peregrine-0.1.0
        app.kubernetes.io/component: daemon
      annotations:
        # New rules or certificates, new pods.
        checksum/rules: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
        checksum/certs: 9f3b1f16c23dd869e1758bca92379271738136877464d6bc2d2f86ea853171cc
        kubectl.kubernetes.io/default-container: peregrined
    spec:
      serviceAccountName: node-watch-peregrine
      automountServiceAccountToken: false
      priorityClassName: system-node-critical
      tolerations:
        - operator: Exists
      # The processes of the node, by their true pids.
      hostPID: true
      terminationGracePeriodSeconds: 30
      securityContext:
        # Lets the exporter open the socket, which has mode 0660.
        fsGroup: 65532
      initContainers:
        # What a hostPath volume is created with belongs to root; the exporter does not run as root.
        - name: own-store
          image: peregrine:0.1.0
          imagePullPolicy: IfNotPresent
          command: [/app/node_modules/.bin/node, -e]
          args: ["require('node:fs').chownSync('/var/lib/peregrine-exporter', 65532, 65532)"]
          securityContext:
            runAsUser: 0
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
              add: [CHOWN]
            seccompProfile:
              type: RuntimeDefault
          resources:
            requests: { cpu: 10m, memory: 64Mi }
            limits: { memory: 128Mi }
          volumeMounts:
            - { name: store, mountPath: /var/lib/peregrine-exporter }
      containers:
        - name: peregrined
          image: peregrined:0.1.0
          imagePullPolicy: IfNotPresent
          args:
            - --grpc-socket=unix:///run/peregrine/peregrine.sock
            - --grpc-socket-group=65532
            - --rules-dir=/etc/peregrine/rules.d
            - --priority=debug
            - --rule-matching=first
            - --state-dir=/var/lib/peregrine
            - --journal-limit-bytes=268435456
            - --journal-age=7d
            - --stdout=text
            - --log-level=info
            - --runtime-socket=containerd=/host/run/containerd/containerd.sock
            - --runtime-socket=containerd=/host/run/k3s/containerd/containerd.sock
            - --runtime-socket=containerd=/host/run/k0s/containerd.sock
            - --runtime-socket=cri=/host/run/crio/crio.sock
          env:
            - name: NODE_NAME
              valueFrom:
                fieldRef: { fieldPath: spec.nodeName }
          securityContext:
            allowPrivilegeEscalation: false
            appArmorProfile:
              type: Unconfined
            capabilities:
              add:
              - BPF
              - PERFMON
              - SYS_PTRACE
              - DAC_READ_SEARCH
              - CHOWN
              - SETPCAP
              drop:
              - ALL
            privileged: false
            readOnlyRootFilesystem: true
            runAsUser: 0
            seccompProfile:
              type: Unconfined
          resources:
            limits:
              memory: 512Mi
            requests:
              cpu: 100m
              memory: 128Mi
          volumeMounts:
            - { name: run, mountPath: /run/peregrine }
            - { name: journal, mountPath: /var/lib/peregrine }
            - { name: rules, mountPath: /etc/peregrine/rules.d, readOnly: true }
            - { name: tracing, mountPath: /sys/kernel/tracing, readOnly: true }
            - { name: runtime-0, mountPath: /host/run/containerd, readOnly: true }
            - { name: runtime-1, mountPath: /host/run/k3s/containerd, readOnly: true }
            - { name: runtime-2, mountPath: /host/run/k0s, readOnly: true }
            - { name: runtime-3, mountPath: /host/run/crio, readOnly: true }
        - name: exporter
          image: peregrine:0.1.0
          imagePullPolicy: IfNotPresent
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
          resources:
            limits:
              memory: 512Mi
            requests:
              cpu: 50m
              memory: 128Mi
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
          env:
            - { name: PEREGRINE_FALCO, value: 'unix:///run/peregrine/peregrine.sock' }
            - name: PEREGRINE_HOSTNAME
              valueFrom:
                fieldRef: { fieldPath: spec.nodeName }
            - { name: PEREGRINE_LISTEN, value: '0.0.0.0:9376' }
            - { name: PEREGRINE_SERIES_BUDGET, value: "20000" }
            - { name: PEREGRINE_LOKI_URL, value: "http://loki-gateway.loki" }
            - { name: PEREGRINE_LOKI_TENANT, value: "security" }
          volumeMounts:
            - { name: run, mountPath: /run/peregrine, readOnly: true }
            - { name: store, mountPath: /var/lib/peregrine-exporter }
      volumes:
        - name: run
          emptyDir: { medium: Memory, sizeLimit: 1Mi }
        - name: journal
          hostPath: { path: /var/lib/peregrine, type: DirectoryOrCreate }
        - name: store
          hostPath: { path: /var/lib/peregrine-exporter, type: DirectoryOrCreate }
        - name: rules
          configMap: { name: node-watch-peregrine-rules }
        - name: tracing
          hostPath: { path: /sys/kernel/tracing }
        # The folders and not the sockets: a runtime that starts again makes a new one.
        - name: runtime-0
          hostPath: { path: /run/containerd, type: DirectoryOrCreate }
        - name: runtime-1
          hostPath: { path: /run/k3s/containerd, type: DirectoryOrCreate }
        - name: runtime-2
          hostPath: { path: /run/k0s, type: DirectoryOrCreate }
        - name: runtime-3
          hostPath: { path: /run/crio, type: DirectoryOrCreate }

`

exports[`dist/test/stack/helm.test.js > TAP > plain: the pods are as they were > daemonset 1`] = `
---
# Source: peregrine/templates/daemonset.yaml
apiVersion: apps/v1
kind: DaemonSet
metadata:
  name: node-watch-peregrine
  labels:
    app.kubernetes.io/name: peregrine
    app.kubernetes.io/instance: node-watch
    app.kubernetes.io/version: "0.1.0"
    app.kubernetes.io/managed-by: Helm
    helm.sh/chart: peregrine-0.1.0
spec:
  selector:
    matchLabels:
      app.kubernetes.io/name: peregrine
      app.kubernetes.io/instance: node-watch
      app.kubernetes.io/component: daemon
  updateStrategy:
    rollingUpdate:
      maxSurge: 0
      maxUnavailable: 1
    type: RollingUpdate
  template:
    metadata:
      labels:
        app.kubernetes.io/name: peregrine
        app.kubernetes.io/instance: node-watch
        app.kubernetes.io/version: "0.1.0"
        app.kubernetes.io/managed-by: Helm
        helm.sh/chart: peregrine-0.1.0
        app.kubernetes.io/component: daemon
      annotations:
        # New rules or certificates, new pods.
        checksum/rules: 44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
        checksum/certs: 9f3b1f16c23dd869e1758bca92379271738136877464d6bc2d2f86ea853171cc
        kubectl.kubernetes.io/default-container: peregrined
    spec:
      serviceAccountName: node-watch-peregrine
      automountServiceAccountToken: false
      tolerations:
        - operator: Exists
      # The processes of the node, by their true pids.
      hostPID: true
      terminationGracePeriodSeconds: 30
      securityContext:
        # Lets the exporter open the socket, which has mode 0660.
        fsGroup: 65532
      initContainers:
        # What a hostPath volume is created with belongs to root; the exporter does not run as root.
        - name: own-store
          image: peregrine:0.1.0
          imagePullPolicy: IfNotPresent
          command: [/app/node_modules/.bin/node, -e]
          args: ["require('node:fs').chownSync('/var/lib/peregrine-exporter', 65532, 65532)"]
          securityContext:
            runAsUser: 0
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities:
              drop: [ALL]
              add: [CHOWN]
            seccompProfile:
              type: RuntimeDefault
          resources:
            requests: { cpu: 10m, memory: 64Mi }
            limits: { memory: 128Mi }
          volumeMounts:
            - { name: store, mountPath: /var/lib/peregrine-exporter }
      containers:
        - name: peregrined
          image: peregrined:0.1.0
          imagePullPolicy: IfNotPresent
          args:
            - --grpc-socket=unix:///run/peregrine/peregrine.sock
            - --grpc-socket-group=65532
            - --rules-dir=/etc/peregrine/rules.d
            - --priority=debug
            - --rule-matching=first
            - --state-dir=/var/lib/peregrine
            - --journal-limit-bytes=268435456
            - --journal-age=7d
            - --stdout=text
            - --log-level=info
            - --runtime-socket=containerd=/host/run/containerd/containerd.sock
            - --runtime-socket=containerd=/host/run/k3s/containerd/containerd.sock
            - --runtime-socket=containerd=/host/run/k0s/containerd.sock
            - --runtime-socket=cri=/host/run/crio/crio.sock
          env:
            - name: NODE_NAME
              valueFrom:
                fieldRef: { fieldPath: spec.nodeName }
          securityContext:
            allowPrivilegeEscalation: false
            appArmorProfile:
              type: Unconfined
            capabilities:
              add:
              - BPF
              - PERFMON
              - SYS_PTRACE
              - DAC_READ_SEARCH
              - CHOWN
              - SETPCAP
              drop:
              - ALL
            privileged: false
            readOnlyRootFilesystem: true
            runAsUser: 0
            seccompProfile:
              type: Unconfined
          resources:
            limits:
              memory: 512Mi
            requests:
              cpu: 100m
              memory: 128Mi
          volumeMounts:
            - { name: run, mountPath: /run/peregrine }
            - { name: journal, mountPath: /var/lib/peregrine }
            - { name: rules, mountPath: /etc/peregrine/rules.d, readOnly: true }
            - { name: tracing, mountPath: /sys/kernel/tracing, readOnly: true }
            - { name: runtime-0, mountPath: /host/run/containerd, readOnly: true }
            - { name: runtime-1, mountPath: /host/run/k3s/containerd, readOnly: true }
            - { name: runtime-2, mountPath: /host/run/k0s, readOnly: true }
            - { name: runtime-3, mountPath: /host/run/crio, readOnly: true }
        - name: exporter
          image: peregrine:0.1.0
          imagePullPolicy: IfNotPresent
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
          resources:
            limits:
              memory: 512Mi
            requests:
              cpu: 50m
              memory: 128Mi
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
          env:
            - { name: PEREGRINE_FALCO, value: 'unix:///run/peregrine/peregrine.sock' }
            - name: PEREGRINE_HOSTNAME
              valueFrom:
                fieldRef: { fieldPath: spec.nodeName }
            - { name: PEREGRINE_LISTEN, value: '0.0.0.0:9376' }
            - { name: PEREGRINE_SERIES_BUDGET, value: "20000" }
          volumeMounts:
            - { name: run, mountPath: /run/peregrine, readOnly: true }
            - { name: store, mountPath: /var/lib/peregrine-exporter }
      volumes:
        - name: run
          emptyDir: { medium: Memory, sizeLimit: 1Mi }
        - name: journal
          hostPath: { path: /var/lib/peregrine, type: DirectoryOrCreate }
        - name: store
          hostPath: { path: /var/lib/peregrine-exporter, type: DirectoryOrCreate }
        - name: rules
          configMap: { name: node-watch-peregrine-rules }
        - name: tracing
          hostPath: { path: /sys/kernel/tracing }
        # The folders and not the sockets: a runtime that starts again makes a new one.
        - name: runtime-0
          hostPath: { path: /run/containerd, type: DirectoryOrCreate }
        - name: runtime-1
          hostPath: { path: /run/k3s/containerd, type: DirectoryOrCreate }
        - name: runtime-2
          hostPath: { path: /run/k0s, type: DirectoryOrCreate }
        - name: runtime-3
          hostPath: { path: /run/crio, type: DirectoryOrCreate }

`
