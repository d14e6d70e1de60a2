/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * `shows FILE` maps a file, privately and to be read, and prints the first 8 bytes and a sum of all: nothing is read in another way.
 * `shows FILE TEXT` stores TEXT at the beginning, through a shared mapping.
 */
#include "program.h"
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
	int stores = argc == 3;
	struct stat st;

	if (argc != 2 && !stores)
		fail("usage: shows FILE [TEXT]");
	int fd = open(argv[1], (stores ? O_RDWR : O_RDONLY) | O_CLOEXEC);

	CHECK(fd >= 0 && fstat(fd, &st) == 0 && st.st_size >= 8);
	unsigned char *shown = mmap(NULL, st.st_size, stores ? PROT_READ | PROT_WRITE : PROT_READ,
				    stores ? MAP_SHARED : MAP_PRIVATE, fd, 0);

	CHECK(shown != MAP_FAILED);
	if (stores) {
		memcpy(shown, argv[2], strlen(argv[2]) < 8 ? strlen(argv[2]) : 8);
		return 0;
	}
	uint64_t sum = 0;

	for (off_t i = 0; i < st.st_size; i++)
		sum = (sum ^ shown[i]) * 0x100000001b3;
	printf("%.8s %016llx\n", (char *)shown, (unsigned long long)sum);
	return 0;
}
