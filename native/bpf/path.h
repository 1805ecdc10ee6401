/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * From a struct path to its names, leaf first, up to the root directory of the process.
 * Mounts are crossed. Names are read without locks: a rename in between may show either name.
 *
 * The walk is a callback of bpf_loop() where the kernel has that (5.17), else a bounded loop: two
 * builds of the same programs, chosen at load.
 */
#ifndef PEREGRINE_PATH_H
#define PEREGRINE_PATH_H

#ifdef PEREGRINE_BOUNDED_WALK
#define WALK_STEPS 16 /* what the verifier of 5.8 takes within its million instructions */
#else
#define WALK_STEPS 512 /* LIMIT_PATH holds fewer names that a person would write */
#endif

struct walk {
	const struct dentry *dentry;
	const struct vfsmount *mount;
	const struct dentry *mount_root;
	const struct dentry *root;
	const struct vfsmount *root_mount;
	__u32 start; /* position in the scratch */
	__u32 flags; /* enum path_flag */
};

/* At the root of a mount, or at a file without a directory. Returns 1 at the end of the walk. */
static __always_inline long walk_up_mount(struct walk *walk, struct scratch *scratch,
					  const struct dentry *dentry)
{
	const struct mount *mount = (const void *)walk->mount -
				    bpf_core_field_offset(struct mount, mnt);
	const struct mount *parent = BPF_CORE_READ(mount, mnt_parent);

	if (dentry != walk->mount_root) {
		if (scratch->position == walk->start) {
			append_kernel_text(scratch, BPF_CORE_READ(dentry, d_name.name), LIMIT_NAME);
			walk->flags |= PATH_PSEUDO;
		} else {
			walk->flags |= PATH_OUTSIDE;
		}
		return 1;
	}
	if (parent == mount) {
		walk->flags |= PATH_OUTSIDE;
		return 1;
	}
	walk->dentry = BPF_CORE_READ(mount, mnt_mountpoint);
	walk->mount = &parent->mnt;
	walk->mount_root = BPF_CORE_READ(parent, mnt.mnt_root);
	return 0;
}

/* One step up. Returns 1 at the end of the walk. */
static long walk_step(__u32 index, void *context)
{
	struct walk *walk = context;
	struct scratch *scratch = scratch_get();
	const struct dentry *dentry = walk->dentry;
	const struct dentry *parent;

	if (!scratch)
		return 1;
	if (dentry == walk->root && walk->mount == walk->root_mount) {
		walk->flags |= PATH_ROOTED;
		return 1;
	}
	parent = BPF_CORE_READ(dentry, d_parent);
	if (dentry == walk->mount_root || dentry == parent)
		return walk_up_mount(walk, scratch, dentry);
	if (scratch->position - walk->start > LIMIT_PATH - LIMIT_NAME) {
		walk->flags |= PATH_CUT;
		return 1;
	}
	append_kernel_text(scratch, BPF_CORE_READ(dentry, d_name.name), LIMIT_NAME);
	walk->dentry = parent;
	return 0;
}

#define PATH_END (PATH_ROOTED | PATH_PSEUDO | PATH_OUTSIDE | PATH_CUT)

/* Appends the names of a path; returns their length and sets enum path_flag. */
static __always_inline __u32 append_path(struct scratch *scratch, const struct path *path,
					 struct task_struct *task, __u32 *path_flags)
{
	const struct fs_struct *fs = BPF_CORE_READ(task, fs);
	const struct dentry *dentry = BPF_CORE_READ(path, dentry);
	const struct vfsmount *mount = BPF_CORE_READ(path, mnt);
	const struct inode *inode = BPF_CORE_READ(dentry, d_inode);
	struct walk walk = {
		.dentry = dentry,
		.mount = mount,
		.mount_root = BPF_CORE_READ(mount, mnt_root),
		.root = BPF_CORE_READ(fs, root.dentry),
		.root_mount = BPF_CORE_READ(fs, root.mnt),
		.start = scratch->position,
	};

	if (!dentry || !mount)
		return 0;
	if (inode && !BPF_CORE_READ(inode, i_nlink))
		walk.flags |= PATH_DELETED;
#ifdef PEREGRINE_BOUNDED_WALK
	for (__u32 i = 0; i < WALK_STEPS; i++)
		if (walk_step(i, &walk))
			break;
#else
	bpf_loop(WALK_STEPS, walk_step, &walk, 0);
#endif
	if (!(walk.flags & PATH_END))
		walk.flags |= PATH_CUT;
	*path_flags = walk.flags;
	return scratch->position - walk.start;
}

#endif
