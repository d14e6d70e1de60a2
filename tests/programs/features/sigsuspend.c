/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: sigsuspend and pause: the mask changes and returns at once, nothing slips through */
#include "feature.h"

static volatile int count;

static void on_usr1(int signal) { (void)signal; count++; }

int main(int argc, char **argv)
{
	int there[2];
	sigset_t mask, old;

	begin(argc, argv);
	CHECK(pipe(there) == 0);
	handle(SIGUSR1, on_usr1, SA_RESTART);
	block(SIGUSR1);
	block(SIGUSR2);
	ready();
	do {
		pid_t parent = getpid(), child = split();

		if (!child) {
			hear(there[0]);
			for (int i = 0; i < 5; i++) {
				CHECK(kill(parent, SIGUSR1) == 0);
				hear(there[0]);
			}
			_exit(0);
		}
		count = 0;
		CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0 && sigismember(&mask, SIGUSR1));
		sigdelset(&mask, SIGUSR1);
		point();
		tell(there[1], 'x');
		for (int i = 1; i <= 5; i++) {
			CHECK(sigsuspend(&mask) == -1 && errno == EINTR && count == i);
			CHECK(sigprocmask(SIG_BLOCK, NULL, &old) == 0);
			CHECK(sigismember(&old, SIGUSR1) && sigismember(&old, SIGUSR2));
			tell(there[1], 'x');
		}
		CHECK(exit_of(child) == 0);
		/* One that is pending already. */
		CHECK(raise(SIGUSR1) == 0 && count == 5);
		CHECK(sigsuspend(&mask) == -1 && errno == EINTR && count == 6);
	} while (again());
	return pass();
}
