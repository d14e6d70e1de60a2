/* SPDX-License-Identifier: GPL-2.0-only */
/* files: O_DIRECT: aligned memory goes to and from a file without the page cache */
#include "feature.h"

#define SIZE (64 << 10)

int main(int argc, char **argv)
{
	static const char *const places[] = { "/tmp", "/var/tmp", "/dev/shm", "/root" };
	char path[64], *memory = aligned_alloc(PAGE, SIZE);
	int fd = -1;

	begin(argc, argv);
	CHECK(memory);
	for (int i = 0; i < 4 && fd < 0; i++) {
		snprintf(path, sizeof path, "%s/feature.%d", places[i], getpid());
		fd = open(path, O_RDWR | O_CREAT | O_DIRECT, 0600);
		if (fd < 0)
			unlink(path);
	}
	if (fd < 0)
		skip("no file system with O_DIRECT");
	CHECK(unlink(path) == 0);
	ready();
	do {
		fill(memory, SIZE, run.round);
		CHECK(pwrite(fd, memory, SIZE, 0) == SIZE);
		memset(memory, 0, SIZE);
		point();
		CHECK(pread(fd, memory, SIZE / 2, 0) == SIZE / 2);
		CHECK(pread(fd, memory + SIZE / 2, SIZE / 2, SIZE / 2) == SIZE / 2);
		CHECK(is_filled(memory, SIZE, run.round));
		CHECK(fcntl(fd, F_GETFL) & O_DIRECT);
	} while (again());
	return pass();
}
