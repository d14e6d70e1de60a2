/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: real-time signals are queued, in order, with their values; ordinary ones merge */
#include "feature.h"

#define COUNT 20

static volatile int values[3 * COUNT], signals[3 * COUNT], taken, ordinary;

static void on_realtime(int signal, siginfo_t *info, void *context)
{
	(void)context;
	CHECK(taken < 3 * COUNT);
	signals[taken] = signal;
	values[taken++] = info->si_value.sival_int;
}

static void on_usr1(int signal) { (void)signal; ordinary++; }

int main(int argc, char **argv)
{
	sigset_t set, pending;

	begin(argc, argv);
	sigemptyset(&set);
	for (int i = 0; i < 3; i++) {
		struct sigaction action = { .sa_sigaction = on_realtime, .sa_flags = SA_SIGINFO };

		/* One at a time, or the last to begin would be the first to be seen. */
		sigfillset(&action.sa_mask);
		CHECK(sigaction(SIGRTMIN + i, &action, NULL) == 0);
		sigaddset(&set, SIGRTMIN + i);
	}
	handle(SIGUSR1, on_usr1, 0);
	sigaddset(&set, SIGUSR1);
	ready();
	do {
		taken = ordinary = 0;
		CHECK(sigprocmask(SIG_BLOCK, &set, NULL) == 0);
		for (int i = 0; i < COUNT; i++) {
			for (int signal = 2; signal >= 0; signal--) {
				union sigval value = { .sival_int = 100 * i + signal };

				CHECK(sigqueue(getpid(), SIGRTMIN + signal, value) == 0);
			}
			CHECK(kill(getpid(), SIGUSR1) == 0);
		}
		point();
		CHECK(taken == 0 && ordinary == 0);
		CHECK(sigpending(&pending) == 0 && sigismember(&pending, SIGRTMIN + 1) && sigismember(&pending, SIGUSR1));
		CHECK(sigprocmask(SIG_UNBLOCK, &set, NULL) == 0);
		CHECK(taken == 3 * COUNT && ordinary == 1);
		/* The lowest number first, each in the order sent. */
		for (int i = 0; i < 3 * COUNT; i++) {
			int signal = i / COUNT;

			if (signals[i] != SIGRTMIN + signal || values[i] != 100 * (i % COUNT) + signal)
				fail("signal %d is %d with %d", i, signals[i] - SIGRTMIN, values[i]);
		}
		CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGRTMIN + 1));
	} while (again());
	return pass();
}
