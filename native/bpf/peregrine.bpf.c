/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/* All programs as one object: they share the maps and the settings. */
#include "kernel.h"
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_tracing.h>

#include "record.h"
#include "config.h"
#include "drift.h"
#include "maps.h"
#include "layout.h"
#include "emit.h"
#include "path.h"
#include "task.h"
#include "cgroup.h"
#include "flood.h"
#include "filter.h"
#include "file.h"
#include "net.h"
#include "exec_failed.h"
#include "names.h"
#include "call.h"

#include "process.bpf.c"
#include "syscalls.bpf.c"
#include "ring.bpf.c"

/* The kernel asks for a GPL-compatible licence of programs that call its helpers. */
char license_text[] SEC("license") = "Dual BSD/GPL";
