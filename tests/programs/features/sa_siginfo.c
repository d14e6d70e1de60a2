/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: SA_SIGINFO: sender, code, value and context of kill, sigqueue, tgkill, child and fault */
#include "feature.h"
#include <ucontext.h>

static volatile siginfo_t seen;
static volatile int count;
static volatile uintptr_t interrupted_at;

static void on_signal(int signal, siginfo_t *info, void *context)
{
	CHECK(info->si_signo == signal);
	seen = *info;
	interrupted_at = ((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
	count++;
}

int main(int argc, char **argv)
{
	int there[2];

	begin(argc, argv);
	CHECK(pipe(there) == 0);
	handle_info(SIGUSR1, on_signal, SA_RESTART);
	handle_info(SIGCHLD, on_signal, SA_RESTART);
	ready();
	do {
		union sigval value = { .sival_ptr = (void *)(0x123456789abcdef0ul + run.round) };

		count = 0;
		CHECK(kill(getpid(), SIGUSR1) == 0 && count == 1);
		CHECK(seen.si_code == SI_USER && seen.si_pid == getpid() && seen.si_uid == getuid());
		CHECK(interrupted_at != 0);
		CHECK(sigqueue(getpid(), SIGUSR1, value) == 0 && count == 2);
		CHECK(seen.si_code == SI_QUEUE && seen.si_value.sival_ptr == value.sival_ptr);
		CHECK(raise(SIGUSR1) == 0 && count == 3 && seen.si_code == SI_TKILL);
		pid_t parent = getpid(), child = split();

		if (!child) {
			hear(there[0]);
			CHECK(setuid(65534) == 0 || getuid());
			CHECK(getuid() == 0 || kill(parent, 0) == 0 || errno == EPERM);
			_exit(6);
		}
		point();
		tell(there[1], 'x');
		AWAIT(count == 4);
		CHECK(seen.si_signo == SIGCHLD && seen.si_code == CLD_EXITED && seen.si_pid == child && seen.si_status == 6);
		CHECK(exit_of(child) == 6);
		child = split();
		if (!child) {
			hear(there[0]);
			value.sival_int = 31 + run.round;
			CHECK(sigqueue(parent, SIGUSR1, value) == 0);
			hear(there[0]);
			_exit(0);
		}
		tell(there[1], 'x');
		AWAIT(count == 5);
		CHECK(seen.si_code == SI_QUEUE && seen.si_pid == child && seen.si_value.sival_int == 31 + run.round);
		tell(there[1], 'x');
		CHECK(exit_of(child) == 0);
	} while (again());
	return pass();
}
