/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: shared anonymous memory of parent and child: each sees what the other writes */
#include "feature.h"
#include <sys/mman.h>

#define WORDS 2000

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		volatile long *shared = mmap(NULL, WORDS * sizeof(long), PROT_READ | PROT_WRITE,
					     MAP_SHARED | MAP_ANONYMOUS, -1, 0);

		CHECK(shared != MAP_FAILED);
		pid_t child = split();

		if (!child) {
			for (long turn = 1; turn <= 5; turn++) {
				AWAIT(shared[0] == turn);
				for (int i = 2; i < WORDS; i++)
					CHECK(shared[i] == turn * i);
				shared[WORDS - 1] = -turn;
				shared[1] = turn;
			}
			_exit(0);
		}
		for (long turn = 1; turn <= 5; turn++) {
			for (int i = 2; i < WORDS; i++)
				shared[i] = turn * i;
			shared[0] = turn;
			if (turn == 3)
				point();
			AWAIT(shared[1] == turn);
			CHECK(shared[WORDS - 1] == -turn);
		}
		CHECK(exit_of(child) == 0);
		CHECK(munmap((void *)shared, WORDS * sizeof(long)) == 0);
	} while (again());
	return pass();
}
