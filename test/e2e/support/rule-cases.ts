/**
 * For each built-in rule a deed that it is for and a near miss, as shell scripts.
 *
 * `$MARK` must show in the alert (in the command line or in a path) and tells whose alert it is.
 * `$DIR` is a folder of the test's own with copies of the deed `calls` under other names; `$CALLS`
 * is the deed itself. In containers `$DIR` is there under the same name.
 */
export interface RuleCase {
  readonly rule: string
  readonly deed: string
  readonly nearMiss: string
}

/** Copies of `calls` that stand for these programs. */
export const STAND_INS = [
  ...['gdb', 'nginx', 'nmap', 'ping', 'pkexec', 'postgres', 'runc', 'ssh', 'sshd', 'strace'],
  ...['su', 'sudoedit'],
] as const

const AS_USER = 'setpriv --reuid=12345 --clear-groups'
/** In a fresh network, where the address cannot be anybody's. */
const ALONE = 'unshare -n sh -c'
const ADDRESS = 'busybox ifconfig lo 192.0.2.1 up'

export const ON_HOST: readonly RuleCase[] = [
  {
    rule: 'Run shell untrusted',
    deed: '$DIR/nginx spawn /bin/sh -c "true $MARK"',
    nearMiss: '$DIR/nginx spawn /bin/true $MARK',
  },
  {
    rule: 'System user interactive',
    deed: `script -qec "setpriv --reuid=daemon --clear-groups /bin/echo $MARK" /dev/null`,
    nearMiss: `script -qec "${AS_USER} /bin/echo $MARK" /dev/null`,
  },
  {
    rule: 'Read sensitive file trusted after startup',
    deed: '$DIR/nginx open /etc/shadow 6 $MARK',
    nearMiss: '$DIR/nginx open /etc/passwd 6 $MARK',
  },
  {
    rule: 'Read sensitive file untrusted',
    deed: 'cat /etc/shadow $MARK',
    nearMiss: 'cat /etc/passwd $MARK',
  },
  {
    rule: 'Directory traversal monitored file read',
    deed: 'cat /usr/../etc/passwd $MARK',
    nearMiss: 'cat /etc/passwd $MARK',
  },
  {
    rule: 'Clear Log Activities',
    deed: 'mkdir -p /var/log/$MARK; echo >>/var/log/$MARK/syslog; echo >/var/log/$MARK/syslog; rm -r /var/log/$MARK',
    nearMiss: 'mkdir -p /var/log/$MARK; echo >>/var/log/$MARK/syslog; rm -r /var/log/$MARK',
  },
  {
    rule: 'Remove Bulk Data from Disk',
    deed: 'echo >$DIR/$MARK; shred -u $DIR/$MARK',
    nearMiss: 'echo >$DIR/$MARK; rm $DIR/$MARK',
  },
  {
    rule: 'Create Symlink Over Sensitive Files',
    deed: 'ln -s /etc/shadow $DIR/$MARK',
    nearMiss: 'ln -s /etc/passwd $DIR/$MARK',
  },
  {
    rule: 'Create Hardlink Over Sensitive Files',
    deed: 'ln /etc/shadow /etc/$MARK; rm /etc/$MARK',
    nearMiss: 'ln /etc/passwd /etc/$MARK; rm /etc/$MARK',
  },
  {
    rule: 'Search Private Keys or Passwords',
    deed: 'grep id_rsa /dev/null $MARK',
    nearMiss: 'grep id /dev/null $MARK',
  },
  {
    rule: 'Find AWS Credentials',
    deed: 'grep aws_secret_access_key /dev/null $MARK',
    nearMiss: 'grep aws /dev/null $MARK',
  },
  {
    rule: 'Fileless execution via memfd_create',
    deed: '$UNLINKED memfd /bin/echo $MARK',
    nearMiss: '$UNLINKED $DIR/unlinked-file /bin/echo $MARK',
  },
  {
    rule: 'Execution from /dev/shm',
    deed: 'echo true >/dev/shm/$MARK; sh /dev/shm/$MARK; rm /dev/shm/$MARK',
    nearMiss: 'echo true >$DIR/$MARK; sh $DIR/$MARK',
  },
  {
    rule: 'PTRACE attached to process',
    deed: '$CALLS attach $MARK',
    nearMiss: '$DIR/strace attach $MARK',
  },
  {
    rule: 'PTRACE anti-debug attempt',
    deed: '$CALLS traceme $MARK',
    nearMiss: '$DIR/gdb spawn $CALLS traceme $MARK',
  },
  {
    rule: 'Disallowed SSH Connection Non Standard Port',
    deed: `${ALONE} "${ADDRESS}; $DIR/ssh tcp 192.0.2.1 2222 $MARK"`,
    nearMiss: `${ALONE} "${ADDRESS}; $DIR/ssh tcp 192.0.2.1 22 $MARK"`,
  },
  {
    rule: 'Write below etc',
    deed: 'echo >/etc/$MARK; rm /etc/$MARK',
    nearMiss: 'echo >$DIR/$MARK',
  },
  {
    rule: 'Write below root',
    deed: 'setsid -w sh -c "echo >/root/$MARK; rm /root/$MARK"',
    nearMiss:
      'setsid -w sh -c "mkdir -p /root/.cache; echo >/root/.cache/$MARK; rm /root/.cache/$MARK"',
  },
  {
    rule: 'Write below binary dir',
    deed: 'echo >/usr/local/bin/$MARK; rm /usr/local/bin/$MARK',
    nearMiss: 'echo >/usr/local/lib/$MARK; rm /usr/local/lib/$MARK',
  },
  {
    rule: 'Modify Shell Configuration File',
    deed: 'mkdir $DIR/$MARK; cp /dev/null $DIR/$MARK/.bashrc',
    nearMiss: 'mkdir $DIR/$MARK; cp /dev/null $DIR/$MARK/.bash',
  },
  {
    rule: 'Schedule Cron Jobs',
    deed: 'mkdir -p /etc/cron.d; cp /dev/null /etc/cron.d/$MARK; rm /etc/cron.d/$MARK',
    nearMiss: 'cp /dev/null /etc/$MARK; rm /etc/$MARK',
  },
  {
    rule: 'Adding ssh keys to authorized_keys',
    deed: 'mkdir $DIR/$MARK; cp /dev/null $DIR/$MARK/authorized_keys',
    nearMiss: 'mkdir $DIR/$MARK; cp /dev/null $DIR/$MARK/known_hosts',
  },
  {
    rule: 'Read ssh information',
    deed: 'mkdir -p /root/.ssh; : >/root/.ssh/$MARK; cat /root/.ssh/$MARK; rm /root/.ssh/$MARK',
    nearMiss: 'mkdir -p $DIR/.ssh; : >$DIR/.ssh/$MARK; cat $DIR/.ssh/$MARK',
  },
  {
    rule: 'Delete or rename shell history',
    deed: 'mkdir $DIR/$MARK; : >$DIR/$MARK/.bash_history; rm $DIR/$MARK/.bash_history',
    nearMiss: 'mkdir $DIR/$MARK; : >$DIR/$MARK/history; rm $DIR/$MARK/history',
  },
  {
    rule: 'Set Setuid or Setgid bit',
    deed: ': >$DIR/$MARK; chmod u+s $DIR/$MARK',
    nearMiss: ': >$DIR/$MARK; chmod u+x $DIR/$MARK',
  },
  {
    rule: 'Non sudo setuid',
    deed: 'echo 1000 >/proc/self/loginuid; exec $CALLS setuid $MARK',
    nearMiss: 'echo 1000 >/proc/self/loginuid; exec $DIR/su setuid $MARK',
  },
  {
    rule: 'Sudo Potential Privilege Escalation',
    deed: `${AS_USER} $DIR/sudoedit -s "$MARK\\\\"`,
    nearMiss: `${AS_USER} $DIR/sudoedit -s "$MARK"`,
  },
  {
    rule: 'Polkit Local Privilege Escalation Vulnerability (CVE-2021-4034)',
    deed: `mkdir $DIR/$MARK; cp $DIR/pkexec $DIR/$MARK; ${AS_USER} $DIR/$MARK/pkexec`,
    nearMiss: `mkdir $DIR/$MARK; cp $DIR/pkexec $DIR/$MARK; ${AS_USER} $DIR/$MARK/pkexec true`,
  },
  {
    rule: 'Potential Local Privilege Escalation via Environment Variables Misuse',
    deed: 'GLIBC_TUNABLES=glibc.malloc.mxfast=1 $DIR/su $MARK',
    nearMiss: 'GLIBC_TUNABLES=glibc.malloc.mxfast=1 $DIR/ping $MARK',
  },
  {
    rule: 'Backdoored library loaded into SSHD (CVE-2024-3094)',
    deed: 'mkdir $DIR/$MARK; : >$DIR/$MARK/liblzma.so.5.6.1; $DIR/sshd open $DIR/$MARK/liblzma.so.5.6.1 0',
    nearMiss:
      'mkdir $DIR/$MARK; : >$DIR/$MARK/liblzma.so.5.4.1; $DIR/sshd open $DIR/$MARK/liblzma.so.5.4.1 0',
  },
  {
    rule: 'BPF Program Not Profiled',
    deed: '$CALLS bpf-program $MARK',
    nearMiss: '$CALLS bpf-map $MARK',
  },
  {
    rule: 'Change thread namespace',
    deed: '$CALLS setns $MARK',
    nearMiss: '$DIR/runc setns $MARK',
  },
  {
    rule: 'Unprivileged Delegation of Page Faults Handling to a Userspace Process',
    deed: `${AS_USER} $CALLS userfaultfd $MARK`,
    nearMiss: '$CALLS userfaultfd $MARK',
  },
  {
    rule: 'DB program spawned process',
    deed: '$DIR/postgres spawn /bin/true $MARK',
    nearMiss: '$DIR/postgres spawn $DIR/postgres none $MARK',
  },
  {
    rule: 'Launch Suspicious Network Tool on Host',
    deed: '$DIR/nmap $MARK',
    nearMiss: '$DIR/ping $MARK',
  },
  {
    rule: 'Detect crypto miners using the Stratum protocol',
    deed: '/bin/echo stratum+tcp://$MARK',
    nearMiss: '/bin/echo stratum://$MARK',
  },
]

