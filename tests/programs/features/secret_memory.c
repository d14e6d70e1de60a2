/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: memfd_secret: memory that nobody else can read */
#include "feature.h"
#include <sys/mman.h>

#define SIZE (4 * PAGE)

int main(int argc, char **argv)
{
	begin(argc, argv);
	int fd = syscall(SYS_memfd_secret, 0);

	if (fd < 0)
		skip("no secret memory");
	CHECK(ftruncate(fd, SIZE) == 0);
	char *memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (memory == MAP_FAILED)
		skip("no secret memory can be mapped");
	fill(memory, SIZE, 0);
	ready();
	do {
		point();
		CHECK(is_filled(memory, SIZE, run.round));
		fill(memory, SIZE, run.round + 1);
		CHECK(read(fd, memory, 1) == -1);
	} while (again());
	return pass();
}
