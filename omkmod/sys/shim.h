/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the Rust half of the module calls, and what it is called by. Only mechanics live in these C
 * files: macros, inlines, and kernel structures that the `kernel` crate does not bind. Decisions are
 * made in Rust. Every function here is declared once more in ffi.rs; keep the two in step.
 */
#ifndef OM_SHIM_H
#define OM_SHIM_H

#include <linux/compiler_types.h>
#include <linux/ktime.h>
#include <linux/types.h>

struct task_struct;
struct mm_struct;
struct pt_regs;
struct socket;
struct page;
struct om_mm;
struct om_work;

#define OM_NREGS 21
#define OM_BATCH 64

/* symbols.c: functions found by name, called through static calls only. */
int om_symbols_init(char *missing, size_t len);
unsigned long om_symbol(const char *name);
unsigned long om_futex_wait_restart(void);
long om_x64_sys_call(const struct pt_regs *regs, unsigned int nr);
int om_secure_computing(void);
long om_futex_wait(u32 __user *word, int op, u32 val, ktime_t until, u32 bits);
void om_task_work_run(void);
int om_anon_vma_prepare(struct vm_area_struct *vma);
int om_mem_cgroup_charge(struct folio *folio, struct mm_struct *mm, gfp_t gfp);
void om_run_posix_cpu_timers(void);
struct kernel_clone_args;
pid_t om_kernel_clone(struct kernel_clone_args *args);
struct ksignal;
bool om_get_signal_raw(struct ksignal *ksig);

/* hooks.c */
int om_hooks_init(void);
void om_hooks_exit(void);
/* From Rust: */
bool om_rust_dispatch(void *guest, struct pt_regs *regs);

/* computing.c: a deputy whose guest computes is seen as running. What it and net.c need of task.c and of each other. */
struct socket;
struct task_struct;
void om_computing_init(void);
void om_computing_exit(void);
bool om_readable(struct socket *sock);
void om_rouse(struct task_struct *task);
void om_disturb(struct task_struct *task);

/* tracer.c: who attaches to a process, or reads /proc/PID/mem, finds it at home. */
void om_tracer_init(void);
void om_tracer_exit(void);
/* From Rust: returns when the process is home, or a signal waits for the caller. */
void om_rust_call_home(int pid);

/* roles.c: which tasks are ours. A role belongs to one task and one object of the Rust half. */
enum om_role_kind { OM_NONE, OM_DEPUTY, OM_GUEST, OM_ARMED, OM_NEWBORN, OM_WATCHED };
int om_role_set(int kind, void *owner);
void om_role_clear(void);
int om_role_kind(struct task_struct *task, void **owner);
int om_roles_init(void);
void om_role_mm_done(void);
void om_role_set_stubborn(bool on);
bool om_role_stubborn(void);

/* mm.c */
struct om_mm *om_mm_find(struct mm_struct *mm);

bool om_mm_is_ours(struct vm_area_struct *vma);
bool om_vma_is_special(struct vm_area_struct *vma);


struct task_struct *om_task_find(int pid);

/* task.c, used by the other C files too */
long om_syscall(unsigned int nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);
struct om_mm_info;
void om_mm_info_get(struct om_mm_info *i);

#endif
