/* SPDX-License-Identifier: GPL-2.0-only */
/* memory: memfd_create: mapped shared and privately, sealed, resized, given to a child */
#include "feature.h"
#include <sys/mman.h>
#include <sys/stat.h>

#define SIZE (8 * PAGE)

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		int fd = memfd_create("feature", MFD_ALLOW_SEALING);
		struct stat status;

		CHECK(fd >= 0 && ftruncate(fd, SIZE) == 0);
		char *shared = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		char *private = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);

		CHECK(shared != MAP_FAILED && private != MAP_FAILED);
		fill(shared, SIZE, run.round);
		CHECK(is_filled(private, SIZE, run.round));
		private[0] ^= 1;
		point();
		CHECK(is_filled(shared, SIZE, run.round) && private[0] == (shared[0] ^ 1));
		CHECK(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE) == -1 && errno == EBUSY);
		pid_t child = split();

		if (!child) {
			shared[100] = 'c';
			CHECK(pwrite(fd, "file", 4, 200) == 4);
			_exit(0);
		}
		CHECK(exit_of(child) == 0);
		CHECK(shared[100] == 'c' && !memcmp(shared + 200, "file", 4));
		/* What has not been written privately is what the others write. */
		shared[3 * PAGE] ^= 1;
		CHECK(private[3 * PAGE] == shared[3 * PAGE]);
		CHECK(munmap(shared, SIZE) == 0 && fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK) == 0);
		CHECK(ftruncate(fd, PAGE) == -1 && errno == EPERM && pwrite(fd, "x", 1, 0) == -1 && errno == EPERM);
		CHECK(fcntl(fd, F_GET_SEALS) == (F_SEAL_WRITE | F_SEAL_SHRINK));
		CHECK(ftruncate(fd, 2 * SIZE) == 0 && fstat(fd, &status) == 0 && status.st_size == 2 * SIZE);
		CHECK(munmap(private, SIZE) == 0 && close(fd) == 0);
	} while (again());
	return pass();
}
