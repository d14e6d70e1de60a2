/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Writes the number of each round to 64 pages of a shared mapping and reads it back through a second one: of /tmp/mapped, or,
 * with -m 0, of the SysV segment with key 0x6d6170.
 */
#include "program.h"
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/shm.h>

#define PAGES 64
#define PAGE 4096

static volatile char *attach(int segment)
{
	void *memory;

	if (segment) {
		int id = shmget(0x6d6170, PAGES * PAGE, IPC_CREAT | 0600);

		CHECK(id >= 0);
		memory = shmat(id, NULL, 0);
		CHECK(memory != (void *)-1);
	} else {
		int fd = open("/tmp/mapped", O_RDWR | O_CREAT, 0600);

		CHECK(fd >= 0 && ftruncate(fd, PAGES * PAGE) == 0);
		memory = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		CHECK(memory != MAP_FAILED && close(fd) == 0);
	}
	return memory;
}

int main(int argc, char **argv)
{
	start(argc, argv);
	volatile char *one = attach(options.megabytes == 0), *two = attach(options.megabytes == 0);

	do {
		for (int i = 0; i < PAGES; i++)
			*(volatile long *)(one + i * PAGE + 8 * i) = rounds_done + 1;
		for (int i = 0; i < PAGES; i++)
			CHECK(*(volatile long *)(two + i * PAGE + 8 * i) == rounds_done + 1);
		usleep(2000);
	} while (another_round());
	return pass();
}
