/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: SA_RESETHAND: the handler runs once; SA_NODEFER and sa_mask: what is blocked inside a handler */
#include "feature.h"

static volatile int depth, deepest, calls, blocked;

static void on_usr1(int signal)
{
	sigset_t mask;

	CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
	blocked = sigismember(&mask, SIGUSR1) + 2 * sigismember(&mask, SIGUSR2) + 4 * sigismember(&mask, SIGTERM);
	depth++;
	if (depth > deepest)
		deepest = depth;
	if (++calls < 3)
		CHECK(raise(signal) == 0);
	depth--;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		struct sigaction action = { .sa_handler = on_usr1, .sa_flags = SA_RESETHAND | SA_NODEFER };

		sigemptyset(&action.sa_mask);
		sigaddset(&action.sa_mask, SIGTERM);
		/* Only the first of them is handled, the second is ignored by default. */
		CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
		calls = deepest = 0;
		point();
		CHECK(raise(SIGCHLD) == 0 && deepest == 1 && blocked == 4);
		CHECK(sigaction(SIGCHLD, NULL, &action) == 0 && action.sa_handler == SIG_DFL);

		action = (struct sigaction){ .sa_handler = on_usr1, .sa_flags = SA_NODEFER };
		CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
		calls = deepest = 0;
		CHECK(raise(SIGUSR1) == 0 && deepest == 3 && blocked == 0);
		/* Deferred: one after the other. */
		action.sa_flags = 0;
		sigemptyset(&action.sa_mask);
		sigaddset(&action.sa_mask, SIGUSR2);
		CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
		calls = deepest = 0;
		point();
		CHECK(raise(SIGUSR1) == 0 && calls == 3 && deepest == 1 && blocked == 3);
	} while (again());
	return pass();
}