/** In an ordinary container; its shell is busybox, which runs its own for names without a path. */
export const IN_CONTAINER: readonly RuleCase[] = [
  {
    rule: 'Drop and execute new binary in container',
    deed: 'cp /bin/busybox /tmp/busybox; /tmp/busybox echo $MARK',
    nearMiss: '/bin/busybox echo $MARK',
  },
  {
    rule: 'Detect release_agent File Container Escapes',
    deed: 'mkdir -p /tmp/$MARK; echo >/tmp/$MARK/release_agent',
    nearMiss: 'mkdir -p /tmp/$MARK; echo >/tmp/$MARK/release_agents',
  },
  {
    rule: 'Linux Kernel Module Injection Detected',
    deed: '$CALLS module $MARK',
    nearMiss: '$CALLS none $MARK',
  },
  {
    rule: 'Netcat Remote Code Execution in Container',
    deed: '/bin/nc -e /bin/$MARK 127.0.0.1 1',
    nearMiss: '/bin/nc 127.0.0.1 1 $MARK',
  },
  {
    rule: 'Redirect STDOUT/STDIN to Network Connection in Container',
    deed: '$CALLS redirect 1 $MARK',
    nearMiss: '$CALLS redirect 77 $MARK',
  },
  {
    rule: 'Packet socket created in container',
    deed: '$CALLS packet-socket $MARK',
    nearMiss: '$CALLS udp-socket $MARK',
  },
  {
    rule: 'Contact K8S API Server From Container',
    deed: 'KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=6443 $CALLS tcp 127.0.0.1 6443 $MARK',
    nearMiss:
      'KUBERNETES_SERVICE_HOST=127.0.0.1 KUBERNETES_SERVICE_PORT=6443 $CALLS tcp 127.0.0.1 6444 $MARK',
  },
  {
    rule: 'Contact cloud metadata service from container',
    deed: 'ifconfig lo:1 169.254.169.254 up; $CALLS tcp 169.254.169.254 8080 $MARK',
    nearMiss: 'ifconfig lo:2 169.254.169.253 up; $CALLS tcp 169.254.169.253 8080 $MARK',
  },
  {
    rule: 'Read environment variable from /proc files',
    deed: '/bin/cat /proc/1/environ $MARK',
    nearMiss: '/bin/cat /proc/1/cmdline $MARK',
  },
  {
    rule: 'User mgmt binaries',
    deed: '/bin/adduser $MARK',
    nearMiss: '/bin/id $MARK',
  },
  {
    rule: 'Launch Package Management Process in Container',
    deed: '/bin/apk add $MARK',
    nearMiss: '/bin/cat apk $MARK',
  },
  {
    rule: 'Launch Suspicious Network Tool in Container',
    deed: '/bin/nc 127.0.0.1 1 $MARK',
    nearMiss: '/bin/cat nc $MARK',
  },
  {
    rule: 'Launch Remote File Copy Tools in Container',
    deed: '/bin/rsync $MARK',
    nearMiss: '/bin/cat rsync $MARK',
  },
  {
    rule: 'Launch Ingress Remote File Copy Tools in Container',
    deed: '/bin/wget $MARK',
    nearMiss: '/bin/curl $MARK',
  },
  {
    rule: 'Decoding Payload in Container',
    deed: '/bin/base64 -d $MARK',
    nearMiss: '/bin/base64 $MARK',
  },
]

