/* SPDX-License-Identifier: GPL-2.0-only */
/* identity: a seccomp filter sends SIGSYS, whose handler makes the call's result, or kills a child or one of its threads; strict mode */
#include "feature.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <ucontext.h>

#ifndef SYS_SECCOMP
#define SYS_SECCOMP 1
#endif

#define FIELD(name) offsetof(struct seccomp_data, name)
#define ANSWER(call, action) \
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##call, 0, 1), BPF_STMT(BPF_RET | BPF_K, action)

static void install(void)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIELD(nr)),
		ANSWER(symlink, SECCOMP_RET_TRAP | 11),
		ANSWER(sched_yield, SECCOMP_RET_TRAP | 12),
		ANSWER(mlock, SECCOMP_RET_TRAP | 13),
		ANSWER(acct, SECCOMP_RET_KILL_PROCESS),
		ANSWER(getcpu, SECCOMP_RET_KILL_PROCESS),
		ANSWER(swapon, SECCOMP_RET_KILL_THREAD),
		ANSWER(get_robust_list, SECCOMP_RET_KILL_THREAD),
		/* Nobody traces it. */
		ANSWER(swapoff, SECCOMP_RET_TRACE),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = { sizeof code / sizeof *code, code };

	CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
	CHECK(prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0);
}

static volatile int traps, trapped, data;

static void on_sys(int signal, siginfo_t *info, void *context)
{
	ucontext_t *c = context;
	const unsigned char *behind = (void *)c->uc_mcontext.gregs[REG_RIP];

	traps++;
	trapped = info->si_syscall;
	data = info->si_errno;
	if (signal != SIGSYS || info->si_code != SYS_SECCOMP || info->si_arch != AUDIT_ARCH_X86_64 ||
	    info->si_call_addr != behind || behind[-2] != 0x0f || behind[-1] != 0x05 ||
	    c->uc_mcontext.gregs[REG_RAX] != info->si_syscall)
		fail("the signal does not say what it should");
	c->uc_mcontext.gregs[REG_RAX] = 1000 + info->si_syscall;
}

#define TRAPPED(call, number, value) do { \
	int before = traps; \
	CHECK((call) == 1000 + (number)); \
	CHECK(traps == before + 1 && trapped == (number) && data == (value)); \
} while (0)

static void *yield(void *unused)
{
	(void)unused;
	syscall(SYS_get_robust_list, 0, NULL, NULL);
	fail("the thread goes on");
}

static void *swap_on(void *unused)
{
	(void)unused;
	syscall(SYS_swapon, "", 0);
	fail("the thread goes on");
}

/* The status with which a child ends that does this. */
static int fate(long call, int how)
{
	pid_t child = split();
	pthread_t thread;

	if (child)
		return status_of(child);
	if (how == 1)
		handle(SIGSYS, SIG_DFL, 0);
	if (how == 2)
		block(SIGSYS);
	if (how == 3) {
		/* Without the library's knowing. */
		CHECK_0(pthread_create(&thread, NULL, call == SYS_swapon ? swap_on : yield, NULL));
		CHECK_0(pthread_join(thread, NULL));
		TRAPPED(syscall(SYS_sched_yield), SYS_sched_yield, 12);
		_exit(5);
	}
	syscall(call, 0, 0, 0);
	_exit(6);
}

/* The same of one in strict mode. */
static int strict_fate(long call)
{
	pid_t child = split();

	if (child)
		return status_of(child);
	if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT))
		_exit(6);
	if (write(-1, "", 1) != -1)
		fail("it has written");
	syscall(call, 0, 0, 0);
	syscall(SYS_exit, 7);
	return 0;
}

#define KILLED_BY(status, signal) CHECK(WIFSIGNALED(status) && WTERMSIG(status) == (signal))

int main(int argc, char **argv)
{
	struct rlimit none = { 0, 0 };
	int status;

	begin(argc, argv);
	CHECK(setrlimit(RLIMIT_CORE, &none) == 0);
	handle_info(SIGSYS, on_sys, 0);
	/* A child could not, once there is a filter. */
	KILLED_BY(strict_fate(SYS_getcpu), SIGKILL);
	KILLED_BY(strict_fate(SYS_getppid), SIGKILL);
	status = strict_fate(SYS_write);
	CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 7);
	install();
	ready();
	do {
		point();
		TRAPPED(syscall(SYS_symlink, "a", "b"), SYS_symlink, 11);
		TRAPPED(syscall(SYS_sched_yield), SYS_sched_yield, 12);
		TRAPPED(syscall(SYS_mlock, &status, 1), SYS_mlock, 13);
		CHECK(syscall(SYS_swapoff, "") == -1 && errno == ENOSYS);
		/* With a handler, without one, and blocked. */
		KILLED_BY(fate(SYS_acct, 0), SIGSYS);
		KILLED_BY(fate(SYS_getcpu, 0), SIGSYS);
		KILLED_BY(fate(SYS_symlink, 1), SIGSYS);
		KILLED_BY(fate(SYS_sched_yield, 1), SIGSYS);
		KILLED_BY(fate(SYS_symlink, 2), SIGSYS);
		KILLED_BY(fate(SYS_sched_yield, 2), SIGSYS);
		KILLED_BY(fate(SYS_acct, 2), SIGSYS);
		KILLED_BY(fate(SYS_swapon, 0), SIGSYS);
		/* One of two threads. */
		status = fate(SYS_swapon, 3);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
		status = fate(SYS_get_robust_list, 3);
		CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 5);
	} while (again());
	return pass();
}
