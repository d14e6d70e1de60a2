/* SPDX-License-Identifier: GPL-2.0-only */
/* files: vmsplice gives pages of memory to a pipe */
#include "feature.h"
#include <sys/uio.h>

#define SIZE (4 * PAGE)

static char out[SIZE] __attribute__((aligned(4096))), in[SIZE];

int main(int argc, char **argv)
{
	int ends[2];
	struct iovec part = { out, SIZE };

	begin(argc, argv);
	CHECK(pipe(ends) == 0);
	ready();
	do {
		fill(out, SIZE, run.round);
		CHECK(vmsplice(ends[1], &part, 1, 0) == SIZE);
		point();
		for (size_t done = 0; done < SIZE;) {
			ssize_t got = read(ends[0], in + done, SIZE - done);

			CHECK(got > 0);
			done += got;
		}
		CHECK(!memcmp(in, out, SIZE));
	} while (again());
	return pass();
}