/** Started by the runtime: the deed on a terminal, the near miss without one. */
export const ON_TERMINAL: readonly RuleCase[] = [
  {
    rule: 'Terminal shell in container',
    deed: '/bin/sh /dev/null $MARK',
    nearMiss: '/bin/sh /dev/null $MARK',
  },
]

/** Started by the runtime itself, as words and not by a shell. */
export const BY_RUNTIME: readonly RuleCase[] = [
  {
    rule: 'Exfiltrating Artifacts via Kubernetes Control Plane',
    deed: 'tar cf - /etc/passwd $MARK',
    nearMiss: 'tar cf /dev/null /etc/passwd $MARK',
  },
]

/** In a privileged container; the near miss is the same in an ordinary one. */
export const IN_PRIVILEGED_CONTAINER: readonly RuleCase[] = [
  {
    rule: 'Debugfs Launched in Privileged Container',
    deed: '/bin/debugfs $MARK',
    nearMiss: '/bin/debugfs $MARK',
  },
  {
    rule: 'Mount Launched in Privileged Container',
    deed: '/bin/mount $MARK /mnt',
    nearMiss: '/bin/mount $MARK /mnt',
  },
]

/** Options with which a container is started. */
export const STARTED: readonly RuleCase[] = [
  {
    rule: 'Launch Privileged Container',
    deed: '--privileged',
    nearMiss: '--cap-add=ALL',
  },
]
