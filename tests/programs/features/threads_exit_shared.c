/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: a process ends, executes a program, or is killed after that has failed: a file that it has mapped has what was written */
#include "feature.h"
#include <pthread.h>
#include <sys/mman.h>

#define THREADS 3
#define SIZE (8 * PAGE)

enum how { EXITS, EXECUTES, KILLED };

static volatile int working;

static void *work(UNUSED void *argument)
{
	__atomic_add_fetch(&working, 1, __ATOMIC_SEQ_CST);
	for (;;)
		burn(5);
	return NULL;
}

int main(int argc, char **argv)
{
	static char bytes[SIZE];
	pthread_t thread;

	begin(argc, argv);
	int fd = nameless_file();

	CHECK(ftruncate(fd, SIZE) == 0);
	ready();
	do {
		for (enum how how = EXITS; how <= KILLED; how++) {
			pid_t child = split();

			if (!child) {
				char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

				CHECK(memory != MAP_FAILED);
				if (how == KILLED) {
					CHECK(execl("/none", "none", NULL) == -1 && errno == ENOENT);
					fill(memory, SIZE, 3 * run.round + how);
					kill(getpid(), SIGKILL);
				}
				for (int i = 0; i < THREADS; i++)
					CHECK_0(pthread_create(&thread, NULL, work, NULL));
				AWAIT(working == THREADS);
				fill(memory, SIZE, 3 * run.round + how);
				if (how == EXECUTES)
					execl("/bin/sh", "sh", "-c", ":", NULL);
				exit(0);
			}
			busy_point();
			CHECK(status_of(child) == (how == KILLED ? SIGKILL : 0));
			CHECK(pread(fd, bytes, SIZE, 0) == SIZE && is_filled(bytes, SIZE, 3 * run.round + how));
		}
	} while (again());
	return pass();
}
