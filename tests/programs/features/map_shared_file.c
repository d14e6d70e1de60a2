/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: a file mapped shared and written through memory: the file has it, others see it */
#include "feature.h"
#include <sys/mman.h>
#include <sys/stat.h>

#define SIZE (16 * PAGE)

/* The first write through a new mapping tells when the file was changed. */
static void changes_time(int fd)
{
	struct timespec past[2] = { { 1000, 0 }, { 1000, 0 } };
	struct stat status;
	volatile char *memory = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	char before;

	CHECK(memory != MAP_FAILED && pread(fd, &before, 1, 7) == 1 && futimens(fd, past) == 0);
	memory[7] = before ^ 1;
	CHECK(msync((void *)memory, PAGE, MS_SYNC) == 0);
	CHECK(fstat(fd, &status) == 0 && status.st_mtim.tv_sec > 1000);
	memory[7] = before;
	CHECK(munmap((void *)memory, PAGE) == 0);
}

int main(int argc, char **argv)
{
	static char bytes[SIZE];

	begin(argc, argv);
	int fd = nameless_file();

	CHECK(ftruncate(fd, SIZE) == 0);
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	CHECK(memory != MAP_FAILED);
	ready();
	do {
		fill(memory, SIZE, run.round);
		point();
		changes_time(fd);
		CHECK(msync(memory, SIZE, MS_SYNC) == 0);
		CHECK(pread(fd, bytes, SIZE, 0) == SIZE && is_filled(bytes, SIZE, run.round));
		fill(bytes, SIZE, 1000 + run.round);
		CHECK(pwrite(fd, bytes, SIZE, 0) == SIZE);
		CHECK(is_filled(memory, SIZE, 1000 + run.round));
		pid_t child = split();

		if (!child) {
			memory[5] = 'c';
			_exit(0);
		}
		CHECK(exit_of(child) == 0);
		CHECK(memory[5] == 'c' && pread(fd, bytes, 1, 5) == 1 && bytes[0] == 'c');
	} while (again());
	return pass();
}
