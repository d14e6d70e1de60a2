/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: POSIX shared memory by name, attached twice and by a child, with a semaphore in it */
#include "feature.h"
#include <semaphore.h>
#include <sys/mman.h>

struct shared { sem_t semaphore; volatile int value; };

int main(int argc, char **argv)
{
	char name[32];

	begin(argc, argv);
	snprintf(name, sizeof name, "/feature.%d", getpid());
	ready();
	do {
		int fd = shm_open(name, O_RDWR | O_CREAT | O_EXCL, 0600);

		CHECK(fd >= 0 && ftruncate(fd, sizeof(struct shared)) == 0);
		struct shared *one = mmap(NULL, sizeof *one, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		struct shared *two = mmap(NULL, sizeof *two, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

		CHECK(one != MAP_FAILED && two != MAP_FAILED && one != two);
		CHECK(sem_init(&one->semaphore, 1, 0) == 0);
		one->value = 5;
		CHECK(two->value == 5);
		pid_t child = split();

		if (!child) {
			int own = shm_open(name, O_RDWR, 0);
			struct shared *mine = mmap(NULL, sizeof *mine, PROT_READ | PROT_WRITE, MAP_SHARED, own, 0);

			CHECK(own >= 0 && mine != MAP_FAILED && mine->value == 5);
			nap(5);
			mine->value = 6;
			CHECK(sem_post(&mine->semaphore) == 0);
			_exit(0);
		}
		point();
		while (sem_wait(&two->semaphore))
			CHECK(errno == EINTR);
		CHECK(one->value == 6 && two->value == 6);
		CHECK(exit_of(child) == 0 && shm_unlink(name) == 0 && close(fd) == 0);
		CHECK(munmap(one, sizeof *one) == 0 && munmap(two, sizeof *two) == 0);
	} while (again());
	return pass();
}
