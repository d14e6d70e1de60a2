/* SPDX-License-Identifier: GPL-2.0-only */
/* signals: handlers inside handlers, five deep, with moves at every depth; masks unwind in order */
#include "feature.h"

#define DEPTH 5

static const int signals[DEPTH] = { SIGUSR1, SIGUSR2, SIGTERM, SIGHUP, SIGQUIT };
static volatile int depth, deepest;

static int blocked(void)
{
	sigset_t mask;
	int bits = 0;

	CHECK(sigprocmask(SIG_BLOCK, NULL, &mask) == 0);
	for (int i = 0; i < DEPTH; i++)
		bits |= sigismember(&mask, signals[i]) << i;
	return bits;
}

static void handler(int signal)
{
	volatile char frame[3000];
	int own = depth++;

	CHECK(signal == signals[own] && blocked() == (2 << own) - 1);
	fill((char *)frame, sizeof frame, own);
	if (depth < DEPTH)
		CHECK(raise(signals[depth]) == 0);
	deepest = depth > deepest ? depth : deepest;
	point();
	CHECK(is_filled((char *)frame, sizeof frame, own) && blocked() == (2 << own) - 1);
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	for (int i = 0; i < DEPTH; i++)
		handle(signals[i], handler, 0);
	ready();
	do {
		depth = deepest = 0;
		CHECK(raise(signals[0]) == 0);
		CHECK(deepest == DEPTH && blocked() == 0);
	} while (again());
	return pass();
}
