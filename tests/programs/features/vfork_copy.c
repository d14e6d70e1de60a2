/* SPDX-License-Identifier: GPL-2.0-only */
/* life: clone with CLONE_VFORK and without CLONE_VM: the parent waits, each has memory of its own, and what they had mapped shared stays shared */
#include "feature.h"
#include <sched.h>
#include <sys/mman.h>

static volatile int own;

static pid_t fork_and_wait(void)
{
	return (pid_t)syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
}

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "child"))
		return 42;
	begin(argc, argv);
	const char *path = self();
	volatile int *shared = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	CHECK(shared != MAP_FAILED);
	ready();
	do {
		own = 1;
		*shared = 1;
		pid_t child = fork_and_wait();

		CHECK(child >= 0);
		if (!child) {
			own = 2;
			usleep(30000);
			*shared = 2;
			_exit(41);
		}
		/* It has waited. */
		CHECK(own == 1 && *shared == 2);
		CHECK(exit_of(child) == 41);
		point();
		child = fork_and_wait();
		CHECK(child >= 0);
		if (!child) {
			*shared = 3;
			execl(path, path, "child", NULL);
			_exit(126);
		}
		CHECK(*shared == 3 && exit_of(child) == 42);
	} while (again());
	return pass();
}
