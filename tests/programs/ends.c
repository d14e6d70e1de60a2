/* SPDX-License-Identifier: GPL-2.0-only */
/* Ends in a chosen way after its last round: `ends [options] exit|segv|fpe|ill|abort|term`. */
#include "program.h"

int main(int argc, char **argv)
{
	volatile int zero = 0, one = 1;
	int *volatile nowhere = (int *)8;

	start(argc, argv);
	const char *how = optind < argc ? argv[optind] : "exit";

	do
		for (volatile int i = 0; i < 1000000; i++)
			;
	while (another_round());
	if (!strcmp(how, "exit"))
		exit(37);
	if (!strcmp(how, "segv"))
		*nowhere = 1;
	if (!strcmp(how, "fpe"))
		one /= zero;
	if (!strcmp(how, "ill"))
		__builtin_trap();
	if (!strcmp(how, "abort"))
		abort();
	if (!strcmp(how, "term"))
		kill(getpid(), SIGTERM);
	fail("%s did not end it", how);
}
