/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: what was set for each signal is found again: handler, flags, mask */
#include "feature.h"

static void one(int signal) { (void)signal; }
static void two(int signal, siginfo_t *info, void *context) { (void)signal, (void)info, (void)context; }

static int is_ours(int signal)
{
	return signal != SIGKILL && signal != SIGSTOP && signal != 32 && signal != 33;
}

static struct sigaction wanted(int signal, long round)
{
	struct sigaction action = { 0 };
	uint64_t seed = signal * 1000 + round, bits = next_random(&seed);

	switch (bits % 4) {
	case 0: action.sa_handler = SIG_IGN; break;
	case 1: action.sa_handler = SIG_DFL; break;
	case 2: action.sa_handler = one; break;
	case 3: action.sa_sigaction = two; action.sa_flags = SA_SIGINFO; break;
	}
	action.sa_flags |= (bits & 16 ? SA_RESTART : 0) | (bits & 32 ? SA_NODEFER : 0) | (bits & 64 ? SA_ONSTACK : 0);
	for (int other = 1; other <= 64; other++)
		if (is_ours(other) && bits >> (other % 56) & 1)
			sigaddset(&action.sa_mask, other);
	return action;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		for (int signal = 1; signal <= 64; signal++)
			if (is_ours(signal)) {
				struct sigaction action = wanted(signal, run.round);

				CHECK(sigaction(signal, &action, NULL) == 0);
			}
		point();
		for (int signal = 1; signal <= 64; signal++)
			if (is_ours(signal)) {
				struct sigaction expected = wanted(signal, run.round), found;

				CHECK(sigaction(signal, NULL, &found) == 0);
				CHECK(found.sa_handler == expected.sa_handler);
				/* The restorer is libc's. */
				CHECK((found.sa_flags & ~0x04000000) == expected.sa_flags);
				for (int other = 1; other <= 64; other++)
					CHECK(!is_ours(other) ||
					      sigismember(&found.sa_mask, other) == sigismember(&expected.sa_mask, other));
			}
		/* Not SIGINT and the like for the harness. */
		for (int signal = 1; signal <= 64; signal++)
			if (is_ours(signal))
				handle(signal, SIG_DFL, 0);
	} while (again());
	return pass();
}
