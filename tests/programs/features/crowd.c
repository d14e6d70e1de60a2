/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: shared memory of 220 processes, which move at once */
#include "feature.h"
#include <sys/mman.h>

#define MEMBERS 220

/* Writes into its page what it reads from the pipe, until that ends. */
static void member(int from, volatile char *page)
{
	char byte;

	while (read(from, &byte, 1) == 1)
		*page = byte;
	_exit(0);
}

int main(int argc, char **argv)
{
	static pid_t children[MEMBERS];
	static int ends[MEMBERS];
	volatile char *shared = mmap(NULL, MEMBERS * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	begin(argc, argv);
	CHECK(shared != MAP_FAILED);
	for (int i = 0; i < MEMBERS; i++) {
		int ways[2];

		CHECK(pipe2(ways, O_CLOEXEC) == 0);
		ends[i] = ways[1];
		children[i] = split();
		if (!children[i]) {
			/* Those that came before keep their readers. The ends lie side by side: one call for all of them. */
			CHECK(i == 0 || ends[i - 1] - ends[0] == i - 1);
			CHECK(close_range(ends[0], ways[1], 0) == 0);
			member(ways[0], shared + i * PAGE);
		}
		close(ways[0]);
	}
	ready();
	do {
		point();
		char told = 'a' + run.round % 26;

		for (int i = 0; i < MEMBERS; i++)
			CHECK(write(ends[i], &told, 1) == 1);
		for (int i = 0; i < MEMBERS; i++)
			AWAIT(shared[i * PAGE] == told);
		/* So many that never rest would leave nothing for others. */
		usleep(20000);
	} while (again());
	for (int i = 0; i < MEMBERS; i++) {
		close(ends[i]);
		CHECK(exit_of(children[i]) == 0);
	}
	return pass();
}
