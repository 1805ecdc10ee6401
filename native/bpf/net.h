/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * connect(2), judged at exit from the kernel's socket. A refused connection has lost its remote
 * address by then; so the caller's copy goes along, and a flag says when it is all there is.
 */
#ifndef PEREGRINE_NET_H
#define PEREGRINE_NET_H

static __always_inline const struct sock *sock_of(const struct file *file, __u16 *type)
{
	const struct inode *inode = BPF_CORE_READ(file, f_inode);
	const struct socket *socket;

	if (!file || (BPF_CORE_READ(inode, i_mode) & S_IFMT) != S_IFSOCK)
		return NULL;
	socket = BPF_CORE_READ(file, private_data);
	*type = BPF_CORE_READ(socket, type);
	return BPF_CORE_READ(socket, sk);
}

static __always_inline void inet_fill(struct socket_facts *record, const struct sock *sock)
{
	record->local_port = BPF_CORE_READ(sock, __sk_common.skc_num);
	/* A connection that has ended has given its port back, but still knows it. */
	if (!record->local_port)
		record->local_port = __builtin_bswap16(
			BPF_CORE_READ((const struct inet_sock *)(const void *)sock, inet_sport));
	record->remote_port = __builtin_bswap16(BPF_CORE_READ(sock, __sk_common.skc_dport));
	if (record->family == AF_INET) {
		bpf_core_read(record->local_address, 4, &sock->__sk_common.skc_rcv_saddr);
		bpf_core_read(record->remote_address, 4, &sock->__sk_common.skc_daddr);
		return;
	}
	bpf_core_read(record->local_address, 16, &sock->__sk_common.skc_v6_rcv_saddr);
	bpf_core_read(record->remote_address, 16, &sock->__sk_common.skc_v6_daddr);
}

/* Appends the name that a unix socket is bound to, its leading NUL if abstract. */
static __always_inline __u32 append_unix_name(struct scratch *scratch, const struct sock *sock)
{
	const struct unix_address *address =
		BPF_CORE_READ((const struct unix_sock *)(const void *)sock, addr);
	int length = BPF_CORE_READ(address, len);

	if (!sock || !address || length <= 2 || length > 110)
		return 0;
	length -= 2;
	if (bpf_probe_read_kernel(scratch_end(scratch), length & 127, &address->name[0].sun_path))
		return 0;
	scratch->position += length;
	return length;
}

/*
 * Did the other end connect to this one? Of TCP only: a socket that accept(2) gives has the
 * interface that the handshake came through where others have that of multicast
 * (tcp_v4_syn_recv_sock() and its twin), which no TCP socket uses.
 */
static __always_inline bool is_accepted(const struct sock *sock, __u16 family)
{
	const struct inet_sock *inet = (const void *)sock;

	return BPF_CORE_READ(inet, mc_index) ||
	       (family == AF_INET6 && BPF_CORE_READ(inet, pinet6, mcast_oif));
}

/* Fills in what the socket says; the peer of a unix socket, too. */
static __always_inline void socket_fill(struct socket_facts *facts, const struct file *file,
					const struct sock *sock, __u16 type)
{
	facts->inode = BPF_CORE_READ(file, f_inode, i_ino);
	facts->socket = (__u64)sock;
	facts->type = type;
	facts->family = BPF_CORE_READ(sock, __sk_common.skc_family);
	facts->protocol = BPF_CORE_READ(sock, sk_protocol);
	facts->state = BPF_CORE_READ(sock, __sk_common.skc_state);
	facts->is_listening = facts->state == TCP_LISTEN;
	if (facts->is_listening) {
		facts->queue = BPF_CORE_READ(sock, sk_ack_backlog);
		facts->queue_limit = BPF_CORE_READ(sock, sk_max_ack_backlog);
	}
	if (facts->family == AF_INET || facts->family == AF_INET6) {
		inet_fill(facts, sock);
		facts->is_accepted = facts->protocol == IPPROTO_TCP &&
				     is_accepted(sock, facts->family);
	}
	if (facts->family == AF_UNIX)
		facts->peer = (__u64)BPF_CORE_READ((const struct unix_sock *)(const void *)sock,
						   peer);
}

/* Fills in the socket behind a file, and sends the record; without a socket the caller's copy of
 * the address is all there is. */
static __always_inline void connect_finish(struct connect_record *record, struct scratch *scratch,
					   const struct file *file)
{
	__u16 type = 0;
	const struct sock *sock = sock_of(file, &type);

	if (sock) {
		socket_fill(&record->socket, file, sock, type);
		if (record->socket.family == AF_UNIX)
			record->path_length = append_unix_name(scratch,
							       (const void *)record->socket.peer);
	} else {
		record->header.flags |= RECORD_FROM_CALLER;
	}
	emit(&lane_busy, LANE_BUSY, scratch);
}

static __always_inline void connect_exit(struct task_struct *task, __s32 fd, const void *address,
					 __s32 address_length, __s64 result)
{
	struct scratch *scratch = scratch_get();
	struct file *file = file_of(task, fd);
	struct connect_record *record;

	if (!scratch || (__u32)(bpf_get_current_pid_tgid() >> 32) == config.own_pid)
		return;
	record = scratch_begin(scratch, sizeof(*record));
	__builtin_memset(record, 0, sizeof(*record));
	header_fill(&record->header, task, RECORD_CONNECT);
	record->result = result;
	record->fd = fd;
	if (address_length > LIMIT_ADDRESS) {
		address_length = LIMIT_ADDRESS;
		record->header.flags |= RECORD_TRUNCATED;
	}
	if (address_length > 0)
		record->address_length = append_user_bytes(scratch, (__u64)address,
							   (__u64)address + address_length,
							   LIMIT_ADDRESS, &record->header.flags);
	connect_finish(record, scratch, file);
}

#endif
