/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: blocking, pending and unblocking of every signal; the mask and the pending ones travel */
#include "feature.h"

static volatile int count[65];

static void on_signal(int signal) { count[signal]++; }

static int is_ours(int signal)
{
	/* The first two real-time signals are libc's. */
	return signal != SIGKILL && signal != SIGSTOP && signal != 32 && signal != 33;
}

int main(int argc, char **argv)
{
	sigset_t all, found;

	begin(argc, argv);
	sigemptyset(&all);
	for (int signal = 1; signal <= 64; signal++)
		if (is_ours(signal)) {
			handle(signal, on_signal, SA_RESTART);
			sigaddset(&all, signal);
		}
	ready();
	do {
		memset((void *)count, 0, sizeof count);
		CHECK(sigprocmask(SIG_BLOCK, &all, NULL) == 0);
		for (int signal = 1; signal <= 64; signal++)
			/* Continuing discards stopping, so not both. */
			if (is_ours(signal) && signal != SIGCONT)
				CHECK(kill(getpid(), signal) == 0);
		point();
		CHECK(sigprocmask(SIG_BLOCK, NULL, &found) == 0);
		for (int signal = 1; signal <= 64; signal++)
			CHECK(sigismember(&found, signal) == is_ours(signal) && count[signal] == 0);
		CHECK(sigpending(&found) == 0);
		for (int signal = 1; signal <= 64; signal++)
			CHECK(sigismember(&found, signal) == (is_ours(signal) && signal != SIGCONT));
		for (int signal = 1; signal <= 64; signal += 3)
			if (is_ours(signal))
				unblock(signal);
		point();
		for (int signal = 1; signal <= 64; signal++)
			CHECK(count[signal] == (is_ours(signal) && signal != SIGCONT && signal % 3 == 1));
		CHECK(sigprocmask(SIG_UNBLOCK, &all, NULL) == 0);
		for (int signal = 1; signal <= 64; signal++)
			CHECK(count[signal] == (is_ours(signal) && signal != SIGCONT));
	} while (again());
	return pass();
}
