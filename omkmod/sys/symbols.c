// SPDX-License-Identifier: GPL-2.0-only
/*
 * The kernel functions we need that are not exported. They are found by name once, at load, and only ever
 * called through static calls: a direct jump needs no ENDBR at its target, which the kernel
 * removes from functions whose address nobody takes (indirect branch tracking).
 */
#include <linux/kernel.h>
#include <linux/kprobes.h>
#include <linux/module.h>
#include <linux/signal.h>
#include <linux/static_call.h>
#include <linux/memcontrol.h>
#include <linux/rmap.h>
#include <linux/sched/task.h>
#include <linux/ptrace.h>
#include <linux/seccomp.h>

#include "shim.h"

static unsigned long stub_kallsyms_lookup_name(const char *name) { return 0; }
static long stub_x64_sys_call(const struct pt_regs *regs, unsigned int nr) { return -ENOSYS; }
static void stub_task_work_run(void) { }
static bool stub_get_signal(struct ksignal *ksig) { return false; }
static pid_t stub_kernel_clone(struct kernel_clone_args *args) { return -ENOSYS; }
static void stub_run_posix_cpu_timers(void) { }
static int stub_anon_vma_prepare(struct vm_area_struct *vma) { return -ENOMEM; }
static long stub_do_futex(u32 __user *uaddr, int op, u32 val, ktime_t *timeout, u32 __user *uaddr2, u32 val2, u32 val3)
{
	return -ENOSYS;
}
static int stub_secure_computing(const struct seccomp_data *sd) { return -1; }
static int stub_mem_cgroup_charge(struct folio *folio, struct mm_struct *mm, gfp_t gfp) { return 0; }

DEFINE_STATIC_CALL(om_sc_kallsyms_lookup_name, stub_kallsyms_lookup_name);
DEFINE_STATIC_CALL(om_sc_x64_sys_call, stub_x64_sys_call);
DEFINE_STATIC_CALL(om_sc_task_work_run, stub_task_work_run);
DEFINE_STATIC_CALL(om_sc_get_signal, stub_get_signal);
DEFINE_STATIC_CALL(om_sc_kernel_clone, stub_kernel_clone);
DEFINE_STATIC_CALL(om_sc_run_posix_cpu_timers, stub_run_posix_cpu_timers);
DEFINE_STATIC_CALL(om_sc_anon_vma_prepare, stub_anon_vma_prepare);
DEFINE_STATIC_CALL(om_sc_mem_cgroup_charge, stub_mem_cgroup_charge);
DEFINE_STATIC_CALL(om_sc_do_futex, stub_do_futex);
DEFINE_STATIC_CALL(om_sc_secure_computing, stub_secure_computing);

unsigned long om_symbol(const char *name)
{
	return static_call(om_sc_kallsyms_lookup_name)(name);
}

/* What continues a futex wait: never called, only recognized. 0: this kernel calls it otherwise. */
static unsigned long futex_wait_restart __ro_after_init;

unsigned long om_futex_wait_restart(void) { return futex_wait_restart; }

#define FIND(key, name)							\
	do {								\
		unsigned long at = om_symbol(name);			\
		if (!at) {						\
			strscpy(missing, name, len);			\
			return -ENOENT;					\
		}							\
		static_call_update(key, (void *)at);			\
	} while (0)

/* Finds everything or names what is missing. */
int om_symbols_init(char *missing, size_t len)
{
	struct kprobe kp = { .symbol_name = "kallsyms_lookup_name" };
	int ret = register_kprobe(&kp);

	if (ret) {
		strscpy(missing, "kallsyms_lookup_name", len);
		return ret;
	}
	static_call_update(om_sc_kallsyms_lookup_name, (void *)kp.addr);
	unregister_kprobe(&kp);

	futex_wait_restart = om_symbol("futex_wait_restart");
	FIND(om_sc_x64_sys_call, "x64_sys_call");
	FIND(om_sc_task_work_run, "task_work_run");
	FIND(om_sc_get_signal, "get_signal");
	FIND(om_sc_kernel_clone, "kernel_clone");
#ifdef CONFIG_POSIX_TIMERS
	FIND(om_sc_run_posix_cpu_timers, "run_posix_cpu_timers");
#endif
#ifdef CONFIG_FUTEX
	FIND(om_sc_do_futex, "do_futex");
#endif
	FIND(om_sc_anon_vma_prepare, "__anon_vma_prepare");
#ifdef CONFIG_MEMCG
	FIND(om_sc_mem_cgroup_charge, "__mem_cgroup_charge");
#endif
#ifdef CONFIG_SECCOMP
	FIND(om_sc_secure_computing, "__secure_computing");
#endif
	return 0;
}

long om_x64_sys_call(const struct pt_regs *regs, unsigned int nr)
{
	return static_call(om_sc_x64_sys_call)(regs, nr);
}

void om_task_work_run(void)
{
	static_call(om_sc_task_work_run)();
}

bool om_get_signal_raw(struct ksignal *ksig)
{
	return static_call(om_sc_get_signal)(ksig);
}

pid_t om_kernel_clone(struct kernel_clone_args *args)
{
	return static_call(om_sc_kernel_clone)(args);
}

void om_run_posix_cpu_timers(void)
{
	static_call(om_sc_run_posix_cpu_timers)();
}

/* FUTEX_WAIT_BITSET, by the kernel's own clocks. */
long om_futex_wait(u32 __user *word, int op, u32 val, ktime_t until, u32 bits)
{
	return static_call(om_sc_do_futex)(word, op, val, &until, NULL, 0, bits);
}

int om_anon_vma_prepare(struct vm_area_struct *vma)
{
	if (likely(vma->anon_vma))
		return 0;
	return static_call(om_sc_anon_vma_prepare)(vma);
}

int om_secure_computing(void)
{
	return static_call(om_sc_secure_computing)(NULL);
}

int om_mem_cgroup_charge(struct folio *folio, struct mm_struct *mm, gfp_t gfp)
{
	if (mem_cgroup_disabled())
		return 0;
	return static_call(om_sc_mem_cgroup_charge)(folio, mm, gfp);
}
