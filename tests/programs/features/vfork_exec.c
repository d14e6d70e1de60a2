/* SPDX-License-Identifier: GPL-2.0-only */
/* life: vfork: the child uses the parent's memory until it executes a program or exits */
#include "feature.h"

static volatile int left_by_child;

int main(int argc, char **argv)
{
	if (argc > 2 && !strcmp(argv[1], "child"))
		return atoi(argv[2]) + 1;
	begin(argc, argv);
	const char *path = self();

	ready();
	do {
		pid_t child = vfork();

		CHECK(child >= 0);
		if (!child) {
			left_by_child = 4711 + run.round;
			execl(path, path, "child", "40", NULL);
			_exit(126);
		}
		CHECK(left_by_child == 4711 + run.round);
		CHECK(exit_of(child) == 41);
		point();
		child = vfork();
		CHECK(child >= 0);
		if (!child) {
			execl("/nowhere/to/be/found", "x", NULL);
			left_by_child = errno;
			_exit(127);
		}
		CHECK(left_by_child == ENOENT && exit_of(child) == 127);
	} while (again());
	return pass();
}
