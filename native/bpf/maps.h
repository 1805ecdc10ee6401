/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* Every map of the programs. Sizes given as 1 or 4096 are set by the daemon before loading. */
#ifndef PEREGRINE_MAPS_H
#define PEREGRINE_MAPS_H

/* A record is put together in the lower half; the upper one is room for the last append. */
#define SCRATCH_HALF 65536
#define SCRATCH_SIZE (2 * SCRATCH_HALF)

struct scratch {
	__u8 bytes[SCRATCH_SIZE];
	/* Where the next append goes. In the map, so that to the verifier it is any number, masked
	 * where it is used: a position that it follows through a loop would never come to rest. */
	__u32 position;
	__u32 _pad;
};

/*
 * Key: CPU. Programs on tracepoints run with preemption off and none of ours runs in an
 * interrupt, so one scratch per CPU has one user at a time. An ordinary array, because values of a
 * per-CPU array end at 32 KiB.
 */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct scratch);
} scratch_records SEC(".maps");

/* Where the reader sees what a lane lost on this CPU. */
struct lane_state {
	__u64 sequence; /* of the newest record, lost ones included */
	__u64 drops; /* records that found the lane full */
	__u64 filtered; /* events that no rule can match */
	__u64 ring_lost; /* io_uring requests that found no room to be noted in */
	__u64 held_back; /* of the drops, those of a cgroup that had used up its share */
};

/* Key: lane. Written here, read by the daemon. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, N_LANES);
	__type(key, __u32);
	__type(value, struct lane_state);
} lane_states SEC(".maps");

/* Forks, execs, exits, cgroup moves. When full, the record is dropped and counted. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} lane_life_cycle SEC(".maps");

/* Everything else, so that a flood of it cannot push out an exec. When full as above. */
struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, 4096);
} lane_busy SEC(".maps");

/* A cgroup that sent while the busy lane was nearly full, see flood.h. */
struct flood {
	__u64 window; /* number of the stretch that `bytes` belongs to */
	__u64 bytes; /* sent or held back in it */
	__u64 held_back; /* records, ever */
	__u64 start_time; /* with `pid`: the process whose record was held back last */
	__u32 pid;
	__u32 _pad;
};

/* Key: id of the cgroup. What is pushed out is still counted in lane_state.held_back. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, struct flood);
} floods SEC(".maps");

#define PREFIX_BYTES 64

struct prefix_key {
	__u32 length; /* bits */
	__u8 text[PREFIX_BYTES];
};

/* Prefix of a name to the bits of control.opens_named that it fulfils, those of shorter prefixes
 * included. Written by the daemon when its rules change. */
struct {
	__uint(type, BPF_MAP_TYPE_LPM_TRIE);
	__uint(max_entries, 16384);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct prefix_key);
	__type(value, __u64);
} open_prefixes SEC(".maps");

#define LAST_BYTES 64

struct last_name {
	char text[LAST_BYTES]; /* zero behind its end */
};

/* Last name of a path to the bits of control.opens_last_named that it fulfils. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, struct last_name);
	__type(value, __u64);
} open_last_names SEC(".maps");

/* Key: number of a native call, or N_SYSCALLS and that of a 32-bit one. Written before loading. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 2 * N_SYSCALLS);
	__type(key, __u32);
	__type(value, struct recipe);
} recipes SEC(".maps");

#define ENTRY_BYTES 2048 /* of the sections; what is longer is cut, and flagged */

/* What was read of a call at its entry. */
struct read_at_entry {
	struct call_record record; /* header.length: of `bytes` */
	__u8 bytes[ENTRY_BYTES];
};

/* Key: thread. Taken out at the exit, which comes after each entry; when full, nothing is read. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct read_at_entry);
} read_at_entry SEC(".maps");

#define RING_NAME 1024 /* longer names are cut, and flagged */

/* A request in an io_uring, from its submission to its completion. */
struct ring_request {
	__u64 arguments[6]; /* as the call that it stands for would have them */
	__u64 resolve; /* of openat2 */
	__u32 number; /* of that call */
	__u32 flags; /* enum record_flag */
	__u16 lengths[2]; /* of the names, NUL included */
	__u8 opcode;
	__u8 is_direct; /* what it opens becomes no descriptor */
	__u8 _pad[2];
	char names[2][RING_NAME];
};

/* Key: address of the kernel's request. What is not completed is overwritten by the next request
 * at its place. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, __u64);
	__type(value, struct ring_request);
} ring_requests SEC(".maps");

/* How a completion that finds its queue full names its request. */
struct ring_tag {
	__u64 ring; /* address of the kernel's ring */
	__u64 user_data; /* the caller's choice */
};

/* Tag of a request under way to its key in ring_requests. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 8192);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, struct ring_tag);
	__type(value, __u64);
} ring_tags SEC(".maps");

#endif
