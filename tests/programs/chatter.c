/* SPDX-License-Identifier: GPL-2.0-only */
/* Lives on its system calls: a round is a thousand small writes to a file, and reading them again. */
#include "program.h"

int main(int argc, char **argv)
{
	char said[64], heard[64];
	int fd;

	start(argc, argv);
	fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	CHECK(fd >= 0);
	do {
		for (int i = 0; i < 1000; i++) {
			fill(said, sizeof said, rounds_done * 1000 + i);
			CHECK(pwrite(fd, said, sizeof said, i * 64) == sizeof said);
			CHECK(pread(fd, heard, sizeof heard, i * 64) == sizeof heard);
			CHECK(!memcmp(said, heard, sizeof said));
		}
	} while (another_round());
	return pass();
}
