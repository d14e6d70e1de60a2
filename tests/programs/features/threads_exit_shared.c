/* SPDX-License-Identifier: GPL-2.0-only */
/* threads: a process ends, or executes a program, while its threads work: a file that it has mapped has what was written */
#include "feature.h"
#include <pthread.h>
#include <sys/mman.h>

#define THREADS 3
#define SIZE (8 * PAGE)

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
		for (int how = 0; how < 2; how++) {
			pid_t child = split();

			if (!child) {
				char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

				CHECK(memory != MAP_FAILED);
				for (int i = 0; i < THREADS; i++)
					CHECK_0(pthread_create(&thread, NULL, work, NULL));
				AWAIT(working == THREADS);
				fill(memory, SIZE, 2 * run.round + how);
				if (how)
					execl("/bin/sh", "sh", "-c", ":", NULL);
				exit(0);
			}
			busy_point();
			CHECK(exit_of(child) == 0);
			CHECK(pread(fd, bytes, SIZE, 0) == SIZE && is_filled(bytes, SIZE, 2 * run.round + how));
		}
	} while (again());
	return pass();
}
