/* SPDX-License-Identifier: GPL-2.0-only */
/* files: copy_file_range, fallocate, holes (SEEK_DATA, SEEK_HOLE), truncation */
#include "feature.h"
#include <sys/stat.h>

#define SIZE 50000

static char out[SIZE], in[SIZE];

int main(int argc, char **argv)
{
	begin(argc, argv);
	ready();
	do {
		int from = nameless_file(), to = nameless_file();
		loff_t source = 5000, target = 100000;
		struct stat status;

		fill(out, SIZE, run.round);
		CHECK(write(from, out, SIZE) == SIZE);
		for (loff_t left = 30000; left;) {
			ssize_t copied = copy_file_range(from, &source, to, &target, left, 0);

			CHECK(copied > 0);
			left -= copied;
		}
		CHECK(source == 35000 && target == 130000);
		point();
		CHECK(fstat(to, &status) == 0 && status.st_size == 130000);
		CHECK(pread(to, in, SIZE, 100000) == 30000 && !memcmp(in, out + 5000, 30000));
		CHECK(lseek(to, 0, SEEK_DATA) == 98304 && lseek(to, 100000, SEEK_HOLE) == 130000);
		CHECK(fallocate(to, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 102400, 8192) == 0);
		CHECK(pread(to, in, 8192, 102400) == 8192);
		for (int i = 0; i < 8192; i++)
			CHECK(in[i] == 0);
		CHECK(posix_fallocate(to, 0, 140000) == 0 && fstat(to, &status) == 0 && status.st_size == 140000);
		CHECK(ftruncate(to, 100003) == 0 && pread(to, in, SIZE, 100000) == 3 && !memcmp(in, out + 5000, 3));
		CHECK(close(from) == 0 && close(to) == 0);
	} while (again());
	return pass();
}
