/* SPDX-License-Identifier: GPL-2.0-only */
/* life: a tree of 15 processes: children of children, each tells its sum by its exit code */
#include "feature.h"

static int gate[2], count[2];

/* A process of the tree; what it exits with. */
static int grow(int depth)
{
	pid_t children[2], parent = getpid();
	int sum = 0;

	tell(count[1], 'x');
	if (depth == 0) {
		char byte;

		/* Until the gate opens: end of file. */
		CHECK(read(gate[0], &byte, 1) == 0);
		return 1;
	}
	for (int i = 0; i < 2; i++) {
		children[i] = split();
		if (!children[i]) {
			CHECK(getppid() == parent);
			_exit(grow(depth - 1));
		}
	}
	for (int i = 0; i < 2; i++)
		sum += exit_of(children[i]);
	return sum + 1;
}

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		CHECK(pipe(gate) == 0 && pipe(count) == 0);
		pid_t root = split();

		if (!root) {
			CHECK(close(gate[1]) == 0);
			_exit(grow(3));
		}
		for (int i = 0; i < 15; i++)
			hear(count[0]);
		point();
		CHECK(close(gate[1]) == 0);
		CHECK(exit_of(root) == 15);
		CHECK(close(gate[0]) == 0 && close(count[0]) == 0 && close(count[1]) == 0);
	} while (again());
	return pass();
}
