/* SPDX-License-Identifier: GPL-2.0-only */
/* files: splice, tee and vmsplice move bytes between pipes, files and memory */
#include "feature.h"
#include <sys/uio.h>

#define SIZE 40000

static char out[SIZE] __attribute__((aligned(4096))), in[SIZE];

static void read_all(int fd, char *to, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t got = read(fd, to + done, size - done);

		CHECK(got > 0);
		done += got;
	}
}

int main(int argc, char **argv)
{
	int one[2], two[2];

	begin(argc, argv);
	CHECK(pipe(one) == 0 && pipe(two) == 0);
	ready();
	do {
		int from = nameless_file(), to = nameless_file();
		loff_t offset = 1000;

		fill(out, SIZE, run.round);
		CHECK(write(from, out, SIZE) == SIZE);
		CHECK(splice(from, &offset, one[1], NULL, 20000, SPLICE_F_MOVE) == 20000 && offset == 21000);
		point();
		CHECK(tee(one[0], two[1], 5000, 0) == 5000);
		read_all(two[0], in, 5000);
		CHECK(!memcmp(in, out + 1000, 5000));
		for (size_t done = 0; done < 20000;) {
			ssize_t moved = splice(one[0], NULL, to, NULL, 20000 - done, 0);

			CHECK(moved > 0);
			done += moved;
		}
		CHECK(pread(to, in, SIZE, 0) == 20000 && !memcmp(in, out + 1000, 20000));
		CHECK(close(from) == 0 && close(to) == 0);
	} while (again());
	return pass();
}
