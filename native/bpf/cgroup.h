/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The cgroup that tells which container a process is in.
 * With version 2 alone that is the cgroup of the default hierarchy. On a machine that still mounts
 * version 1 controllers, container runtimes put their cgroups there, and the default hierarchy
 * says nothing (or names the runtime's own service): then it is the cgroup of the first of pids,
 * memory, cpuset that isn't its hierarchy's root.
 */
#ifndef PEREGRINE_CGROUP_H
#define PEREGRINE_CGROUP_H

static __always_inline const struct cgroup *cgroup_of_controller(const struct css_set *set,
								 __u32 controller)
{
	const struct cgroup_subsys_state *state = NULL;
	const struct cgroup *cgroup;

	bpf_core_read(&state, sizeof(state), &set->subsys[controller & 15]);
	cgroup = BPF_CORE_READ(state, cgroup);
	if (!cgroup || BPF_CORE_READ(cgroup, root) == BPF_CORE_READ(set, dfl_cgrp, root))
		return NULL;
	return kernfs_parent(BPF_CORE_READ(cgroup, kn)) ? cgroup : NULL;
}

static __always_inline const struct cgroup *cgroup_of(struct task_struct *task)
{
	const struct css_set *set = BPF_CORE_READ(task, cgroups);
	const struct cgroup *cgroup = NULL;

	if (bpf_core_enum_value_exists(enum cgroup_subsys_id, pids_cgrp_id))
		cgroup = cgroup_of_controller(
			set, bpf_core_enum_value(enum cgroup_subsys_id, pids_cgrp_id));
	if (!cgroup && bpf_core_enum_value_exists(enum cgroup_subsys_id, memory_cgrp_id))
		cgroup = cgroup_of_controller(
			set, bpf_core_enum_value(enum cgroup_subsys_id, memory_cgrp_id));
	if (!cgroup && bpf_core_enum_value_exists(enum cgroup_subsys_id, cpuset_cgrp_id))
		cgroup = cgroup_of_controller(
			set, bpf_core_enum_value(enum cgroup_subsys_id, cpuset_cgrp_id));
	return cgroup ?: BPF_CORE_READ(set, dfl_cgrp);
}

struct cgroup_walk {
	const struct kernfs_node *node;
	__u32 start; /* position in the scratch */
	__u32 flags; /* enum path_flag */
};

static long cgroup_walk_step(__u32 index, void *context)
{
	struct cgroup_walk *walk = context;
	const struct kernfs_node *node = walk->node;
	const struct kernfs_node *parent = kernfs_parent(node);
	struct scratch *scratch = scratch_get();

	if (!parent || !scratch) {
		walk->flags |= PATH_ROOTED;
		return 1;
	}
	if (scratch->position - walk->start > LIMIT_PATH - LIMIT_NAME) {
		walk->flags |= PATH_CUT;
		return 1;
	}
	append_kernel_text(scratch, BPF_CORE_READ(node, name), LIMIT_NAME);
	walk->node = parent;
	return 0;
}

/* Appends a cgroup's names, leaf first; returns their length and sets enum path_flag. */
static __always_inline __u32 append_cgroup(struct scratch *scratch, const struct cgroup *cgroup,
					   __u32 *path_flags)
{
	struct cgroup_walk walk = {
		.node = BPF_CORE_READ(cgroup, kn),
		.start = scratch->position,
	};

	if (!walk.node)
		return 0;
#ifdef PEREGRINE_BOUNDED_WALK
	for (__u32 i = 0; i < WALK_STEPS; i++)
		if (cgroup_walk_step(i, &walk))
			break;
#else
	bpf_loop(WALK_STEPS, cgroup_walk_step, &walk, 0);
#endif
	if (!(walk.flags & PATH_ROOTED))
		walk.flags |= PATH_CUT;
	*path_flags = walk.flags;
	return scratch->position - walk.start;
}

#endif
