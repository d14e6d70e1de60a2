/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Does not react until FILE.go exists: it waits, as in vfork but with memory of its own, for a child, which does the first round.
 * Then it goes on by itself. With -p only. With -w 1 it has another child, its first, which shares memory with it. With -w 2
 * it is a true vfork, and the child uses its memory.
 */
#include "program.h"
#include <sched.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

int main(int argc, char **argv)
{
	char go[4096];
	int status;
	pid_t child;

	start(argc, argv);
	CHECK(options.progress);
	snprintf(go, sizeof go, "%s.go", options.progress);
	volatile int *over = NULL;
	pid_t sharer = 0;
	if (options.workers == 1) {
		over = mmap(NULL, sizeof *over, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		CHECK(over != MAP_FAILED);
		sharer = fork();
		CHECK(sharer >= 0);
		while (sharer == 0) {
			usleep(10000);
			if (*over || getppid() == 1)
				_exit(8);
		}
	}
	int borrows = options.workers == 2;
	child = borrows ? vfork() : syscall(SYS_clone, CLONE_VFORK | SIGCHLD, 0, 0, 0, 0);
	CHECK(child >= 0);
	if (child == 0) {
		another_round();
		while (access(go, F_OK) != 0)
			usleep(10000);
		_exit(7);
	}
	if (!borrows)
		rounds_done++;
	CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 7);
	do
		usleep(10000);
	while (another_round());
	if (sharer) {
		*over = 1;
		CHECK(waitpid(sharer, &status, 0) == sharer && WIFEXITED(status) && WEXITSTATUS(status) == 8);
	}
	return pass();
}
